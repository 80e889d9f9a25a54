"""Random secrets in links, states and cookies, and the keyed hashes by which they are looked up."""

import secrets

from django.conf import settings

from registrations import encryption

TOKEN_BYTES = 32  # 256 random bits
LINK_PATTERN = r"[A-Za-z0-9_-]{43}"  # 32 bytes in URL-safe base64 without padding

# What is no part of a token: punctuation, blanks and invisible characters, also percent-encoded twice or as an HTML entity.
STUCK_BEFORE = r"(?:[^A-Za-z0-9_%&-]|%(?:25){0,3}[0-9A-Fa-f]{2}|&[a-z]{2,6};){0,20}"
STUCK_AFTER = r"(?:[^A-Za-z0-9%&]|%(?![0-9A-Fa-f]{2})|%(?:25){0,3}[0-9A-Fa-f]{2}|&(?:[a-z]{2,6};)?){0,40}"


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
