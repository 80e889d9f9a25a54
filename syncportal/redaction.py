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
# Names of values that open something, in every spelling: client_secret, clientSecret, client-secret, ump_client_secret.
_NAMED = (
    r"(?:[\w-]*?(?:client[_-]?secret|secret[_-]?text|secret[_-]?key|portal[_-]?keys|api[_-]?key|"
    r"(?:refresh|access|id|device|bearer|csrf|csrfmiddleware|session)[_-]?token|device[_-]?code|code[_-]?verifier|"
    r"(?:client[_-]?)?assertion|pass(?:word|wd|phrase)|cookie|authorization|envelope|session[_-]?(?:id|key))\d?)"
)
_IS = r"\s*(?:=>?|:|%3[dD])\s*"
# The value in quotes, also within escaped JSON, in a list, or cut off before its end.
_QUOTED = r"[\[({]?\s*[bruBRU]?(?P<quote>\\*[\"'])(?:(?!(?P=quote))(?:\\.|[^\\]|\\$))*"
_HEADER = r"(?:proxy-)?authorization|(?:set-)?cookie|x-api-key|x-csrftoken"
# In JSON, `code` is an error's name as often as it is a sign-in's: a word with no digit in it stays.
_CODE = r"(?:\b|(?<=\\n))code"
RULES = (
    # Up to the end of the line or of the quoted request: a mistyped link may contain a space.
    (re.compile(rf"(?i)(/authenticate/)(?!(?:{_PAGE})?(?:[\s\"'<>?,;)\]]|$))[^\r\n\"'<>]+"), r"\1[link]"),
    (re.compile(r"\?[^\s\"'<>]*=[^\s\"'<>]*"), "?[redacted]"),
    # User name and password in an address. A password may hold an @ or a slash that nobody encoded.
    (re.compile(r"(\b[a-zA-Z][\w+.-]*://)(?![^\s/@\"'<>]*:\d{1,5}/)[^\s\"'<>@]*:[^\s\"'<>]*@"), r"\1[redacted]@"),
    (re.compile(r"(\b[a-zA-Z][\w+.-]*://)[^\s\"'<>/:@]+@"), r"\1[redacted]@"),
    (re.compile(rf"(?im)(?<![\w-])({_HEADER})(\s*[:=]\s*)(?![\"'\\])[^\r\n\"']+"), r"\1\2[redacted]"),
    (re.compile(rf"(?is)(?<![\w-])({_NAMED}(?:\\*[\"'])?\]?{_IS}){_QUOTED}"), r"\1\g<quote>[redacted]"),
    (re.compile(rf"(?i)(?<![\w-])({_NAMED}{_IS})(?![\"'\\\[({{])[^\s&\"'<>,;]+"), r"\1[redacted]"),
    (
        re.compile(
            rf"(?i){_CODE}((?:\\*[\"'])\s*:\s*)(?P<quote>\\*[\"'])(?![a-z_]{{1,80}}\\*[\"'])(?:(?!(?P=quote)).)*"
        ),
        r"code\1\g<quote>[redacted]",
    ),
    (re.compile(rf"(?i){_CODE}(=|%3d)[^\s&\"'<>,;]+"), r"code\1[redacted]"),
    (
        re.compile(
            r"(?i)\b(bearer|basic|negotiate|pop)\s+(?!realm|error|token\b)(?=[^\s\"']*[\d._~+/=-])[^\s\"',;<>]{6,}"
        ),
        r"\1 [redacted]",
    ),
    (re.compile(r"(?i)\b(bearer)\s+[A-Za-z0-9._~+/=-]{12,}"), r"\1 [redacted]"),
    (re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]*)?"), "[token]"),
    # A link's token, wherever it occurs: 256 bits in URL-safe base64 are 43 characters.
    (re.compile(r"[A-Za-z0-9_-]{43,}"), "[redacted]"),
)


def redact(text: str) -> str:
    """The text without invitation tokens, JSON web tokens, OAuth values, passwords and query strings."""
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
        try:
            message = record.getMessage()
        except (TypeError, ValueError, KeyError):  # arguments that do not fit the text must not end the request
            message = f"{record.msg} {record.args}"
        record.msg, record.args = redact(message), ()
        return True


class RedactingFormatter(logging.Formatter):
    """Redacts tracebacks and stacks too: an exception's text may hold what a remote service answered."""

    def format(self, record: logging.LogRecord) -> str:
        """The whole entry, redacted."""
        return redact(super().format(record))
