"""The identity in a validated id_token. No other module accepts claims."""

import uuid
from dataclasses import dataclass
from typing import Any

from registrations.clean_text import Kind, clean
from registrations.clients.entra import SignedClaims
from registrations.errors import RemoteRejectedError

# https://learn.microsoft.com/entra/identity-platform/id-token-claims-reference (tid: personal accounts)
PERSONAL_ACCOUNTS = "9188040d-6c67-4c5b-b112-36a304b66dad"
GUEST = "1"


@dataclass(frozen=True)
class Identity:
    """A person in an organisation. The object ID identifies; name and user name are only for display."""

    tenant_id: str
    object_id: str
    name: str
    username: str
    is_guest: bool

    @property
    def is_personal(self) -> bool:
        """Whether it is a personal Microsoft account, which belongs to no organisation."""
        return self.tenant_id == PERSONAL_ACCOUNTS

    @property
    def label(self) -> str:
        """Name and user name, as pages and history show them."""
        return f"{self.name} ({self.username})" if self.name and self.username else self.name or self.username


def parse(claims: SignedClaims) -> Identity:
    """The identity in a verified id_token's claims. Raises RemoteRejectedError if they do not name a person."""
    return Identity(
        tenant_id=_guid(claims, "tid"),
        object_id=_guid(claims, "oid"),
        name=_shown(claims, "name"),
        username=_shown(claims, "preferred_username"),
        is_guest=_is_guest(claims),
    )


def _guid(claims: SignedClaims, name: str) -> str:
    try:
        return str(uuid.UUID(str(claims.get(name))))
    except ValueError:
        raise RemoteRejectedError(f"The identity that came back has no {name}.", code="id_token") from None


def _shown(claims: SignedClaims, name: str) -> str:
    # Microsoft's text, which nobody here can correct: what cannot be seen in it is dropped, never refused.
    return clean(str(claims.get(name) or "")[:255], what=Kind.HEADER)[:255]


def _is_guest(claims: dict[str, Any]) -> bool:
    # `acct` is an optional claim that the sync app asks for: 0 a member, 1 a guest. `idp` differs from the issuer where
    # another directory or Google vouches for the person.
    return str(claims.get("acct", "")) == GUEST or claims.get("idp", claims["iss"]) != claims["iss"]
