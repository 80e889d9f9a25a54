"""The pages of the mailbox."""

import smtplib

import requests

from sandbox.app import Sandbox
from tests.sandbox.actors import mail


def test_an_empty_mailbox_says_so(sandbox: Sandbox, web: requests.Session) -> None:
    assert "No message has arrived yet" in web.get(sandbox.mailbox_url, timeout=20).text


def test_the_newest_message_comes_first(sandbox: Sandbox, smtp: smtplib.SMTP, web: requests.Session) -> None:
    smtp.send_message(mail("The first"))
    smtp.send_message(mail("The <second>"))
    page = web.get(sandbox.mailbox_url, timeout=20).text
    assert page.index("The &lt;second&gt;") < page.index("The first")


def test_a_message_is_shown_with_its_links(sandbox: Sandbox, smtp: smtplib.SMTP, web: requests.Session) -> None:
    smtp.send_message(mail(html='<script>alert(1)</script><a href="https://umptoken.finebak.com/x">go</a>'))
    (message,) = sandbox.world.messages()
    answer = web.get(f"{sandbox.mailbox_url}{message.id}", timeout=20)
    assert '<a class="row" href="https://umptoken.finebak.com/authenticate/abc"' in answer.text
    assert "<script>" not in answer.text
    assert "allow-scripts" not in answer.text
    assert "allow-top-navigation-by-user-activation" in answer.text
    assert "script-src 'nonce-" in answer.headers["Content-Security-Policy"]


def test_an_unknown_message_is_404(sandbox: Sandbox, web: requests.Session) -> None:
    assert web.get(f"{sandbox.mailbox_url}none", timeout=20).status_code == 404
