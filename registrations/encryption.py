"""Envelopes for secrets at rest: AES-256-GCM, a data key for each envelope, bound to the place it is stored.

An envelope reads `v1.<key id>.<wrapped data key>.<nonce and ciphertext>`. The context (`table|column|row id`) is
authenticated (NIST SP 800-38D, additional authenticated data), so an envelope copied to another row does not open.
"""

import base64
import binascii
import hashlib
import hmac
import os
from dataclasses import dataclass
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
NONCE_BYTES = 12


class EnvelopeError(Exception):
    """The envelope cannot be decrypted: it is another row's, damaged, or its key is not in the ring."""


@dataclass(frozen=True)
class KeyRing:
    """Named keys; the first one seals, all of them open."""

    keys: tuple[tuple[str, bytes], ...]

    @staticmethod
    def new_key(key_id: str) -> str:
        """A new key as it is written in PORTAL_KEYS: `<key id>:<base64>`."""
        return f"{key_id}:{base64.b64encode(os.urandom(KEY_BYTES)).decode()}"

    @classmethod
    def parse(cls, text: str) -> "KeyRing":
        """Read `k2:...,k1:...`, newest first. Raises ValueError with a sentence that says what is wrong."""
        keys: list[tuple[str, bytes]] = []
        entries = filter(None, (part.strip() for part in text.split(",")))
        for place, entry in enumerate(entries, start=1):
            key_id, _, encoded = entry.partition(":")
            if not key_id.isalnum():
                raise ValueError("each key is written <id>:<base64>, and the id has only letters and digits.")
            try:
                key = base64.b64decode(encoded, validate=True)
            except binascii.Error:
                raise ValueError(f"key {place} is not base64.") from None
            if len(key) != KEY_BYTES:
                raise ValueError(f"key {place} has {len(key)} bytes and needs {KEY_BYTES}.")
            keys.append((key_id, key))
        if not keys:
            raise ValueError("it holds no key.")
        if len({key_id for key_id, _ in keys}) != len(keys):
            raise ValueError("two keys have the same id.")
        return cls(tuple(keys))

    def key(self, key_id: str) -> bytes:
        """The key with that ID. Raises EnvelopeError if the ring does not have it."""
        for known, key in self.keys:
            if known == key_id:
                return key
        raise EnvelopeError(f"The key ring has no key {key_id!r}: put it back into PORTAL_KEYS.")

    def derived(self, purpose: str, key_id: str | None = None) -> tuple[str, bytes]:
        """A key for one purpose only (HMAC-SHA256 as in RFC 5869's expand step), with the id it came from."""
        chosen = key_id or self.keys[0][0]
        return chosen, hmac.digest(self.key(chosen), b"syncportal:" + purpose.encode(), "sha256")


def seal(ring: KeyRing, plaintext: str, context: str) -> str:
    """An envelope around the plaintext that opens only with the same context."""
    key_id, key = ring.keys[0]
    data_key = AESGCM.generate_key(bit_length=256)
    associated = context.encode()
    wrapped = _encrypt(key, data_key, b"wrap|" + associated)
    return f"v1.{key_id}.{_encode(wrapped)}.{_encode(_encrypt(data_key, plaintext.encode(), associated))}"


def unseal(ring: KeyRing, envelope: str, context: str) -> str:
    """The plaintext of an envelope. Raises EnvelopeError if key, context or text do not fit."""
    try:
        version, key_id, wrapped, sealed = envelope.split(".")
        if version != "v1":
            raise EnvelopeError(f"Envelopes of version {version!r} are not known.")
        associated = context.encode()
        data_key = _decrypt(ring.key(key_id), _decode(wrapped), b"wrap|" + associated)
        return _decrypt(data_key, _decode(sealed), associated).decode()
    except (ValueError, binascii.Error, InvalidTag):
        raise EnvelopeError("The envelope does not open: it was damaged, or it belongs to another record.") from None


@lru_cache(maxsize=4)
def ring_of(text: str) -> KeyRing:
    """The parsed ring of a PORTAL_KEYS text, parsed once."""
    return KeyRing.parse(text)


def keyed_hash(ring: KeyRing, purpose: str, value: str) -> str:
    """A hash to store instead of a secret, made with the newest key: useless without the keys."""
    return keyed_hashes(ring, purpose, value)[0]


def keyed_hashes(ring: KeyRing, purpose: str, value: str) -> list[str]:
    """The hashes by all keys, newest first: what was kept under an older key is found as long as that key is here."""
    keys = [ring.derived(purpose, key_id)[1] for key_id, _ in ring.keys]
    return [hashlib.blake2b(value.encode(), key=key, digest_size=32).hexdigest() for key in keys]


def _encrypt(key: bytes, plaintext: bytes, associated: bytes) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plaintext, associated)


def _decrypt(key: bytes, sealed: bytes, associated: bytes) -> bytes:
    return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], associated)


def _encode(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


def _decode(value: str) -> bytes:
    return base64.urlsafe_b64decode(value + "=" * (-len(value) % 4))
