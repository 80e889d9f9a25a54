"""The SMTP server of the mailbox."""

import smtplib
import socket

from sandbox.app import Sandbox
from sandbox.smtp import MAX_MESSAGE_BYTES
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
