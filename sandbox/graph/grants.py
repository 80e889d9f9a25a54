"""Granted permissions: app role assignments (application) and permission grants (delegated).

https://learn.microsoft.com/graph/permissions-grant-via-msgraph
"""

from __future__ import annotations

from sandbox import directory
from sandbox.catalogue import GRAPH_APP_ID
from sandbox.graph import odata, validation, views
from sandbox.graph.access import (
    GRANT_ROLES,
    READ_APPLICATIONS,
    READ_GRANTS,
    ROLE_ADMINS,
    WRITE_GRANTS,
    has_role,
)
from sandbox.graph.errors import (
    GraphError,
    bad_request,
    denied,
    invalid_reference,
    not_found,
)
from sandbox.graph.routing import Answer, GraphCall, Router, checked_link_id
from sandbox.graph.service_principals import find, get
from sandbox.model import AppRoleAssignment, JsonObject, PermissionGrant

router = Router()
# Means "default access", for a resource without app roles.
DEFAULT_ROLE = "00000000-0000-0000-0000-000000000000"


def _assignments(call: GraphCall) -> list[AppRoleAssignment]:
    principal = get(call)
    if "appRoleAssignedTo" in call.path:
        return [a for a in call.tenant.app_role_assignments if a.resource_id == principal.id]
    return [a for a in call.tenant.app_role_assignments if a.principal_id == principal.id]


def _assignment(call: GraphCall) -> AppRoleAssignment:
    wanted = checked_link_id(call.params["assignment"])
    for assignment in _assignments(call):
        if assignment.id == wanted:
            return assignment
    raise not_found(wanted)


@router.on("GET", "servicePrincipals/{key}/appRoleAssignments", READ_APPLICATIONS)
@router.on("GET", "servicePrincipals/{key}/appRoleAssignedTo", READ_APPLICATIONS)
def list_assignments(call: GraphCall) -> Answer:
    found = [views.app_role_assignment(call.world, call.tenant, a) for a in _assignments(call)]
    return odata.many(call, "appRoleAssignment", "appRoleAssignments", found)


@router.on("GET", "servicePrincipals/{key}/appRoleAssignments/{assignment}", READ_APPLICATIONS)
@router.on("GET", "servicePrincipals/{key}/appRoleAssignedTo/{assignment}", READ_APPLICATIONS)
def read_assignment(call: GraphCall) -> Answer:
    shown = views.app_role_assignment(call.world, call.tenant, _assignment(call))
    return odata.one(call, "appRoleAssignment", "appRoleAssignments", shown)


@router.on("POST", "servicePrincipals/{key}/appRoleAssignments", GRANT_ROLES)
@router.on("POST", "servicePrincipals/{key}/appRoleAssignedTo", GRANT_ROLES)
def assign(call: GraphCall) -> Answer:
    values = validation.body("appRoleAssignment", call.body)
    missing = [name for name in ("principalId", "resourceId", "appRoleId") if not values.get(name)]
    if missing:
        raise bad_request(f"A value is required for property '{missing[0]}' of resource 'AppRoleAssignment'.")
    principal, target = find(call, values["principalId"]), find(call, values["resourceId"])
    if principal is None or target is None:
        raise invalid_reference()
    named = target if "appRoleAssignedTo" in call.path else principal
    if find(call, call.params["key"]) is not named:
        raise invalid_reference()
    if target.app_id == GRAPH_APP_ID and call.caller.user is not None and not has_role(call, ROLE_ADMINS):
        raise denied()
    _check_role(call, values["appRoleId"], target.app_id)
    for existing in call.tenant.app_role_assignments:
        if (existing.principal_id, existing.resource_id, existing.app_role_id) == (
            principal.id,
            target.id,
            values["appRoleId"],
        ):
            raise bad_request("Permission being assigned already exists on the object.")
    made = directory.grant_role(call.tenant, principal, target, values["appRoleId"], call.world.clock.now())
    shown = views.app_role_assignment(call.world, call.tenant, made)
    return odata.one(call, "appRoleAssignment", "appRoleAssignments", shown, status=201)


def _check_role(call: GraphCall, role_id: str, resource_app_id: str) -> None:
    resource = directory.resource(call.world.state, resource_app_id)
    roles = {p.role_id for p in resource.permissions if p.role_id} if resource else set()
    if role_id not in roles and not (role_id == DEFAULT_ROLE and not roles):
        raise bad_request("Permission being assigned was not found on application")


