"""Keeps invitation links, codes and query strings out of the logs."""

import logging

from django.core.exceptions import PermissionDenied

from registrations.redaction import redact

LONGEST_MESSAGE = 4 * 1024  # characters
LONGEST_ENTRY = 64 * 1024  # with its traceback


def cut(text: str, most: int) -> str:
    """At most so many characters, and a note: without the last word, which could be the half of a token."""
    if len(text) <= most:
        return text
    kept = text[:most]
    return f"{kept.rpartition(' ')[0] or kept} [cut after {most} characters]"


class RedactionFilter(logging.Filter):
    """Redacts the message of each record before any handler formats it."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Replace the record's message by its redacted text; every record passes.

        A refused permission is not an error of SyncPortal: its line says who asked for what, and a traceback adds nothing.
        """
        if record.exc_info and isinstance(record.exc_info[1], PermissionDenied):
            record.exc_info = None
        try:
            message = record.getMessage()
        except (TypeError, ValueError, KeyError):  # arguments that do not fit the text must not end the request
            message = f"{record.msg} {record.args}"
        record.msg, record.args = redact(cut(message, LONGEST_MESSAGE)), ()
        return True


class RedactingFormatter(logging.Formatter):
    """Redacts tracebacks and stacks too: an exception's text may hold what a remote service answered."""

    def format(self, record: logging.LogRecord) -> str:
        """The entry, redacted."""
        return redact(cut(super().format(record), LONGEST_ENTRY))
