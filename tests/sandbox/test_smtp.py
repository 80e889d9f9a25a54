"""The SMTP server of the mailbox."""

import smtplib
import socket

import pytest

from sandbox.app import Sandbox
from sandbox.smtp import MAX_LINE_BYTES, MAX_MESSAGE_BYTES, read
from tests.sandbox.actors import mail


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


def test_a_message_over_the_limit_is_refused_after_its_data(
    sandbox: Sandbox, smtp: smtplib.SMTP, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sandbox.smtp.MAX_MESSAGE_BYTES", 50)
    smtp.helo()  # without ESMTP the client does not announce the size
    with pytest.raises(smtplib.SMTPDataError, match="too big"):
        smtp.sendmail("a@b.example", "c@d.example", "one line\r\n" * 10)
    assert sandbox.world.messages() == []
    smtp.sendmail("a@b.example", "c@d.example", "one line\r\n")
    assert len(sandbox.world.messages()) == 1


def test_too_many_recipients_are_refused(smtp: smtplib.SMTP, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandbox.smtp.MAX_RECIPIENTS", 1)
    assert smtp.docmd("MAIL", "FROM:<a@b.example>")[0] == 250
    assert [smtp.docmd("RCPT", f"TO:<{name}@b.example>")[0] for name in ("one", "two")] == [250, 452]


def test_a_line_over_the_limit_ends_the_connection(smtp: smtplib.SMTP) -> None:
    assert smtp.docmd("NOOP", "x" * MAX_LINE_BYTES)[0] == 500
    with pytest.raises(smtplib.SMTPServerDisconnected):
        smtp.noop()


def test_a_text_in_an_unknown_character_set_is_still_shown() -> None:
    content = b"Content-Type: text/plain; charset=unknown\r\n\r\nGr\xfc\xdfe"
    assert read("a@b.example", ["c@d.example"], content, "2026-01-01T00:00:00Z").text == "Grüße"
