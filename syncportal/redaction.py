"""Keeps invitation links, codes and query strings out of the logs."""

import logging
import re
from collections.abc import Callable

from django.core.exceptions import PermissionDenied

LONGEST_MESSAGE = 4 * 1024  # characters
LONGEST_ENTRY = 64 * 1024  # with its traceback

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
    r"(?:refresh|access|id|device|csrf|csrfmiddleware|session)[_-]?token|device[_-]?code|code[_-]?verifier|"
    r"(?:client[_-]?)?assertion|pass(?:word|wd|phrase)|cookie|authorization|envelope|session[_-]?(?:id|key))\d?)"
)
_WHOLE = r"(?i)(?<![\w-])"  # the name is no part of a longer one, in capitals or not
_OPENED = r"\s*+(?:[\[({]\s*+)?[bru]?(?P<quote>\\{0,32}[\"'])"  # a value in quotes, also the first of a list, also in escaped JSON
_UP_TO_QUOTE = r"(?:(?!(?P=quote))(?:\\.|[^\\]|\\$))*"  # or to the end of a text that was cut off
_BARE = r"[^\s&\"'<>,;]+"
_HEADERS = r"(?:proxy-)?authorization|(?:set-)?cookie|x-api-key|x-csrftoken"
# The end of a user name and password in an address: a password may hold an @ or a slash. A port and a path are no password.
_USER_INFO = re.compile(r"(?<=[\w+.-]://)(?![^/@]*:\d{1,5}/)[^:@]*:.*")


def _without_query(found: re.Match[str]) -> str:
    return "?[redacted]" if "=" in found[0] else found[0]


def _without_user_info(found: re.Match[str]) -> str:
    before, at, after = found[0].rpartition("@")
    return _USER_INFO.sub("[redacted]", before, count=1) + at + after


# Each is linear in the text's length, because strangers write some of it: no part of a rule may begin at each character and
# read on to the end. What cannot be said so is a function of a whole word.
RULES: tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = (
    # Up to the end of the line or of the quoted request: a mistyped link may contain a space.
    (re.compile(rf"(?i)(/authenticate/)(?!(?:{_PAGE})?(?:[\s\"'<>?,;)\]]|$))[^\r\n\"'<>]+"), r"\1[link]"),
    (re.compile(r"\?[^\s\"'<>]*"), _without_query),
    (re.compile(r"[^\s\"'<>]+"), _without_user_info),
    (re.compile(r"(?<=[\w+.-]://)[^\s\"'<>/:@]+@"), "[redacted]@"),
    # A header up to the end of its line.
    (re.compile(rf"{_WHOLE}({_HEADERS})(\s*[:=]\s*)(?![\"'\\])[^\r\n\"']+"), r"\1\2[redacted]"),
    # "name": "value" in JSON and in Python, ('name', 'value'), name = "value".
    (
        re.compile(rf"(?s){_WHOLE}({_NAMED}(?:\\*[\"'])?\]?\s*(?:=>?|:|,|%3d)){_OPENED}{_UP_TO_QUOTE}"),
        r"\1 \g<quote>[redacted]",
    ),
    (re.compile(rf"{_WHOLE}(name=[\"']?{_NAMED}[\"']?\s+value=)[\"']?{_BARE}"), r"\1[redacted]"),
    (re.compile(rf"{_WHOLE}(<{_NAMED}>)[^<]+"), r"\1[redacted]"),
    # name=value in a form, name: value in a text.
    (re.compile(rf"{_WHOLE}({_NAMED}\s*(?:=>?|:|%3d)\s*)(?![\"'\\\[({{]){_BARE}"), r"\1[redacted]"),
    # In JSON a `code` is an error's name as often as a sign-in's: what consists of letters stays.
    (
        re.compile(rf"(?i)\bcode(\\*[\"']\s*:){_OPENED}(?![a-z_]{{1,80}}\\*[\"']){_UP_TO_QUOTE}"),
        r"code\1 \g<quote>[redacted]",
    ),
    (re.compile(rf"(?i)\bcode(=|%3d){_BARE}"), r"code\1[redacted]"),
    (
        re.compile(r"(?i)\b(bearer|basic|pop):?\s+(?=[^\s\"']*[\d._~+/=-])[^\s\"',;<>]{6,}"),
        r"\1 [redacted]",
    ),
    (re.compile(r"(?i)\b(bearer):?\s+[a-z]{12,}"), r"\1 [redacted]"),
    (re.compile(r"\beyJ[A-Za-z0-9_-]{8,}(\.[A-Za-z0-9_-]*){0,2}"), "[token]"),
    # A link's token, wherever it occurs: 256 bits in URL-safe base64 are 43 characters.
    (re.compile(r"[A-Za-z0-9_-]{43,}"), "[redacted]"),
)


def redact(text: str) -> str:
    """The text without invitation tokens, JSON web tokens, OAuth values, passwords and query strings."""
    for pattern, replacement in RULES:
        text = pattern.sub(replacement, text)
    return text


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
