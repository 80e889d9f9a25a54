"""The organization, the signed-in user, and the policy about secrets.

https://learn.microsoft.com/graph/api/resources/organization
"""

from __future__ import annotations

from sandbox.graph import odata, views
from sandbox.graph.access import SIGNED_IN
from sandbox.graph.errors import GraphError, bad_request, not_found
from sandbox.graph.routing import Answer, GraphCall, Needs, Router, checked_key
from sandbox.model import JsonObject, RoleAssignment, User

router = Router()
_FULL = ("Organization.Read.All", "Directory.Read.All")
READ_ORGANIZATION = Needs(("User.Read", *_FULL), _FULL)
READ_POLICY = Needs(("Policy.Read.All",), ("Policy.Read.All",))
# With User.Read alone, the other properties are null.
# https://learn.microsoft.com/graph/api/organization-list
LIMITED = ("id", "displayName", "verifiedDomains")


def _organization(call: GraphCall) -> JsonObject:
    shown = views.organization(call.tenant)
    if call.caller.permissions.intersection(_FULL):
        return shown
    return {name: value if name in LIMITED else None for name, value in shown.items()}


@router.on("GET", "organization", READ_ORGANIZATION)
def organizations(call: GraphCall) -> Answer:
    return odata.many(call, "organization", "organization", [_organization(call)])


@router.on("GET", "organization/{tenant}", READ_ORGANIZATION)
def organization(call: GraphCall) -> Answer:
    if checked_key(call.params["tenant"], "id")[1] != call.tenant.id:
        raise not_found(call.params["tenant"])
    return odata.one(call, "organization", "organization", _organization(call))


def _person(call: GraphCall) -> User:
    if call.caller.user is None:
        raise bad_request("/me request is only valid with delegated authentication flow.")
    return call.caller.user


# No application permission: applications get the error that /me is for users, not a missing permission.
ME = Needs(SIGNED_IN.delegated, ())


@router.on("GET", "me", ME)
def me(call: GraphCall) -> Answer:
    shown = views.user(_person(call))
    if "$select" in call.query:
        shown |= {"userType": _person(call).user_type, "accountEnabled": _person(call).enabled}
    return odata.one(call, "user", "users", shown)


@router.on("GET", "me/memberOf", ME)
@router.on("GET", "me/memberOf/microsoft.graph.directoryRole", ME)
@router.on("GET", "me/transitiveMemberOf", ME)
@router.on("GET", "me/transitiveMemberOf/microsoft.graph.directoryRole", ME)
def member_of(call: GraphCall) -> Answer:
    """The user's active roles. Eligible roles are not included.

    A cast on transitive members is an advanced query: it needs the header and `$count=true`, and is answered from an index
    that may lag ("role_index"). https://learn.microsoft.com/graph/aad-advanced-queries
    """
    held = call.tenant.roles_of(_person(call).id)
    if call.path.endswith("transitiveMemberOf/microsoft.graph.directoryRole"):
        _require_advanced_query(call)
        held = [each.role_id for each in _indexed(call)]
    roles = [views.directory_role(call.tenant, role) for role in held]
    if call.path.endswith("directoryRole"):
        return odata.many(call, "directoryRole", "directoryRoles", roles)
    found = [{"@odata.type": "#microsoft.graph.directoryRole", **role} for role in roles]
    return odata.many(call, "directoryRole", "directoryObjects", found)


def _require_advanced_query(call: GraphCall) -> None:
    if call.headers.get("consistencylevel", "").lower() != "eventual" or call.query.get("$count") != "true":
        raise GraphError(
            400,
            "Request_UnsupportedQuery",
            "The specified query requires the ConsistencyLevel header with the value eventual, and $count=true.",
        )


def _indexed(call: GraphCall) -> list[RoleAssignment]:
    person = _person(call).id
    mine = [each for each in call.tenant.role_assignments if each.principal_id == person]
    return [each for each in mine if call.world.is_replicated("role_index", each.created_at)]


@router.on("GET", "policies/defaultAppManagementPolicy", READ_POLICY)
def policy(call: GraphCall) -> Answer:
    shown = views.app_management_policy(call.tenant)
    return odata.one(call, "tenantAppManagementPolicy", "policies/defaultAppManagementPolicy", shown)
