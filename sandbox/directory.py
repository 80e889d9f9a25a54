"""Directory operations without HTTP: consent, roles, secrets and resources. Entra and Graph both use them."""

from __future__ import annotations

import secrets
import string
from uuid import UUID, uuid4, uuid5

from sandbox.catalogue import MICROSOFT_RESOURCES, Permission, Resource
from sandbox.clock import as_precise_text
from sandbox.model import (
    Application,
    AppRoleAssignment,
    Password,
    PermissionGrant,
    RoleAssignment,
    ServicePrincipal,
    State,
    Tenant,
)

NAMESPACE = UUID("5f0c2a52-94a0-4c7b-9c4b-3d1f6f0c2a52")
# Keys of `World.lag`. "secret": a new secret is refused. "consent": granted roles are missing from tokens. "role_index": a
# person's new role is missing from advanced queries.
LAG_KINDS = ("application", "service_principal", "secret", "consent", "role", "role_index")
# Real secrets are 40 characters of this alphabet with a `~` near the start.
SECRET_ALPHABET = string.ascii_letters + string.digits + "-._~"


def seeded_id(*names: str) -> str:
    """The same id for the same names, in every sandbox."""
    return str(uuid5(NAMESPACE, "/".join(names)))


def new_password(display_name: str | None, start: str, end: str, created_at: float) -> Password:
    value = "".join(secrets.choice(SECRET_ALPHABET) for _ in range(34))
    return Password(
        key_id=str(uuid4()),
        display_name=display_name,
        start=start,
        end=end,
        secret=f"{secrets.choice(string.ascii_letters)}{secrets.randbelow(10)}z8Q~{value}",
        created_at=created_at,
    )


def add_service_principal(tenant: Tenant, app_id: str, created_at: float) -> ServicePrincipal:
    principal = ServicePrincipal(id=seeded_id(tenant.id, "sp", app_id), app_id=app_id, created_at=created_at)
    if principal.id in tenant.service_principals or principal.id in tenant.deleted_service_principals:
        principal.id = str(uuid4())
    tenant.service_principals[principal.id] = principal
    return principal


def live_application(state: State, app_id: str) -> Application | None:
    for tenant in state.tenants.values():
        for application in tenant.applications.values():
            if application.app_id == app_id:
                return application
    return None


def display_name_of(state: State, app_id: str) -> str:
    if app_id in MICROSOFT_RESOURCES:
        return MICROSOFT_RESOURCES[app_id].display_name
    application = live_application(state, app_id)
    return application.display_name if application else app_id


def resource(state: State, app_id: str) -> Resource | None:
    """The API behind an application id: one of Microsoft's, or one that a tenant registered."""
    if app_id in MICROSOFT_RESOURCES:
        return MICROSOFT_RESOURCES[app_id]
    application = live_application(state, app_id)
    return own_resource(application) if application else None


def own_resource(application: Application) -> Resource:
    scopes = (application.properties.get("api") or {}).get("oauth2PermissionScopes") or []
    roles = application.properties.get("appRoles") or []
    permissions = [
        Permission(s["value"], s["id"], None, s.get("type") == "Admin", s.get("adminConsentDisplayName") or "")
        for s in scopes
    ]
    permissions += [Permission(r["value"], None, r["id"], True, r.get("displayName") or "") for r in roles]
    uris = tuple(application.properties.get("identifierUris") or ())
    audiences = (*uris, f"api://{application.app_id}", application.app_id)
    return Resource(application.app_id, application.display_name, audiences, tuple(permissions))


def resource_by_audience(state: State, audience: str) -> Resource | None:
    """The API that a scope's prefix names, such as `https://graph.microsoft.com` or `api://<id>`."""
    wanted = audience.rstrip("/").lower()
    for known in MICROSOFT_RESOURCES.values():
        if wanted in known.audiences:
            return known
    for tenant in state.tenants.values():
        for application in tenant.applications.values():
            own = own_resource(application)
            if wanted in (a.rstrip("/").lower() for a in own.audiences):
                return own
    return None


