"""The answer while the database is away, restarting or read-only: a page in words with status 503, and one line in the log.

The page needs no database, session or template and loads nothing: on an instance's host even the stylesheet would need the
database, to find the instance.
"""

import base64
import hashlib
import logging
import sys

from django.db import DatabaseError, InterfaceError, InternalError, OperationalError
from django.http import HttpResponse

# PEP 249 leaves open which class an outage has. psycopg: OperationalError for a lost connection, a restart, too many
# connections and a cancelled statement; InterfaceError for a connection that is closed already; InternalError for a
# read-only transaction (https://www.postgresql.org/docs/current/errcodes-appendix.html).
OUTAGES = (OperationalError, InterfaceError, InternalError)
QUERY_CANCELED = "57014"  # what statement_timeout raises
RETRY_AFTER = 30  # seconds

AWAY = (
    "This page is not available at the moment",
    "The database behind it does not answer, or does not accept changes right now. What was saved before is not lost.",
)
TOO_SLOW = (
    "This took too long",
    "The database took too long to answer, so the request was stopped.",
)
STYLE = (  # as the customers' pages look
    ":root{color-scheme:light dark;--page:#fafafa;--surface:#fff;--text:#1f1f1f;--line:#d6d6d6}"
    "@media(prefers-color-scheme:dark){:root{--page:#1a1a1a;--surface:#242424;--text:#f0f0f0;--line:#454545}}"
    "body{margin:0;background:var(--page);color:var(--text);font:16px/1.5 system-ui,sans-serif;overflow-wrap:anywhere}"
    "main{max-width:592px;margin:48px auto;padding:32px 24px}"
    "@media(min-width:640px){main{padding:40px 48px;background:var(--surface);border:1px solid var(--line);border-radius:8px}}"
    "h1{font-size:25px;line-height:1.25;font-weight:600;margin:0 0 16px;text-wrap:balance}"
    "h2{font-size:20px;line-height:1.4;font-weight:600;margin:32px 0 8px}p{margin:0 0 16px}p:last-child{margin:0}"
)
_DIGEST = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
HEADERS = {
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_DIGEST}'; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "strict-origin",
    "Cache-Control": "no-store",
    "Retry-After": str(RETRY_AFTER),
}
PAGE = """<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <meta name="robots" content="noindex, nofollow">
  <title>{title}</title>
  <style>{style}</style>
</head>
<body>
  <main>
    <h1>{title}</h1>
    <p>{sentence}</p>
    <h2>What to do</h2>
    <p>Wait a minute, then load the page again. If you sent a form, check first whether it was saved.</p>
    <p>If this lasts longer than a few minutes, tell your contact.</p>
  </main>
</body>
</html>
"""


def page() -> HttpResponse | None:
    """The 503 page if the exception being handled is an outage of the database, or None. For handlers of Django's 500."""
    error = sys.exc_info()[1]
    if error is None or not is_outage(error):
        return None
    title, sentence = TOO_SLOW if is_too_slow(error) else AWAY
    return HttpResponse(PAGE.format(title=title, sentence=sentence, style=STYLE), status=503, headers=HEADERS)


def is_outage(error: BaseException) -> bool:
    """Whether the database cannot be used at all."""
    return isinstance(error, OUTAGES) or is_unusable_file(error)


def is_unusable_file(error: BaseException) -> bool:
    """Whether SQLite says that its file is damaged or no database: it has no class of its own for that.

    Django raises the same class itself, without the driver's error as its cause, where a row is gone that somebody saves.
    """
    return type(error) is DatabaseError and error.__cause__ is not None


def is_too_slow(error: BaseException) -> bool:
    """Whether statement_timeout ended the statement."""
    return getattr(error.__cause__, "sqlstate", None) == QUERY_CANCELED


def sentence_of(error: BaseException) -> str:
    """The first line of what the database said."""
    return (str(error).splitlines() or [type(error).__name__])[0]


class OutageFilter(logging.Filter):
    """Logs an outage in one line: its traceback would be the same at each request. A slow statement keeps its own."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Drop the traceback, and name the reason in its place."""
        error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
        if error is not None and is_outage(error) and not is_too_slow(error):
            record.msg = f"{record.getMessage()} (the database cannot be used: {sentence_of(error)})"
            record.args, record.exc_info, record.exc_text = None, None, None
        return True
