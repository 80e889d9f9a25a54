"""The first sentence of Microsoft's own error text, without what it says about a person or a credential."""

import re

from registrations.redaction import redact

LONGEST = 300  # characters
REDACTED = "[…]"

# Microsoft's text ends with these: https://learn.microsoft.com/entra/identity-platform/reference-error-codes
_END = re.compile(r"(?:\b(?:Trace|Correlation|Request|Client request) ID\s*:|\bTimestamp\s*:|[\r\n])", re.IGNORECASE)
_CODE = re.compile(r"^\s*\[?AADSTS\d+\s*[:\]]+\s*", re.IGNORECASE)
_PRIVATE = (
    re.compile(r"\[(?:redacted|token|link|private key)\]"),
    re.compile(r"https?://\S*[^\s.!?]", re.IGNORECASE),  # the end of the sentence stays
    re.compile(
        r"""(?<!\w)(['"‘“])[^'"’”]*['"’”](?!\w)(?:\s*\([^)]*\))?"""
    ),  # values stand in quotes: '{appId}'({appName})
    re.compile(r"(?<![\w.-])[\w.-]+\\[\w.$-]*[\w$-]"),  # accounts
    re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", re.IGNORECASE),
    re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}\b|\b(?:[0-9a-f]{0,4}:){3,7}[0-9a-f]{0,4}\b", re.IGNORECASE),
    re.compile(r"(?<![\w.~+/=-])(?=[\w.~+/=-]*\d)[\w.~+/=-]{15,}[\w~+/=-]"),  # tokens, secrets, hashes
    re.compile(r"(?<!\w)\w{32,}"),
    re.compile(r"\[…\](?:[\s,.]*\[…\])+"),
)
_WORD = re.compile(r"\S+")
_SENTENCE = re.compile(r"^.+?[.!?](?=\s|$)")


def first_sentence(text: str) -> str:
    """The first sentence of an error text, at most `LONGEST` characters; "" where nothing is left.

    Values in quotes, accounts, IDs, addresses and whatever may be a token are left out. Braces become parentheses,
    because pages fill texts by names in braces.
    """
    words = _CODE.sub("", text[: LONGEST * 10])
    words = _END.split(words, maxsplit=1)[0]
    words = "".join(character if character.isprintable() else " " for character in words)
    words = _WORD.sub(_unless_account, redact(words))
    for pattern in _PRIVATE:
        words = pattern.sub(REDACTED, words)
    words = " ".join(words.replace("{", "(").replace("}", ")").split())
    found = _SENTENCE.match(words)
    words = found[0] if found else words
    if not words.replace(REDACTED, "").strip(" .,:;!?"):
        return ""
    return words if len(words) <= LONGEST else words[: LONGEST - 1].rstrip() + "…"


def _unless_account(found: re.Match[str]) -> str:
    word = found[0].rstrip(".!?")
    return REDACTED + found[0][len(word) :] if "@" in word[1:-1] or "#EXT#" in word else found[0]
