"""A small SMTP server (RFC 5321) that puts mail into the mailbox. It relays nothing."""

from __future__ import annotations

import re
import socketserver
from email import message_from_bytes, policy
from email.message import EmailMessage
from uuid import uuid4

from sandbox.model import Message
from sandbox.world import World

MAX_MESSAGE_BYTES = 10 * 1024 * 1024
MAX_LINE_BYTES = 4096
MAX_RECIPIENTS = 100
IDLE_SECONDS = 60
_ADDRESS = re.compile(r"^(?:FROM|TO):\s*<([^<>\s]*)>(.*)$", re.IGNORECASE)


class Session(socketserver.StreamRequestHandler):
    """One SMTP connection."""

    timeout = IDLE_SECONDS
    server: SmtpServer

    def handle(self) -> None:
        self._reset()
        try:
            self._reply(220, "localhost sandbox mailbox ready")
            while self._command():
                pass
        except (OSError, ValueError):
            # The client disconnected, or does not speak SMTP.
            return

    def _reset(self) -> None:
        self.sender: str | None = None
        self.recipients: list[str] = []

    def _reply(self, code: int, *lines: str) -> None:
        for index, line in enumerate(lines):
            dash = " " if index == len(lines) - 1 else "-"
            self.wfile.write(f"{code}{dash}{line}\r\n".encode())

    def _command(self) -> bool:
        """Answer one command; False ends the connection."""
        line = self.rfile.readline(MAX_LINE_BYTES + 1)
        if not line:
            return False
        if len(line) > MAX_LINE_BYTES:
            self._reply(500, "Line too long")
            return False
        verb, _, rest = line.decode("utf-8", "replace").strip().partition(" ")
        verb = verb.upper()
        if verb == "QUIT":
            self._reply(221, "Bye")
            return False
        if verb in ("EHLO", "HELO"):
            self._hello(verb)
        elif verb == "MAIL":
            self._mail(rest)
        elif verb == "RCPT":
            self._recipient(rest)
        elif verb == "DATA":
            self._data()
        elif verb in ("RSET", "NOOP"):
            if verb == "RSET":
                self._reset()
            self._reply(250, "OK")
        else:
            self._reply(502, "Command not implemented")
        return True

    def _hello(self, verb: str) -> None:
        self._reset()
        if verb == "EHLO":
            self._reply(250, "localhost", f"SIZE {MAX_MESSAGE_BYTES}", "8BITMIME", "SMTPUTF8")
        else:
            self._reply(250, "localhost")

    def _mail(self, rest: str) -> None:
        match = _ADDRESS.match(rest)
        if not match or not rest.upper().startswith("FROM"):
            self._reply(501, "Syntax: MAIL FROM:<address>")
            return
        size = re.search(r"\bSIZE=(\d+)", match[2], re.IGNORECASE)
        if size and int(size[1]) > MAX_MESSAGE_BYTES:
            self._reply(552, "Message too big")
            return
        self._reset()
        self.sender = match[1]
        self._reply(250, "OK")

    def _recipient(self, rest: str) -> None:
        match = _ADDRESS.match(rest)
        if self.sender is None:
            self._reply(503, "MAIL first")
        elif not match or not match[1] or not rest.upper().startswith("TO"):
            self._reply(501, "Syntax: RCPT TO:<address>")
        elif len(self.recipients) >= MAX_RECIPIENTS:
            self._reply(452, "Too many recipients")
        else:
            self.recipients.append(match[1])
            self._reply(250, "OK")

    def _data(self) -> None:
        if self.sender is None or not self.recipients:
            self._reply(503, "MAIL and RCPT first")
            return
        self._reply(354, "End data with <CR><LF>.<CR><LF>")
        content, size = bytearray(), 0
        while True:
            line = self.rfile.readline(MAX_MESSAGE_BYTES)
            if not line:
                return
            if line in (b".\r\n", b".\n"):
                break
            size += len(line)
            # Keep reading after the limit: the client reads the reply only after it has sent everything.
            if size <= MAX_MESSAGE_BYTES:
                content += line[1:] if line.startswith(b".") else line
        if size > MAX_MESSAGE_BYTES:
            self._reply(552, "Message too big")
        else:
            self.server.deliver(self.sender, self.recipients, bytes(content))
            self._reply(250, "OK, stored in the mailbox")
        self._reset()


class SmtpServer(socketserver.ThreadingTCPServer):
    """Listens on this machine only."""

    daemon_threads = True
    allow_reuse_address = True
    block_on_close = False

    def __init__(self, port: int, world: World) -> None:
        self.world = world
        super().__init__(("127.0.0.1", port), Session)

    def deliver(self, sender: str, recipients: list[str], content: bytes) -> None:
        message = read(sender, recipients, content, self.world.clock.instant())
        with self.world.lock:
            self.world.state.mail.append(message)
        self.world.touch()


def read(sender: str, recipients: list[str], content: bytes, received: str) -> Message:
    """Parse a received mail."""
    mail = message_from_bytes(content, policy=policy.default)
    return Message(
        id=str(uuid4()),
        received=received,
        sender=sender,
        recipients=list(recipients),
        subject=str(mail.get("Subject", "")),
        text=_part(mail, "plain") or "",
        html=_part(mail, "html"),
        headers={name: str(value) for name, value in mail.items()},
    )


def _part(mail: EmailMessage, kind: str) -> str | None:
    part = mail.get_body(preferencelist=(kind,))
    if part is None:
        return None
    try:
        return str(part.get_content())
    except (LookupError, UnicodeError, KeyError):
        raw = part.get_payload(decode=True)
        return raw.decode("latin-1") if isinstance(raw, bytes) else str(raw)
