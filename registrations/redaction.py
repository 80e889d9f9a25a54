"""What opens something is left out of texts: links, tokens, secrets, passwords, in every form in which they are written.

Logs, operations' pages and customers' pages all use these rules: what one of them hides, the others hide too.
"""

import re
from collections.abc import Callable

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
_KINDS = (
    r"(?:client )?secret(?:[_ -]?(?:text|key|value))?|portal[_ -]?keys|"
    r"(?:api|private|shared|subscription|access|account|session)[_ -]?key|"
    r"(?:csrfmiddleware)?token(?:[_ -]?value)?|(?:device|user)[_ -]?code|code[_ -]?verifier|(?:client[_ -]?)?(?:assertion|credential)|"
    r"pass(?:word|wd|phrase)|pwd|cookie|authorization|envelope|session[_-]?id"
)
_NAMED = rf"(?:[\w-]*?(?:{_KINDS})\d?)"
_WHOLE = r"(?i)(?<![\w-])"  # the name is no part of a longer one, in capitals or not
# A quotation mark: plain, escaped any number of times in JSON, or as an address or a page writes it.
_QUOTE = r"(?:\\{0,32}[\"']|%(?:25)?2[27]|&(?:quot|apos|#0?3[49]|#x2[27]);|\\{1,32}u002[27])"
_BLANKS = r"(?:\s|\\{1,32}[nrt])*+"  # also those that JSON wrote within JSON
_NAME_END = rf"(?:{_QUOTE})?(?:\[\w*\])?\]?\s*"  # behind a name: its quotation mark, or the place in a list
_IS = r"(?:=>?|:|%(?:25)?3[ad]|\\{1,32}u003[ad])"
_OPENED = rf"\s*+[bru]?(?P<quote>{_QUOTE})"  # a value in quotes
_UP_TO_QUOTE = r"(?:(?!(?P=quote))(?:\\.|[^\\]|\\$))*"  # or to the end of a text that was cut off
_LISTED = r"[\[({](?:\"(?:\\.|[^\"\\])*\"?|'(?:\\.|[^'\\])*'?|[^\])}\"'])*[\])}]?"  # several values, up to the end of the list
_BARE = r"[^\s&\"'<>,;]+"
_HEADERS = (
    r"(?:http_)?(?:proxy[_-])?authorization|(?:http_)?(?:set-)?cookie|x-csrftoken|(?:[a-z]+-){0,4}(?:auth|access|session)-token|"
    r"(?:[a-z]+-){0,4}(?:api|subscription|access|functions)-key"
)
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
    (re.compile(r"(?s)-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----.*?(?:-----END|\Z)"), "[private key]"),
    # A header up to the end of its line, or of the next one if its value stands there.
    (re.compile(rf"{_WHOLE}({_HEADERS})(\s*[:=]\s*)(?:bearer|basic|pop)\s*[\r\n]\s*[^\r\n\"']+"), r"\1\2[redacted]"),
    (re.compile(rf"{_WHOLE}({_HEADERS})(\s*[:=]\s*)(?![\"'\\])[^\r\n\"']+"), r"\1\2[redacted]"),
    (re.compile(rf"{_WHOLE}(portal[_ -]?keys\s*[=:]\s*)(?![\"'\\])[^\r\n\"']+"), r"\1[redacted]"),
    # {"name": "client_secret", "value": "..."}, and the same with "key".
    (
        re.compile(
            rf"(?s){_WHOLE}({_NAMED}{_QUOTE}{_BLANKS},{_BLANKS}{_QUOTE}value{_QUOTE}{_BLANKS}:){_OPENED}{_UP_TO_QUOTE}",
        ),
        r"\1 \g<quote>[redacted]",
    ),
    # --client-secret value, as in a command.
    (re.compile(rf"(?i)(?<![\w-])(--{_NAMED}\s+)(?![\"'\\]|--){_BARE}"), r"\1[redacted]"),
    (re.compile(rf"(?s)(?i:(?<![\w-])(--{_NAMED}\s)){_OPENED}{_UP_TO_QUOTE}"), r"\1\g<quote>[redacted]"),
    # "name": "value" in JSON and in Python, ('name', 'value'), name = "value"; "name": ["value", "value"].
    (
        re.compile(rf"(?s){_WHOLE}({_NAMED}{_NAME_END}(?:{_IS}|,)){_OPENED}{_UP_TO_QUOTE}"),
        r"\1 \g<quote>[redacted]",
    ),
    (re.compile(rf"(?s){_WHOLE}({_NAMED}{_NAME_END}{_IS}\s*+){_LISTED}"), r"\1[redacted]"),
    (re.compile(rf"{_WHOLE}(name=[\"']?{_NAMED}[\"']?\s+value=)[\"']?{_BARE}"), r"\1[redacted]"),
    (re.compile(rf"{_WHOLE}(<{_NAMED}>)[^<]+"), r"\1[redacted]"),
    # name=value in a form, name: value in a text.
    (re.compile(rf"{_WHOLE}({_NAMED}{_NAME_END}{_IS}\s*)(?![\"'\\\[({{%&]){_BARE}"), r"\1[redacted]"),
    # A part of a form with files: the value follows the part's headers.
    (
        re.compile(rf"{_WHOLE}(name=[\"']?{_NAMED}[\"']?(?:[^\r\n]{{0,200}}\r?\n){{1,5}}\r?\n)[^\r\n]+"),
        r"\1[redacted]",
    ),
    # In JSON a `code` is an error's name as often as a sign-in's: what consists of letters stays.
    (
        re.compile(rf"(?i)\bcode(\\*[\"']\s*:)(?:\s*+\[)?{_OPENED}(?![a-z_]{{1,80}}\\*[\"']){_UP_TO_QUOTE}"),
        r"code\1 \g<quote>[redacted]",
    ),
    (re.compile(rf"(?i)\bcode(=|%3d){_BARE}"), r"code\1[redacted]"),
    (
        re.compile(r"(?i)\b(bearer|basic|pop)(?:[:=]\s*|\s+)(?=[^\s\"']*[\d._~+/=-])[^\s\"',;<>]{6,}"),
        r"\1 [redacted]",
    ),
    (re.compile(r"(?i)\b(bearer):?\s+[a-z]{12,}"), r"\1 [redacted]"),
    (re.compile(r"\beyJ[A-Za-z0-9_-]{8,}(\.[A-Za-z0-9_-]*){0,2}"), "[token]"),
    # A secret as Entra makes them, and a key of 32 bytes in base64, whatever stands before them.
    (re.compile(r"(?<![\w.~-])[\w.~-]{3}\dQ~[\w.~-]{20,}"), "[redacted]"),
    (re.compile(r"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{43}=(?![A-Za-z0-9+/=])"), "[redacted]"),
    # A link's token, wherever it occurs: 256 bits in URL-safe base64 are 43 characters.
    (re.compile(r"[A-Za-z0-9_-]{43,}"), "[redacted]"),
)


def redact(text: str) -> str:
    """The text without invitation tokens, JSON web tokens, OAuth values, passwords, keys and query strings."""
    for pattern, replacement in RULES:
        text = pattern.sub(replacement, text)
    return text
