"""What Microsoft Graph's answers say, as far as SyncPortal reads them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Organization:
    """The tenant a token belongs to."""

    tenant_id: str
    display_name: str


@dataclass(frozen=True)
class Application:
    """An application object; `properties` are Graph's own, for comparing with what it must look like."""

    object_id: str
    app_id: str
    display_name: str
    properties: Mapping[str, Any]


@dataclass(frozen=True)
class DeletedApplication:
    """An application that was deleted within the last 30 days."""

    object_id: str
    app_id: str


@dataclass(frozen=True)
class ResourcePrincipal:
    """The service principal of an API in this tenant, with the ids of the permissions it offers."""

    id: str
    app_roles: Mapping[str, str]


@dataclass(frozen=True)
class NewSecret:
    """A secret as Graph shows it this one time. The text must be sealed before anything else happens."""

    key_id: str
    secret_text: str
    hint: str
    ends_at: datetime

    def __repr__(self) -> str:
        return f"NewSecret(key_id={self.key_id!r})"


@dataclass(frozen=True)
class Credential:
    """A client secret as everybody may see it."""

    key_id: str
    display_name: str


@dataclass(frozen=True)
class SecretPolicy:
    """What the tenant's app management policy says about secrets.

    A restriction may concern only applications that were created after a time.
    """

    forbidden: bool
    longest: str  # an ISO 8601 duration, or ""
    forbidden_after: datetime | None = None
    longest_after: datetime | None = None
    has_exceptions: bool = False  # some people or applications are excluded from the rule that forbids secrets


@dataclass(frozen=True)
class DelegatedGrant:
    """What people of a tenant let an application do in their names on one API."""

    id: str
    scopes: tuple[str, ...]
    principal_id: str = ""  # of the person who accepted it for themselves; empty for everybody's
