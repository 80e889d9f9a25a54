"""What a bad request leaves in the log: one short line without a traceback, and a bounded number of lines.

Anybody can send requests that Django refuses (a false Host, a malformed body, too many fields, an unknown address). That is
no error of SyncPortal, and must neither fill the log nor hide what matters in it.
"""

import logging
import threading
import time

from django.http import UnreadablePostError

LOGGERS = ("django.request", "django.security")
LONGEST = 300  # characters
LINES, SECONDS = 60, 60.0  # at most so many lines of bad requests in so many seconds, in each process


class BadRequestFilter(logging.Filter):
    """Shortens and counts lines about requests that were refused; all others pass as they are."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._since, self._lines, self._left_out = 0.0, 0, 0

    def filter(self, record: logging.LogRecord) -> bool:
        """False where the line is one too many. The next window's first line says how many were left out."""
        if not is_bad_request(record):
            return True
        with self._lock:
            now = time.monotonic()
            left_out = 0
            if now - self._since >= SECONDS:
                left_out, self._left_out = self._left_out, 0
                self._since, self._lines = now, 0
            self._lines += 1
            if self._lines > LINES:
                self._left_out += 1
                return False
        text = " ".join(record.getMessage().split())[:LONGEST]
        record.msg = f"{text} ({left_out} lines about refused requests were left out)" if left_out else text
        record.args, record.exc_info, record.exc_text, record.stack_info = (), None, None, None
        return True


def is_bad_request(record: logging.LogRecord) -> bool:
    """Whether the line is about a request that was refused, or whose body broke off."""
    if not any(record.name == name or record.name.startswith(f"{name}.") for name in LOGGERS):
        return False
    if record.exc_info and isinstance(record.exc_info[1], UnreadablePostError):
        return True
    return 400 <= int(getattr(record, "status_code", 0) or 0) < 500 or record.name.startswith("django.security")
