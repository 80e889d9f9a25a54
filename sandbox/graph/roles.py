"""Directory roles: the role management API and the older directoryRoles.

https://learn.microsoft.com/graph/api/resources/rolemanagement
"""

from __future__ import annotations

from sandbox import directory
from sandbox.catalogue import DIRECTORY_ROLES
from sandbox.graph import odata, validation, views
from sandbox.graph.access import READ_ROLES, WRITE_ROLES
from sandbox.graph.errors import bad_request, conflicting_object, invalid_reference, not_found
from sandbox.graph.routing import Answer, GraphCall, Router, checked_key, checked_link_id
from sandbox.graph.service_principals import every
from sandbox.model import RoleAssignment

router = Router()
ASSIGNMENTS = "roleManagement/directory/roleAssignments"
DEFINITIONS = "roleManagement/directory/roleDefinitions"


@router.on("GET", ASSIGNMENTS, READ_ROLES)
def list_assignments(call: GraphCall) -> Answer:
    found = [
        views.role_assignment(call.tenant, a)
        for a in call.tenant.role_assignments
        if call.world.is_replicated("role", a.created_at)
    ]
    return odata.many(call, "unifiedRoleAssignment", ASSIGNMENTS, found)


def _assignment(call: GraphCall) -> RoleAssignment:
    wanted = checked_link_id(call.params["assignment"])
    for assignment in call.tenant.role_assignments:
        if assignment.id == wanted:
            return assignment
    raise not_found(wanted)


@router.on("GET", f"{ASSIGNMENTS}/{{assignment}}", READ_ROLES)
def read_assignment(call: GraphCall) -> Answer:
    shown = views.role_assignment(call.tenant, _assignment(call))
    return odata.one(call, "unifiedRoleAssignment", ASSIGNMENTS, shown)


@router.on("POST", ASSIGNMENTS, WRITE_ROLES)
def assign(call: GraphCall) -> Answer:
    values = validation.body("unifiedRoleAssignment", call.body)
    for name in ("roleDefinitionId", "principalId"):
        if not values.get(name):
            raise bad_request(f"A value is required for property '{name}' of resource 'RoleAssignment'.")
    if not values.get("directoryScopeId"):
        raise bad_request("Either directoryScopeId or appScopeId must be given.")
    role_id, principal_id = values["roleDefinitionId"], values["principalId"]
    if role_id not in DIRECTORY_ROLES:
        raise not_found(role_id)
    _check_principal(call, principal_id)
    scope = values["directoryScopeId"]
    if any(
        (a.principal_id, a.role_id, a.scope) == (principal_id, role_id, scope) for a in call.tenant.role_assignments
    ):
        raise conflicting_object()
    made = directory.assign_role(call.tenant, principal_id, role_id, call.world.clock.now(), scope)
    shown = views.role_assignment(call.tenant, made)
    return odata.one(call, "unifiedRoleAssignment", ASSIGNMENTS, shown, status=201)


def _check_principal(call: GraphCall, principal_id: str) -> None:
    if principal_id not in call.tenant.users and principal_id not in {p.id for p in every(call)}:
        raise invalid_reference()


@router.on("DELETE", f"{ASSIGNMENTS}/{{assignment}}", WRITE_ROLES)
def unassign(call: GraphCall) -> Answer:
    call.tenant.role_assignments.remove(_assignment(call))
    return Answer(204)


@router.on("GET", DEFINITIONS, READ_ROLES)
def list_definitions(call: GraphCall) -> Answer:
    found = [views.role_definition(role_id) for role_id in DIRECTORY_ROLES]
    return odata.many(call, "unifiedRoleDefinition", DEFINITIONS, found)


@router.on("GET", f"{DEFINITIONS}/{{role}}", READ_ROLES)
def read_definition(call: GraphCall) -> Answer:
    role_id = checked_key(call.params["role"], "id")[1]
    if role_id not in DIRECTORY_ROLES:
        raise not_found(role_id)
    return odata.one(call, "unifiedRoleDefinition", DEFINITIONS, views.role_definition(role_id))


@router.on("GET", "directoryRoles", READ_ROLES)
def list_roles(call: GraphCall) -> Answer:
    found = [views.directory_role(call.tenant, role_id) for role_id in call.tenant.activated_roles]
    return odata.many(call, "directoryRole", "directoryRoles", found)


@router.on("POST", "directoryRoles", WRITE_ROLES)
def activate(call: GraphCall) -> Answer:
    """Activate a role. A directoryRole exists in a tenant only after that."""
    role_id = str(validation.body("directoryRole", call.body).get("roleTemplateId") or "")
    if role_id not in DIRECTORY_ROLES:
        raise bad_request("Invalid value specified for property 'roleTemplateId' of resource 'DirectoryRole'.")
    if role_id in call.tenant.activated_roles:
        raise conflicting_object()
    call.tenant.activated_roles.append(role_id)
    return odata.one(call, "directoryRole", "directoryRoles", views.directory_role(call.tenant, role_id), status=201)


def _role(call: GraphCall) -> str:
    name, value = checked_key(call.params["key"], "id", "roleTemplateId")
    for role_id in call.tenant.activated_roles:
        known = {"roleTemplateId": role_id, "id": views.directory_role(call.tenant, role_id)["id"]}
        if known[name] == value:
            return role_id
    raise not_found(value)


@router.on("GET", "directoryRoles/{key}", READ_ROLES)
def read_role(call: GraphCall) -> Answer:
    return odata.one(call, "directoryRole", "directoryRoles", views.directory_role(call.tenant, _role(call)))


@router.on("GET", "directoryRoles/{key}/members", READ_ROLES)
def members(call: GraphCall) -> Answer:
    role_id = _role(call)
    found = [{"id": a.principal_id} for a in call.tenant.role_assignments if a.role_id == role_id]
    return odata.many(call, "directoryObject", "directoryObjects", found)


@router.on("POST", "directoryRoles/{key}/members/$ref", WRITE_ROLES)
def add_member(call: GraphCall) -> Answer:
    role_id = _role(call)
    member = validation.reference(call.body)
    _check_principal(call, member)
    if role_id in call.tenant.roles_of(member):
        raise bad_request(
            "One or more added object references already exist for the following modified properties: 'members'."
        )
    directory.assign_role(call.tenant, member, role_id, call.world.clock.now())
    return Answer(204)