@router.on("DELETE", "servicePrincipals/{key}/appRoleAssignments/{assignment}", GRANT_ROLES)
@router.on("DELETE", "servicePrincipals/{key}/appRoleAssignedTo/{assignment}", GRANT_ROLES)
def unassign(call: GraphCall) -> Answer:
    call.tenant.app_role_assignments.remove(_assignment(call))
    return Answer(204)


@router.on("GET", "servicePrincipals/{key}/oauth2PermissionGrants", READ_GRANTS)
def grants_of(call: GraphCall) -> Answer:
    principal = get(call)
    found = [views.permission_grant(g) for g in call.tenant.permission_grants if g.client_id == principal.id]
    return odata.many(call, "oAuth2PermissionGrant", "oauth2PermissionGrants", found)


@router.on("GET", "oauth2PermissionGrants", READ_GRANTS)
def list_grants(call: GraphCall) -> Answer:
    found = [views.permission_grant(g) for g in call.tenant.permission_grants]
    return odata.many(call, "oAuth2PermissionGrant", "oauth2PermissionGrants", found)


def _grant(call: GraphCall) -> PermissionGrant:
    wanted = checked_link_id(call.params["grant"])
    for grant in call.tenant.permission_grants:
        if grant.id == wanted:
            return grant
    raise not_found(wanted)


@router.on("GET", "oauth2PermissionGrants/{grant}", READ_GRANTS)
def read_grant(call: GraphCall) -> Answer:
    return odata.one(call, "oAuth2PermissionGrant", "oauth2PermissionGrants", views.permission_grant(_grant(call)))


@router.on("POST", "oauth2PermissionGrants", WRITE_GRANTS)
def create_grant(call: GraphCall) -> Answer:
    values = validation.body("oAuth2PermissionGrant", call.body)
    for name in ("clientId", "consentType", "resourceId", "scope"):
        if values.get(name) is None:
            raise bad_request(f"A value is required for property '{name}' of resource 'OAuth2PermissionGrant'.")
    if (values["consentType"] == "Principal") != bool(values.get("principalId")):
        raise bad_request("Invalid value specified for property 'principalId' of resource 'OAuth2PermissionGrant'.")
    client, target = find(call, values["clientId"]), find(call, values["resourceId"])
    if client is None or target is None:
        raise invalid_reference()
    if values.get("principalId") and values["principalId"] not in call.tenant.users:
        raise invalid_reference()
    _check_scopes(call, target.app_id, values["scope"])
    if any(
        (g.client_id, g.resource_id, g.principal_id) == (client.id, target.id, values.get("principalId"))
        for g in call.tenant.permission_grants
    ):
        raise GraphError(409, "Request_MultipleObjectsWithSameKeyValue", "Permission entry already exists.")
    made = directory.consent(call.tenant, client, target, values["scope"].split(), values.get("principalId"))
    return odata.one(call, "oAuth2PermissionGrant", "oauth2PermissionGrants", views.permission_grant(made), status=201)


def _check_scopes(call: GraphCall, resource_app_id: str, scope: str) -> None:
    resource = directory.resource(call.world.state, resource_app_id)
    for value in scope.split():
        if resource is None or resource.by_scope(value) is None:
            raise bad_request(f"Invalid scope value '{value}'.")


@router.on("PATCH", "oauth2PermissionGrants/{grant}", WRITE_GRANTS)
def change_grant(call: GraphCall) -> Answer:
    values: JsonObject = validation.body("oAuth2PermissionGrant", call.body)
    grant = _grant(call)
    for name in values:
        if name != "scope":
            raise bad_request(f"Property '{name}' cannot be updated.")
    scope = str(values.get("scope") or "")
    target = call.tenant.service_principals.get(grant.resource_id)
    _check_scopes(call, target.app_id if target else "", scope)
    grant.scope = scope
    return Answer(204)


@router.on("DELETE", "oauth2PermissionGrants/{grant}", WRITE_GRANTS)
def delete_grant(call: GraphCall) -> Answer:
    call.tenant.permission_grants.remove(_grant(call))
    return Answer(204)
