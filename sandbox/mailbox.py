"""The mailbox page: received messages, newest first, with their links."""

from __future__ import annotations

import re
from html import escape

from werkzeug import Request, Response
from werkzeug.exceptions import NotFound

from sandbox import pages
from sandbox.model import Message
from sandbox.world import World

LINK = re.compile(r"https?://[^\s<>\"'\])]+")
# The iframe may open links, in a new tab or in this one. Scripts and forms stay off.
FRAME = "allow-popups allow-popups-to-escape-sandbox allow-top-navigation-by-user-activation"


def answer(world: World, request: Request) -> Response:
    """Answer `/mailbox/` with the list and `/mailbox/<id>` with a message."""
    identifier = request.path.removeprefix("/mailbox").strip("/")
    if request.method not in ("GET", "HEAD"):
        raise NotFound
    if not identifier:
        return _listing(world.messages())
    message = next((m for m in world.messages() if m.id == identifier), None)
    if message is None:
        raise NotFound
    return _message(message)


def _listing(messages: list[Message]) -> Response:
    if not messages:
        body = pages.paragraph("No message has arrived yet.") + pages.paragraph(
            "Mail sent by the portal appears here. Reload the page to check.", "soft"
        )
        return pages.page("Mailbox", body, wide=True)
    rows = "".join(
        f'<li><a class="row" href="/mailbox/{m.id}"><b>{escape(m.subject or "(no subject)")}</b>'
        f"<span>to {escape(', '.join(m.recipients))}</span>"
        f'<span><time datetime="{escape(m.received)}">{_time(m)}</time></span></a></li>'
        for m in reversed(messages)
    )
    count = f"{len(messages)} message" + ("" if len(messages) == 1 else "s")
    return pages.page("Mailbox", f'{pages.paragraph(count, "soft")}<ul class="plain">{rows}</ul>', wide=True)


def _time(message: Message) -> str:
    return escape(message.received.replace("T", " ").replace("Z", " UTC"))


def links_of(message: Message) -> list[str]:
    """The distinct URLs in the message."""
    found = LINK.findall(message.text) or LINK.findall(message.html or "")
    return list(dict.fromkeys(url.rstrip(".,;:") for url in found))


def _message(message: Message) -> Response:
    facts = (
        f"<dl><dt>From</dt><dd>{escape(message.sender)}</dd><dt>To</dt><dd>{escape(', '.join(message.recipients))}</dd>"
        f"<dt>Received</dt><dd>{_time(message)}</dd></dl>"
    )
    links = "".join(
        f'<li><a class="row" href="{escape(url)}" rel="noreferrer"><code>{escape(url)}</code></a></li>'
        for url in links_of(message)
    )
    body = '<p><a href="/mailbox/">All messages</a></p>' + facts
    if links:
        body += f'<h2>Links</h2><ul class="plain">{links}</ul>'
    if message.html is not None:
        # Without `base`, a link would open inside the frame.
        content = f'<base target="_blank">{message.html}'
        body += (
            f'<h2>Message</h2><iframe title="The message as sent" sandbox="{FRAME}" referrerpolicy="no-referrer" '
            f'srcdoc="{escape(content)}"></iframe>'
        )
    body += f"<h2>Text</h2><pre>{escape(message.text)}</pre>"
    response = pages.page(message.subject or "(no subject)", body, wide=True, frames="'self'")
    if message.html is not None:
        # The frame inherits this page's policy, and mails use inline styles.
        policy = response.headers["Content-Security-Policy"]
        response.headers["Content-Security-Policy"] = re.sub(
            r"style-src 'nonce-[^']+'", "style-src 'unsafe-inline'", policy
        )
    return response
