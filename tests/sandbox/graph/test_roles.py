"""Directory roles at Graph."""

from tests.sandbox.actors import Rest, graph_error
from tests.sandbox.graph.principals import NOBODY, new_principal

TEAMS_ADMINISTRATOR = "69091246-20e8-4a56-aa4d-066075b2a7a8"
ROLES = "/roleManagement/directory/roleAssignments"


def test_a_directory_role_is_assigned_once(carla: Rest) -> None:
    principal = new_principal(carla)
    body = {
        "@odata.type": "#microsoft.graph.unifiedRoleAssignment",
        "roleDefinitionId": TEAMS_ADMINISTRATOR,
        "principalId": principal["id"],
        "directoryScopeId": "/",
    }
    answer = carla.post(ROLES, body)
    assert answer.status_code == 201, answer.text
    error = graph_error(carla.post(ROLES, body), 400, "Request_BadRequest", "A conflicting object")
    assert error["details"][0]["code"] == "ConflictingObjects"
    (found,) = carla.get(f"{ROLES}?$filter=principalId eq '{principal['id']}'").json()["value"]
    assert found["roleDefinitionId"] == TEAMS_ADMINISTRATOR
    assert carla.get(f"{ROLES}/{found['id']}").status_code == 200
    assert carla.delete(f"{ROLES}/{found['id']}").status_code == 204
    graph_error(carla.delete(f"{ROLES}/{found['id']}"), 404, "Request_ResourceNotFound")


def test_invalid_directory_role_assignments_are_refused(carla: Rest) -> None:
    principal = new_principal(carla)
    good = {"roleDefinitionId": TEAMS_ADMINISTRATOR, "principalId": principal["id"], "directoryScopeId": "/"}
    graph_error(carla.post(ROLES, {**good, "roleDefinitionId": NOBODY}), 404, "Request_ResourceNotFound")
    graph_error(carla.post(ROLES, {**good, "principalId": NOBODY}), 400, "Request_BadRequest", "Not a valid reference")
    graph_error(carla.post(ROLES, {**good, "directoryScopeId": None}), 400, "Request_BadRequest")
    graph_error(carla.post(ROLES, {**good, "principalId": None}), 400, "Request_BadRequest")
    graph_error(carla.post(ROLES, {**good, "nothing": 1}), 400, "Request_BadRequest", "Invalid property")


def test_role_definitions_are_found_by_template_id(carla: Rest) -> None:
    definitions = "/roleManagement/directory/roleDefinitions"
    names = [d["displayName"] for d in carla.get(definitions).json()["value"]]
    assert {"Global Administrator", "Skype for Business Administrator", "User Administrator"} <= set(names)
    assert carla.get(f"{definitions}/{TEAMS_ADMINISTRATOR}").json()["displayName"] == "Teams Administrator"
    graph_error(carla.get(f"{definitions}/{NOBODY}"), 404, "Request_ResourceNotFound")


def test_a_directory_role_must_be_activated_before_it_has_members(carla: Rest) -> None:
    principal = new_principal(carla)
    path = f"/directoryRoles(roleTemplateId='{TEAMS_ADMINISTRATOR}')"
    graph_error(carla.get(path), 404, "Request_ResourceNotFound")
    body = {"roleTemplateId": TEAMS_ADMINISTRATOR}
    assert carla.post("/directoryRoles", body).status_code == 201
    graph_error(carla.post("/directoryRoles", body), 400, "Request_BadRequest", "A conflicting object")
    graph_error(carla.post("/directoryRoles", {"roleTemplateId": NOBODY}), 400, "Request_BadRequest")
    member = {"@odata.id": f"{carla.base}/directoryObjects/{principal['id']}"}
    assert carla.post(f"{path}/members/$ref", member).status_code == 204
    graph_error(carla.post(f"{path}/members/$ref", member), 400, "Request_BadRequest", "already exist")
    found = carla.get(path).json()
    members = carla.get(f"/directoryRoles/{found['id']}/members").json()["value"]
    assert members == [{"id": principal["id"]}]
    assert TEAMS_ADMINISTRATOR in [r["roleTemplateId"] for r in carla.get("/directoryRoles").json()["value"]]
