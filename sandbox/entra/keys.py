"""The RS256 keys that sign tokens. All are published as a JWKS; the newest one signs."""

from __future__ import annotations

import base64
import functools
import hashlib
import json
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from sandbox.model import JsonObject
from sandbox.tls import signing_key


class SigningKeys:
    """Signs with the newest key and verifies with all keys."""

    def __init__(self, path: Path) -> None:
        self._keys: dict[str, rsa.RSAPrivateKey] = {}
        self._add(signing_key(path))

    def _add(self, key: rsa.RSAPrivateKey) -> None:
        public = key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        kid = base64.urlsafe_b64encode(hashlib.sha256(public).digest()[:20]).decode().rstrip("=")
        self._keys[kid] = key
        self.current = kid

    def rotate(self) -> None:
        """Sign with a new key. The old keys stay published until the sandbox stops."""
        self._add(rsa.generate_private_key(public_exponent=65537, key_size=2048))

    def sign(self, claims: JsonObject) -> str:
        return jwt.encode(claims, self._keys[self.current], algorithm="RS256", headers={"kid": self.current})

    def verify(self, token: str, audiences: list[str], now: float) -> dict[str, Any]:
        """The claims of a valid token, by the sandbox's clock. Raises jwt.InvalidTokenError."""
        claims = dict(self._verified(token, tuple(audiences)))
        if float(claims["exp"]) <= now:
            raise jwt.ExpiredSignatureError("Lifetime validation failed, the token is expired.")
        return claims

    @functools.lru_cache(maxsize=256)  # noqa: B019  lives as long as the process, and clients reuse tokens
    def _verified(self, token: str, audiences: tuple[str, ...]) -> dict[str, Any]:
        """The claims, after signature and audience are checked. Cached, because keys are never removed."""
        kid = str(jwt.get_unverified_header(token).get("kid"))
        if kid not in self._keys:
            raise jwt.InvalidTokenError("unknown key")
        return jwt.decode(
            token,
            self._keys[kid].public_key(),
            algorithms=["RS256"],
            audience=list(audiences),
            options={"verify_exp": False, "verify_nbf": False, "verify_iat": False},
        )

    def jwks(self, issuer: str) -> JsonObject:
        keys = []
        for kid, key in self._keys.items():
            public = json.loads(RSAAlgorithm.to_jwk(key.public_key()))
            keys.append({"kty": "RSA", "use": "sig", "kid": kid, "n": public["n"], "e": public["e"], "issuer": issuer})
        return {"keys": keys}
