"""Mail is received by SMTP and shown on a page."""

import smtplib
import socket
from collections.abc import Iterator
from email.message import EmailMessage

import pytest
import requests

from sandbox.app import Sandbox
from sandbox.smtp import MAX_MESSAGE_BYTES


@pytest.fixture
def smtp(sandbox: Sandbox) -> Iterator[smtplib.SMTP]:
    with smtplib.SMTP("127.0.0.1", sandbox.smtp_port, timeout=10) as client:
        yield client


def mail(subject: str = "Connect Contoso", html: str | None = None) -> EmailMessage:
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = subject, "portal@finebak.example", "it@contoso.example"
    message.set_content("Open https://umptoken.finebak.com/authenticate/abc.\n.a line with a dot\n")
    if html:
        message.add_alternative(html, subtype="html")
    return message


def test_a_message_is_stored_with_its_parts(sandbox: Sandbox, smtp: smtplib.SMTP) -> None:
    smtp.send_message(mail("Grüße", "<p>Hello <b>Contoso</b></p>"))
    (found,) = sandbox.world.messages()
    assert (found.sender, found.recipients) == ("portal@finebak.example", ["it@contoso.example"])
    assert found.subject == "Grüße"
    assert found.text.splitlines()[1] == ".a line with a dot"
    assert found.html is not None
    assert "<b>Contoso</b>" in found.html


def test_commands_out_of_order_are_refused(smtp: smtplib.SMTP) -> None:
    assert smtp.docmd("HELO", "me")[0] == 250
    assert smtp.docmd("RCPT", "TO:<a@b.example>")[0] == 503
    assert smtp.docmd("DATA")[0] == 503
    assert smtp.docmd("MAIL", "FROM:<a@b.example>")[0] == 250
    assert smtp.docmd("DATA")[0] == 503
    assert smtp.docmd("RCPT", "TO:<>")[0] == 501
    assert smtp.docmd("MAIL", "TO:<a@b.example>")[0] == 501
    assert smtp.docmd("RSET")[0] == 250
    assert smtp.docmd("RCPT", "TO:<a@b.example>")[0] == 503
    assert smtp.docmd("NOOP")[0] == 250
    assert smtp.docmd("STARTTLS")[0] == 502


def test_an_oversized_message_is_refused_before_its_data(smtp: smtplib.SMTP) -> None:
    assert f"SIZE {MAX_MESSAGE_BYTES}" in smtp.ehlo()[1].decode()
    assert smtp.docmd("MAIL", f"FROM:<a@b.example> SIZE={MAX_MESSAGE_BYTES + 1}")[0] == 552


def test_an_incomplete_message_is_not_stored(sandbox: Sandbox) -> None:
    with socket.create_connection(("127.0.0.1", sandbox.smtp_port), timeout=5) as connection:
        connection.recv(100)
        connection.sendall(b"MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\nhalf a message")
    assert sandbox.world.messages() == []


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
