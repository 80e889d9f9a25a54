"""Keeps invitation links, codes and query strings out of the logs."""

import logging
import re

from django.core.exceptions import PermissionDenied

# What may follow /authenticate/ in a log. Anything else there is a link, or a mistyped one.
PAGES = (
    "OAuth2Callback",
    "registration",
    "allow",
    "progress",
    "progress/sign-in",
    "progress/look-again",
    "done",
    "assets/portal.css",
    "assets/portal.js",
    "assets/favicon.svg",
)
_PAGE = "|".join(re.escape(page) for page in PAGES)
RULES = (
    # Up to the end of the line or of the quoted request: a mistyped link may contain a space.
    (re.compile(rf"(?i)(/authenticate/)(?!(?:{_PAGE})?(?:[\s\"'<>?,;)\]]|$))[^\r\n\"'<>]+"), r"\1[link]"),
    (re.compile(r"\?[^\s\"'<>]*=[^\s\"'<>]*"), "?[redacted]"),
    (
        re.compile(r"(?i)\b(code|client_secret|refresh_token|access_token|id_token|secretText)=[^&\s\"']+"),
        r"\1=[redacted]",
    ),
    (re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]*)?"), "[token]"),
    # A link's token, wherever it occurs: 256 bits in URL-safe base64 are 43 characters.
    (re.compile(r"[A-Za-z0-9_-]{43,}"), "[redacted]"),
)


def redact(text: str) -> str:
    """The text without invitation tokens, JSON web tokens, OAuth values and query strings."""
    for pattern, replacement in RULES:
        text = pattern.sub(replacement, text)
    return text


class RedactionFilter(logging.Filter):
    """Redacts the message of each record before any handler formats it."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Replace the record's message by its redacted text; every record passes.

        A refused permission is not an error of SyncPortal: its line says who asked for what, and a traceback adds nothing.
        """
        if record.exc_info and isinstance(record.exc_info[1], PermissionDenied):
            record.exc_info = None
        record.msg = redact(record.getMessage())
        record.args = ()
        return True


class RedactingFormatter(logging.Formatter):
    """Redacts tracebacks and stacks too: an exception's text may hold what a remote service answered."""

    def format(self, record: logging.LogRecord) -> str:
        """The whole entry, redacted."""
        return redact(super().format(record))
