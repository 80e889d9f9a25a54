"""Looking for secrets where none may be: what they were, and how they could be spelled."""

import base64
import json
from typing import Any
from urllib.parse import quote

from tests.stack.stack import Stack

OTHER_NAMES = {"code", "code_verifier", "refresh_token", "assertion"}


def secrets_used(stack: Stack) -> dict[str, str]:
    """Every secret that crossed the wire or was given to us, with a name for it."""
    found = {
        "the portal's credential": stack.seed["provider"]["client_secret"],
        "the UMP's credential": stack.seed["ump"]["client_secret"],
    }
    link = stack.seeding.memory["link"]
    if link:
        found["the invitation's token"] = link.rpartition("/")[2]
    for number, call in enumerate(stack.sandbox("calls")):
        for name, value in _secrets_in(call["body"]):
            found.setdefault(f"{name} of call {number} ({call['path']})", value)
    return {name: value for name, value in found.items() if value}


def is_in(text: str, secret: str) -> bool:
    """True where the text holds the secret: as it is, as JSON or an address spells it, or in base64 as Celery does."""
    return any(spelling in text for spelling in _spellings(secret))


def _spellings(secret: str) -> set[str]:
    plain = {secret, quote(secret, safe=""), json.dumps(secret)[1:-1]}
    return plain | {part for form in plain for part in base64_parts(form.encode())}


def base64_parts(value: bytes) -> set[str]:
    """The value's middle in base64 at each of the three places it can begin at."""
    parts = set()
    for offset in range(3):
        encoded = base64.b64encode(b"\0" * offset + value).decode().rstrip("=")
        parts.add(encoded[4:-4])
    return parts


def _secrets_in(body: Any) -> list[tuple[str, str]]:
    if isinstance(body, dict):
        own = [(name, value) for name, value in body.items() if _is_secret(name) and isinstance(value, str)]
        return own + [pair for value in body.values() for pair in _secrets_in(value)]
    if isinstance(body, list):
        return [pair for value in body for pair in _secrets_in(value)]
    return []


def _is_secret(name: str) -> bool:
    return name in OTHER_NAMES or name.lower().endswith("secret")
