"""The sandbox's objects, as plain dataclasses that can be stored as JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

JsonObject = dict[str, Any]

MULTITENANT_AUDIENCES = ("AzureADMultipleOrgs", "AzureADandPersonalMicrosoftAccount")


@dataclass
class User:
    """A user of a tenant. Active directory roles are in the tenant's role assignments, not here."""

    id: str
    display_name: str
    upn: str
    user_type: str = "Member"
    enabled: bool = True
    mfa_setup_needed: bool = False
    blocked_by_conditional_access: bool = False
    refused_with: int | None = None  # an AADSTS code that this person's sign-in ends with
    refused_where: str = (
        "token"  # "sign_in": Microsoft sends the browser back with it; "token": the code is not redeemed
    )
    eligible_roles: list[str] = field(default_factory=list)

    @property
    def is_guest(self) -> bool:
        return self.user_type == "Guest"


@dataclass
class Password:
    """A client secret. The sandbox keeps the value to compare it; Graph returns it once."""

    key_id: str
    display_name: str | None
    start: str
    end: str
    secret: str
    created_at: float

    @property
    def hint(self) -> str:
        return self.secret[:3]


@dataclass
class Application:
    """An app registration. `properties` has the writable properties under Graph's names."""

    id: str
    app_id: str
    tenant_id: str
    created: str
    created_at: float
    properties: JsonObject
    passwords: list[Password] = field(default_factory=list)
    owners: list[str] = field(default_factory=list)
    created_by_app_id: str | None = None
    deleted: str | None = None

    @property
    def display_name(self) -> str:
        return str(self.properties.get("displayName"))

    @property
    def unique_name(self) -> str | None:
        return self.properties.get("uniqueName")

    @property
    def is_multitenant(self) -> bool:
        return self.properties.get("signInAudience") in MULTITENANT_AUDIENCES

    @property
    def redirect_uris(self) -> list[str]:
        found: list[str] = []
        for platform in ("web", "spa", "publicClient"):
            found += (self.properties.get(platform) or {}).get("redirectUris") or []
        return found


@dataclass
class ServicePrincipal:
    """The service principal of an application in a tenant."""

    id: str
    app_id: str
    created_at: float
    properties: JsonObject = field(default_factory=dict)
    owners: list[str] = field(default_factory=list)
    deleted: str | None = None

    @property
    def enabled(self) -> bool:
        return self.properties.get("accountEnabled") is not False


@dataclass
class AppRoleAssignment:
    """A granted application permission: the principal has this app role on the resource."""

    id: str
    principal_id: str
    resource_id: str
    app_role_id: str
    created: str
    created_at: float


@dataclass
class PermissionGrant:
    """Delegated consent (oAuth2PermissionGrant), for one user or for all."""

    id: str
    client_id: str
    consent_type: str
    principal_id: str | None
    resource_id: str
    scope: str


@dataclass
class RoleAssignment:
    """A directory role of a user or a service principal."""

    id: str
    principal_id: str
    role_id: str
    scope: str
    created_at: float


@dataclass
class SecretPolicy:
    """The part of the tenant's app management policy about client secrets."""

    max_lifetime_days: int | None = None
    secrets_forbidden: bool = False
    excluded_users: list[str] = field(default_factory=list)  # IDs of users whom the rule against secrets does not bind
    created_after: str = "2019-10-19T10:37:00Z"  # it concerns applications that were created since
    max_lifetime_days_of_single_applications: int | None = (
        None  # of a policy assigned to each: the default does not show it
    )


@dataclass
class Tenant:
    """An Entra tenant and its objects."""

    id: str
    name: str
    domain: str
    users: dict[str, User] = field(default_factory=dict)
    applications: dict[str, Application] = field(default_factory=dict)
    service_principals: dict[str, ServicePrincipal] = field(default_factory=dict)
    deleted_applications: dict[str, Application] = field(default_factory=dict)
    deleted_service_principals: dict[str, ServicePrincipal] = field(default_factory=dict)
    app_role_assignments: list[AppRoleAssignment] = field(default_factory=list)
    permission_grants: list[PermissionGrant] = field(default_factory=list)
    role_assignments: list[RoleAssignment] = field(default_factory=list)
    activated_roles: list[str] = field(default_factory=list)
    secret_policy: SecretPolicy = field(default_factory=SecretPolicy)

    def service_principal_of(self, app_id: str) -> ServicePrincipal | None:
        return next((sp for sp in self.service_principals.values() if sp.app_id == app_id), None)

    def user(self, upn: str) -> User:
        return next(u for u in self.users.values() if u.upn.lower() == upn.lower())

    def roles_of(self, principal_id: str) -> list[str]:
        """Template ids of the directory roles that are active for the principal."""
        return [a.role_id for a in self.role_assignments if a.principal_id == principal_id]


@dataclass
class RefreshToken:
    """A refresh token and what it was issued for."""

    token: str
    client_id: str
    tenant_id: str
    user_id: str
    scopes: list[str]
    expires_at: float


@dataclass
class UmpConnection:
    """How one service of a UMP is connected to its customer's Microsoft 365."""

    method: str | None = None
    username: str | None = None
    client_id: str | None = None
    client_secret: str | None = None
    refresh_token: str | None = None
    last_status: str | None = None


@dataclass
class UmpCustomer:
    """One service of a UMP; the UMP's API calls it a customer."""

    id: str
    short_name: str
    full_name: str
    tenant_id: str | None
    license_type: int
    licensed_users: int = 10
    connection: UmpConnection = field(default_factory=UmpConnection)


@dataclass
class UmpJob:
    """A long-running job of a UMP. It ends after `polls_left` more polls."""

    id: str
    customer_id: str
    change: JsonObject
    polls_left: int
    created: str
    status: str = "In Progress"
    completed: str | None = None
    messages: list[JsonObject] = field(default_factory=list)


@dataclass
class Ump:
    """A UMP-365 instance."""

    name: str
    tenant_id: str
    api_app_id: str
    client_id: str | None = None
    client_secret: str | None = None
    redirect_uri: str | None = None
    portal_url: str | None = None
    changed: str | None = None
    version: int = 1
    polls_before_done: int = 1
    offline: str | None = None
    lacks_contract_api: bool = False
    customers: dict[str, UmpCustomer] = field(default_factory=dict)
    jobs: dict[str, UmpJob] = field(default_factory=dict)


@dataclass
class Message:
    """A received mail."""

    id: str
    received: str
    sender: str
    recipients: list[str]
    subject: str
    text: str
    html: str | None
    headers: dict[str, str]


@dataclass
class State:
    """Everything that survives a restart."""

    tenants: dict[str, Tenant] = field(default_factory=dict)
    umps: dict[str, Ump] = field(default_factory=dict)
    refresh_tokens: dict[str, RefreshToken] = field(default_factory=dict)
    mail: list[Message] = field(default_factory=list)
    lag: dict[str, float] = field(default_factory=dict)
    clock_skew: float = 0.0