def assign_role(tenant: Tenant, principal_id: str, role_id: str, created_at: float, scope: str = "/") -> RoleAssignment:
    made = RoleAssignment(
        id=seeded_id(tenant.id, principal_id, role_id, scope),
        principal_id=principal_id,
        role_id=role_id,
        scope=scope,
        created_at=created_at,
    )
    tenant.role_assignments.append(made)
    if role_id not in tenant.activated_roles:
        tenant.activated_roles.append(role_id)
    return made


def grant_role(
    tenant: Tenant,
    principal: ServicePrincipal,
    target: ServicePrincipal,
    app_role_id: str,
    created_at: float,
    created: str | None = None,
) -> AppRoleAssignment:
    """Grant an application permission. Returns the existing assignment if there is one.

    `created`: what Graph answers as the time, if that is not `created_at`, which is 0 for what has replicated since ever.
    """
    for existing in tenant.app_role_assignments:
        if (existing.principal_id, existing.resource_id, existing.app_role_id) == (
            principal.id,
            target.id,
            app_role_id,
        ):
            return existing
    made = AppRoleAssignment(
        id=secrets.token_urlsafe(32),
        principal_id=principal.id,
        resource_id=target.id,
        app_role_id=app_role_id,
        created=created or as_precise_text(created_at),
        created_at=created_at,
    )
    tenant.app_role_assignments.append(made)
    return made


def ensure_service_principal(tenant: Tenant, app_id: str, created_at: float) -> ServicePrincipal:
    return tenant.service_principal_of(app_id) or add_service_principal(tenant, app_id, created_at)


def grant_roles_by_value(
    state: State,
    tenant: Tenant,
    app_id: str,
    resource_app_id: str,
    values: list[str],
    created_at: float,
    created: str | None = None,
) -> list[AppRoleAssignment]:
    """Grant application permissions by name; see `grant_role`. Raises LookupError for an unknown resource or name."""
    api = resource(state, resource_app_id)
    if api is None:
        raise LookupError(f"no resource {resource_app_id}")
    roles = {p.value: p.role_id for p in api.permissions if p.role_id}
    principal = ensure_service_principal(tenant, app_id, created_at)
    target = ensure_service_principal(tenant, resource_app_id, created_at)
    return [grant_role(tenant, principal, target, str(roles[value]), created_at, created) for value in values]


def consent(
    tenant: Tenant, client: ServicePrincipal, target: ServicePrincipal, scopes: list[str], principal_id: str | None
) -> PermissionGrant:
    """Record delegated consent for one user, or for all users if `principal_id` is None. Adds to existing scopes."""
    for grant in tenant.permission_grants:
        if (grant.client_id, grant.resource_id, grant.principal_id) == (client.id, target.id, principal_id):
            have = grant.scope.split()
            grant.scope = " ".join(have + [s for s in scopes if s not in have])
            return grant
    made = PermissionGrant(
        id=secrets.token_urlsafe(32),
        client_id=client.id,
        consent_type="Principal" if principal_id else "AllPrincipals",
        principal_id=principal_id,
        resource_id=target.id,
        scope=" ".join(scopes),
    )
    tenant.permission_grants.append(made)
    return made


def consented_scopes(tenant: Tenant, app_id: str, resource_app_id: str, user_id: str) -> list[str]:
    """The scopes that the application may use on that resource on behalf of the user."""
    client, target = tenant.service_principal_of(app_id), tenant.service_principal_of(resource_app_id)
    if client is None or target is None:
        return []
    found: list[str] = []
    for grant in tenant.permission_grants:
        if (grant.client_id, grant.resource_id) == (client.id, target.id) and grant.principal_id in (None, user_id):
            found += [scope for scope in grant.scope.split() if scope not in found]
    return found
