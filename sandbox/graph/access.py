"""Checks the token, the permissions and, for people, the directory roles of a caller.

https://learn.microsoft.com/graph/permissions-overview
"""

from __future__ import annotations

import jwt

from sandbox.catalogue import (
    APPLICATION_ADMINISTRATOR,
    CLOUD_APPLICATION_ADMINISTRATOR,
    GLOBAL_ADMINISTRATOR,
    GRAPH,
    PRIVILEGED_ROLE_ADMINISTRATOR,
)
from sandbox.entra.keys import SigningKeys
from sandbox.graph.calls import Caller, GraphCall, Needs
from sandbox.graph.errors import GraphError, denied, unauthorized
from sandbox.model import Application, Tenant
from sandbox.world import World

APP_ADMINS = (APPLICATION_ADMINISTRATOR, CLOUD_APPLICATION_ADMINISTRATOR)
ROLE_ADMINS = (PRIVILEGED_ROLE_ADMINISTRATOR,)

OWNED_BY = "Application.ReadWrite.OwnedBy"
WRITE_ALL = "Application.ReadWrite.All"
READ_ALL = "Application.Read.All"

READ_APPLICATIONS = Needs(
    (READ_ALL, WRITE_ALL, "Directory.Read.All"), (READ_ALL, OWNED_BY, WRITE_ALL, "Directory.Read.All")
)
WRITE_APPLICATIONS = Needs((WRITE_ALL,), (OWNED_BY, WRITE_ALL), roles=APP_ADMINS)
SIGNED_IN = Needs(("User.Read", "User.Read.All", "Directory.Read.All"))
GRANT_ROLES = Needs(
    ("AppRoleAssignment.ReadWrite.All",),
    ("AppRoleAssignment.ReadWrite.All",),
    also=(READ_ALL, WRITE_ALL, "Directory.Read.All"),
    roles=(*ROLE_ADMINS, *APP_ADMINS),
)
READ_GRANTS = Needs(
    ("DelegatedPermissionGrant.ReadWrite.All", "Directory.Read.All"),
    ("DelegatedPermissionGrant.ReadWrite.All", "Directory.Read.All"),
)
WRITE_GRANTS = Needs(
    ("DelegatedPermissionGrant.ReadWrite.All",),
    ("DelegatedPermissionGrant.ReadWrite.All",),
    roles=(*ROLE_ADMINS, *APP_ADMINS),
)
_READ_DIRECTORY_ROLES = ("RoleManagement.Read.Directory", "RoleManagement.ReadWrite.Directory", "Directory.Read.All")
READ_ROLES = Needs(_READ_DIRECTORY_ROLES, _READ_DIRECTORY_ROLES)
WRITE_ROLES = Needs(("RoleManagement.ReadWrite.Directory",), ("RoleManagement.ReadWrite.Directory",), roles=ROLE_ADMINS)


def caller_of(world: World, keys: SigningKeys, authorization: str) -> tuple[Tenant, Caller]:
    """The tenant and the caller that a bearer token names. Raises GraphError (401) if the token is not valid."""
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise unauthorized("Access token is empty.")
    try:
        claims = keys.verify(token.strip(), list(GRAPH.audiences), world.clock.now())
    except jwt.ExpiredSignatureError:
        raise unauthorized("Lifetime validation failed, the token is expired.") from None
    except jwt.InvalidAudienceError:
        raise unauthorized("Access token validation failure. Invalid audience.") from None
    except jwt.InvalidTokenError:
        raise unauthorized("Access token validation failure.") from None
    tenant = world.state.tenants.get(str(claims["tid"]))
    if tenant is None:
        raise unauthorized("Access token validation failure. Unknown tenant.")
    principal = tenant.service_principal_of(str(claims["appid"]))
    user = None
    if claims["idtyp"] == "user":
        user = tenant.users.get(str(claims["oid"]))
        if user is None or not user.enabled:
            raise unauthorized("Continuous access evaluation resulted in challenge with result: InteractionRequired.")
        held = frozenset(str(claims["scp"]).split())
    else:
        if principal is None:
            text = "The identity of the calling application could not be established."
            raise GraphError(401, "Authorization_IdentityNotFound", text)
        held = frozenset(claims["roles"])
    return tenant, Caller(str(claims["appid"]), principal, user, held)


def check(call: GraphCall, needs: Needs) -> None:
    """Raise GraphError (403) if the caller lacks a permission or a directory role."""
    accepted = needs.delegated if call.caller.user else needs.application
    if not call.caller.permissions.intersection(accepted):
        raise denied()
    if needs.also and not call.caller.permissions.intersection(needs.also):
        raise denied()
    if call.caller.user is not None and needs.roles and not has_role(call, needs.roles):
        raise denied()


def has_role(call: GraphCall, roles: tuple[str, ...]) -> bool:
    """Whether the signed-in person holds one of the roles. A Global Administrator counts as holding every role."""
    if call.caller.user is None:
        return False
    held = call.tenant.roles_of(call.caller.user.id)
    return GLOBAL_ADMINISTRATOR in held or any(role in held for role in roles)


def only_owned(call: GraphCall) -> bool:
    """Whether the caller may write to its own applications only."""
    return call.caller.user is None and WRITE_ALL not in call.caller.permissions and OWNED_BY in call.caller.permissions


def check_owner(call: GraphCall, application: Application) -> None:
    if only_owned(call) and call.caller.id not in application.owners:
        raise denied()
