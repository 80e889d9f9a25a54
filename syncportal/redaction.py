"""Keeps invitation links, codes and query strings out of the logs."""

import logging
import re

RULES = (
    (re.compile(r"(/authenticate/)[A-Za-z0-9_-]{32,}"), r"\1[link]"),
    (re.compile(r"\?[^\s\"'<>]*=[^\s\"'<>]*"), "?[redacted]"),
    (
        re.compile(r"(?i)\b(code|client_secret|refresh_token|access_token|id_token|secretText)=[^&\s\"']+"),
        r"\1=[redacted]",
    ),
    (re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]*)?"), "[token]"),
)


def redact(text: str) -> str:
    """The text without invitation tokens, JSON web tokens, OAuth values and query strings."""
    for pattern, replacement in RULES:
        text = pattern.sub(replacement, text)
    return text


class RedactionFilter(logging.Filter):
    """Redacts the message of each record before any handler formats it."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Replace the record's message by its redacted text; every record passes."""
        record.msg = redact(record.getMessage())
        record.args = ()
        return True


class RedactingFormatter(logging.Formatter):
    """Redacts tracebacks too: an exception's text may hold what a remote service answered."""

    def formatException(self, ei: object) -> str:  # noqa: N802  the name is logging's
        """The traceback, redacted."""
        return redact(super().formatException(ei))  # type: ignore[arg-type]
