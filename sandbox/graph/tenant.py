"""The tenant, the signed-in person, and the policy about secrets.

https://learn.microsoft.com/graph/api/resources/organization
"""

from __future__ import annotations

from sandbox.graph import odata, views
from sandbox.graph.access import SIGNED_IN
from sandbox.graph.calls import Answer, GraphCall, Needs, Router
from sandbox.graph.errors import bad_request, not_found
from sandbox.model import JsonObject, User

router = Router()
_FULL = ("Organization.Read.All", "Directory.Read.All")
READ_ORGANIZATION = Needs(("User.Read", *_FULL), _FULL)
READ_POLICY = Needs(("Policy.Read.All",), ("Policy.Read.All",))
# With User.Read alone, Graph returns the other properties as null.
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
    if call.params["tenant"].lower() != call.tenant.id:
        raise not_found(call.params["tenant"])
    return odata.one(call, "organization", "organization", _organization(call))


def _person(call: GraphCall) -> User:
    if call.caller.user is None:
        raise bad_request("/me request is only valid with delegated authentication flow.")
    return call.caller.user


# Applications need no permission here, because Graph refuses their call to /me with 400 and not with 403.
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
    """The active directory roles of the person. Roles that the person is only eligible for are not listed."""
    roles = [views.directory_role(call.tenant, role) for role in call.tenant.roles_of(_person(call).id)]
    if call.path.endswith("directoryRole"):
        return odata.many(call, "directoryRole", "directoryRoles", roles)
    found = [{"@odata.type": "#microsoft.graph.directoryRole", **role} for role in roles]
    return odata.many(call, "directoryRole", "directoryObjects", found)


@router.on("GET", "policies/defaultAppManagementPolicy", READ_POLICY)
def policy(call: GraphCall) -> Answer:
    shown = views.app_management_policy(call.tenant)
    return odata.one(call, "tenantAppManagementPolicy", "policies/defaultAppManagementPolicy", shown)
