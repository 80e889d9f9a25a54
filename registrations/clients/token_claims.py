"""What Microsoft's tokens say, unverified, and the keys that verify them."""

import base64
import json
from typing import Any

import jwt

from registrations.clients.answer_values import AnswerValues


def claims_for_diagnosis(token: str) -> dict[str, Any]:
    """What a token says, unverified: for sentences and counts, never for a decision."""
    try:
        claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    except jwt.PyJWTError:
        return {}
    return claims


def texts_in(claims: dict[str, Any], name: str) -> frozenset[str]:
    """A list of texts in a token that is not ours: read for diagnosis, so anything else counts as none."""
    found = claims.get(name)
    return frozenset(each for each in found if isinstance(each, str)) if isinstance(found, list) else frozenset()


def signing_key(values: AnswerValues, keys: dict[str, Any], key_id: object) -> jwt.PyJWK:
    """The key of that ID in a JSON Web Key Set. Raises PyJWTError if there is none that can be used."""
    found = [entry for entry in values.entries(keys, "keys") if entry.get("kid") == key_id]
    if not found:
        raise jwt.InvalidKeyError
    return jwt.PyJWK.from_dict(found[0])


def is_encoded_object(text: str) -> bool:
    """Whether a text is an object in JSON in base64url, as Microsoft's `client_info` is."""
    try:
        return isinstance(json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))), dict)
    except ValueError:
        return False
