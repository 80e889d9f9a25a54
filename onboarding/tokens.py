"""The random values that open something: how they are made, and the keyed hashes they are looked up by."""

import secrets

from django.conf import settings

from registrations import encryption

TOKEN_BYTES = 32  # 256 random bits
LINK_PATTERN = r"[A-Za-z0-9_-]{43}"  # 32 bytes in URL-safe base64 without padding


def new_token() -> str:
    """256 random bits as 43 characters that are safe in a URL."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def invitation_hash(token: str) -> str:
    """What an invitation's token is kept as."""
    return _hash("invitation", token)


def invitation_hashes(token: str) -> list[str]:
    """What an invitation's token may be kept as: links outlive the key that was the newest when they were made."""
    return encryption.keyed_hashes(encryption.ring_of(settings.PORTAL_KEYS), "invitation", token)


def state_hash(state: str) -> str:
    """What the `state` of a trip to Microsoft's sign-in page is looked up by."""
    return _hash("sign-in state", state)


def browser_hash(value: str) -> str:
    """What the cookie of the browser that started a sign-in is compared by."""
    return _hash("sign-in browser", value)


def _hash(purpose: str, value: str) -> str:
    return encryption.keyed_hash(encryption.ring_of(settings.PORTAL_KEYS), purpose, value)
