"""Random secrets in links, states and cookies, and the keyed hashes by which they are looked up."""

import re
import secrets

from django.conf import settings

from registrations import encryption

TOKEN_BYTES = 32  # 256 random bits
LINK_LENGTH = 43
LINK_PATTERN = rf"[A-Za-z0-9_-]{{{LINK_LENGTH}}}"  # 32 bytes in URL-safe base64 without padding

# A blank, a line end or an invisible character inside a link, as it stands or as a code, also of quoted-printable mails.
BREAK = re.compile(
    r"=?(?:\s|[\u00ad\u200b-\u200f\u2028-\u202f\u2060-\u2064\ufeff])+"
    r"|=?%(?:25){0,3}(?:0[9ADad]|20|AD|C2%(?:25){0,3}A0|E2%(?:25){0,3}80%(?:25){0,3}8[B-Fb-f]|EF%(?:25){0,3}BB%(?:25){0,3}BF)"
)
# What programs write for one character: of a URL, of HTML, of a quoted-printable mail, of a string in JSON.
CODE = re.compile(
    r"%(?:25){0,3}[0-9A-Fa-f]{2}|&(?:#?[A-Za-z0-9]{2,6};|(?:quot|gt|lt|amp|nbsp|apos)(?![a-z]))|=[0-9A-F]{2}|\\[nrt]"
)
WORD = re.compile(r"[A-Za-z0-9_-]+")
# A page below a link that is none of the link's own: something stuck to one of those (`/security.`) means the invitation.
PAGE_BELOW = re.compile(r"/(?!(?:choose|existing|forward|security|start)/?(?![A-Za-z0-9/_-]))[A-Za-z0-9]")
LONGEST_EMPHASIS = 3  # of `_` and `-` that a text sets around a link
MOST_CANDIDATES = 8


def candidates_in(text: str) -> list[str]:
    """What may be the token of an invitation in the end of a link that programs and people have changed.

    Something is stuck to it, or it is broken in its middle. Each one is looked up as exactly as a token that stands alone.
    """
    found: dict[str, None] = {}
    joined = BREAK.sub("", text)
    for read in (text, CODE.sub(" ", text), joined, CODE.sub(" ", joined)):
        for word in WORD.finditer(read):
            if not PAGE_BELOW.match(read, word.end()):
                found |= dict.fromkeys(_without_emphasis(word[0]))
    return list(found)[:MOST_CANDIDATES]


def _without_emphasis(word: str) -> list[str]:
    """Each part of the word that is as long as a token, and leaves nothing but `_` and `-` around it."""
    surplus = len(word) - LINK_LENGTH
    if not 0 <= surplus <= 2 * LONGEST_EMPHASIS:
        return []
    starts = [start for start in range(surplus + 1) if not f"{word[:start]}{word[start + LINK_LENGTH :]}".strip("_-")]
    return [word[start : start + LINK_LENGTH] for start in starts]


def new_token() -> str:
    """256 random bits as 43 characters that are safe in a URL."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def invitation_hash(token: str) -> str:
    """The keyed hash under which an invitation's token is stored."""
    return _hash("invitation", token)


def invitation_hashes(token: str) -> list[str]:
    """The possible hashes of an invitation's token, one for each key: links outlive a change of the newest key."""
    return encryption.keyed_hashes(encryption.ring_of(settings.PORTAL_KEYS), "invitation", token)


def state_hash(state: str) -> str:
    """The hash by which a sign-in's `state` is looked up."""
    return _hash("sign-in state", state)


def browser_hash(value: str) -> str:
    """The hash with which the cookie of a sign-in's browser is compared."""
    return _hash("sign-in browser", value)


def _hash(purpose: str, value: str) -> str:
    return encryption.keyed_hash(encryption.ring_of(settings.PORTAL_KEYS), purpose, value)
