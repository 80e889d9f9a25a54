"""A remote service's own words, made fit for people: one line, short, without secrets, tokens and addresses of persons."""

import re
import unicodedata

from registrations.redaction import redact

LONGEST_SENTENCE = 300  # characters
LONGEST_READ = 4 * 1024  # characters of an answer: more takes long to redact, and nobody would see it

_SUPPORT_DATA = re.compile(r"(?:Trace ID|Correlation ID|Timestamp):.*", re.DOTALL)  # kept beside the sentence
_CODE = re.compile(r"^\s*\[?AADSTS\d+\s*[:\]]+\s*", re.IGNORECASE)
_WORD = re.compile(r"[^\s\"'<>()\[\],;]+")
_LONG = re.compile(r"[\w~.+/=-]{30,}")
_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def own_sentence(text: str) -> str:
    """What the service said, redacted and at most LONGEST_SENTENCE characters; "" if it said nothing.

    Without the code of Microsoft's at its beginning, which is kept beside the sentence.
    """
    return with_code(_CODE.sub("", text, count=1))


def with_code(text: str) -> str:
    """As `own_sentence`, with its code: for words of Microsoft's that somebody else repeats."""
    if len(text) > LONGEST_READ:
        read = text[:LONGEST_READ]
        text = read.rpartition(" ")[0] or read  # the last word may be half a secret
    text = _SUPPORT_DATA.sub("", text)
    text = "".join(each for each in text if each.isspace() or unicodedata.category(each)[0] != "C")
    text = " ".join(redact(text).split())  # some of its rules end with the line
    text = _WORD.sub(_without_address, text)
    text = _LONG.sub(_unless_readable, text)
    return text if len(text) <= LONGEST_SENTENCE else text[: LONGEST_SENTENCE - 1].rstrip() + "…"


def quoted(who: str, sentence: str) -> str:
    """`who` says: the sentence in quotation marks, with a full stop behind it where it has none; "" if nothing was said."""
    stop = "" if sentence.endswith((".", "!", "?", "…")) else "."
    return f"{who} says: “{sentence}”{stop}" if sentence else ""


def _without_address(found: re.Match[str]) -> str:
    """A word with an e-mail address in it, without the address. What stands before a colon or an equals sign stays."""
    before, at, host = found[0].partition("@")
    start = max(before.rfind(":"), before.rfind("=")) + 1
    name = host.rstrip(".")
    if not at or start == len(before) or "." not in name:
        return found[0]
    return f"{before[:start]}[e-mail]{host[len(name) :]}"


def _unless_readable(found: re.Match[str]) -> str:
    """A long word stays if it is an ID, an address or a name; a random one, such as a secret's value, does not."""
    word = found[0]
    kinds = (str.isdigit, str.islower, str.isupper)
    is_random = all(any(map(kind, word)) for kind in kinds) and not _GUID.search(word) and "://" not in word
    return "[redacted]" if is_random else word
