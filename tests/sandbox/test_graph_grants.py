"""Service principals, consent and directory roles at Graph."""

from typing import Any

import pytest

from sandbox.app import Sandbox
from tests.sandbox import actors
from tests.sandbox.actors import GRAPH_ID, TEAMS_ID, Rest, graph_error

ORGANIZATION_READ_ALL = "498476ce-e0fe-48b0-b801-37ba7e2685c6"
TEAMS_ADMINISTRATOR = "69091246-20e8-4a56-aa4d-066075b2a7a8"
NOBODY = "11111111-2222-3333-4444-555555555555"
ROLES = "/roleManagement/directory/roleAssignments"


def new_principal(rest: Rest) -> dict[str, Any]:
    app = rest.new_application()
    answer = rest.post("/servicePrincipals", {"appId": app["appId"]})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def graph_principal(rest: Rest) -> dict[str, Any]:
    return dict(rest.get(f"/servicePrincipals(appId='{GRAPH_ID}')").json())


def test_a_service_principal_is_made_once(graph: Rest) -> None:
    made = new_principal(graph)
    assert made["displayName"] == "Sync App"
    answer = graph.post("/servicePrincipals", {"appId": made["appId"]})
    graph_error(answer, 409, "Request_MultipleObjectsWithSameKeyValue", "already in use")


def test_a_service_principal_is_upserted(graph: Rest) -> None:
    app = graph.new_application()
    path = f"/servicePrincipals(appId='{app['appId']}')"
    graph_error(graph.patch(path, {}), 404, "Request_ResourceNotFound")
    assert graph.patch(path, {"tags": ["one"]}, Prefer="create-if-missing").status_code == 201
    assert graph.patch(path, {"tags": ["two"]}, Prefer="create-if-missing").status_code == 204
    assert graph.get(path).json()["tags"] == ["two"]
    graph_error(graph.patch(path, {"nothing": 1}), 400, "Request_BadRequest", "Invalid property 'nothing'")
    graph_error(graph.patch(path, {"appId": NOBODY}), 400, "Request_BadRequest", "read-only")


def test_a_service_principal_needs_an_application(graph: Rest) -> None:
    error = graph_error(graph.post("/servicePrincipals", {"appId": NOBODY}), 400, "Request_BadRequest")
    assert error["details"][0]["code"] == "NoBackingApplicationObject"
    graph_error(graph.post("/servicePrincipals", {}), 400, "Request_BadRequest", "appId")
    graph_error(graph.post("/servicePrincipals", {"appId": "x"}), 400, "Request_BadRequest")


def test_service_principals_are_found_by_filter(graph: Rest) -> None:
    made = new_principal(graph)
    found = graph.get(f"/servicePrincipals?$filter=appId eq '{made['appId']}'&$select=id").json()["value"]
    assert found == [{"id": made["id"]}]


def test_graph_lists_its_permissions(graph: Rest) -> None:
    resource = graph_principal(graph)
    roles = {role["value"]: role["id"] for role in resource["appRoles"]}
    scopes = {scope["value"] for scope in resource["oauth2PermissionScopes"]}
    assert roles["Organization.Read.All"] == ORGANIZATION_READ_ALL
    assert {"User.Read", "Directory.AccessAsUser.All", "AppCatalog.ReadWrite.All"} <= scopes
    assert {"TeamSettings.ReadWrite.All", "Channel.Delete.All", "ChannelMember.ReadWrite.All"} <= set(roles)


def test_the_teams_api_has_no_service_principal_at_first(carla: Rest) -> None:
    path = f"/servicePrincipals(appId='{TEAMS_ID}')"
    graph_error(carla.get(path), 404, "Request_ResourceNotFound")
    assert carla.post("/servicePrincipals", {"appId": TEAMS_ID}).status_code == 201
    found = carla.get(path).json()
    assert found["displayName"] == "Skype and Teams Tenant Admin API"
    assert [s["value"] for s in found["oauth2PermissionScopes"]] == ["user_impersonation"]
    assert [r["value"] for r in found["appRoles"]] == ["application_access"]


def test_a_deleted_service_principal_is_gone(graph: Rest) -> None:
    made = new_principal(graph)
    assert graph.delete(f"/servicePrincipals/{made['id']}").status_code == 204
    graph_error(graph.get(f"/servicePrincipals/{made['id']}"), 404, "Request_ResourceNotFound")


@pytest.mark.parametrize("mirror", [False, True])
def test_an_application_permission_is_granted_once(carla: Rest, mirror: bool) -> None:
    principal, resource = new_principal(carla), graph_principal(carla)
    path = f"/servicePrincipals/{principal['id']}/appRoleAssignments"
    other = f"/servicePrincipals/{resource['id']}/appRoleAssignedTo"
    body = {"principalId": principal["id"], "resourceId": resource["id"], "appRoleId": ORGANIZATION_READ_ALL}
    answer = carla.post(other if mirror else path, body)
    assert answer.status_code == 201, answer.text
    assert answer.json()["resourceDisplayName"] == "Microsoft Graph"
    graph_error(carla.post(path, body), 400, "Request_BadRequest", "Permission being assigned already exists")
    for listing in (path, other):
        assert answer.json()["id"] in [a["id"] for a in carla.get(listing).json()["value"]]
    assert carla.get(f"{path}/{answer.json()['id']}").status_code == 200
    assert carla.delete(f"{path}/{answer.json()['id']}").status_code == 204
    graph_error(carla.delete(f"{path}/{answer.json()['id']}"), 404, "Request_ResourceNotFound")


def test_impossible_application_permissions_are_refused(carla: Rest) -> None:
    principal, resource = new_principal(carla), graph_principal(carla)
    path = f"/servicePrincipals/{principal['id']}/appRoleAssignments"
    good = {"principalId": principal["id"], "resourceId": resource["id"], "appRoleId": ORGANIZATION_READ_ALL}
    for change, words in (
        ({"principalId": NOBODY}, "Not a valid reference update"),
        ({"resourceId": NOBODY}, "Not a valid reference update"),
        ({"principalId": resource["id"]}, "Not a valid reference update"),
        ({"appRoleId": NOBODY}, "was not found on application"),
        ({"appRoleId": None}, "appRoleId"),
        ({"nothing": 1}, "Invalid property 'nothing'"),
    ):
        graph_error(carla.post(path, {**good, **change}), 400, "Request_BadRequest", words)


def test_delegated_consent_is_written_widened_and_withdrawn(carla: Rest, sandbox: Sandbox) -> None:
    reader = actors.delegated(sandbox, "carla@contoso.example", "DelegatedPermissionGrant.ReadWrite.All")
    principal, resource = new_principal(carla), graph_principal(carla)
    body = {
        "clientId": principal["id"],
        "consentType": "AllPrincipals",
        "resourceId": resource["id"],
        "scope": "openid User.Read",
    }
    answer = reader.post("/oauth2PermissionGrants", body)
    assert answer.status_code == 201, answer.text
    graph_error(reader.post("/oauth2PermissionGrants", body), 409, "Request_MultipleObjectsWithSameKeyValue")
    path = f"/oauth2PermissionGrants/{answer.json()['id']}"
    assert reader.patch(path, {"scope": "User.Read"}).status_code == 204
    assert reader.get(path).json()["scope"] == "User.Read"
    (found,) = reader.get(f"/oauth2PermissionGrants?$filter=clientId eq '{principal['id']}'").json()["value"]
    assert found["id"] == answer.json()["id"]
    assert len(reader.get(f"/servicePrincipals/{principal['id']}/oauth2PermissionGrants").json()["value"]) == 1
    assert reader.delete(path).status_code == 204
    graph_error(reader.get(path), 404, "Request_ResourceNotFound")


def test_impossible_delegated_consent_is_refused(carla: Rest, sandbox: Sandbox) -> None:
    reader = actors.delegated(sandbox, "carla@contoso.example", "DelegatedPermissionGrant.ReadWrite.All")
    principal, resource = new_principal(carla), graph_principal(carla)
    good = {
        "clientId": principal["id"],
        "consentType": "AllPrincipals",
        "resourceId": resource["id"],
        "scope": "User.Read",
    }
    for change in (
        {"clientId": NOBODY},
        {"resourceId": NOBODY},
        {"consentType": "Principal"},
        {"consentType": "Everybody"},
        {"principalId": NOBODY},
        {"scope": "No.Such.Scope"},
        {"scope": None},
        {"nothing": 1},
    ):
        graph_error(reader.post("/oauth2PermissionGrants", {**good, **change}), 400, "Request_BadRequest")


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


def test_impossible_directory_roles_are_refused(carla: Rest) -> None:
    principal = new_principal(carla)
    good = {"roleDefinitionId": TEAMS_ADMINISTRATOR, "principalId": principal["id"], "directoryScopeId": "/"}
    graph_error(carla.post(ROLES, {**good, "roleDefinitionId": NOBODY}), 404, "Request_ResourceNotFound")
    graph_error(carla.post(ROLES, {**good, "principalId": NOBODY}), 400, "Request_BadRequest", "Not a valid reference")
    graph_error(carla.post(ROLES, {**good, "directoryScopeId": None}), 400, "Request_BadRequest")
    graph_error(carla.post(ROLES, {**good, "principalId": None}), 400, "Request_BadRequest")
    graph_error(carla.post(ROLES, {**good, "nothing": 1}), 400, "Request_BadRequest", "Invalid property")


def test_role_definitions_are_known_by_their_template(carla: Rest) -> None:
    definitions = "/roleManagement/directory/roleDefinitions"
    names = [d["displayName"] for d in carla.get(definitions).json()["value"]]
    assert {"Global Administrator", "Skype for Business Administrator", "User Administrator"} <= set(names)
    assert carla.get(f"{definitions}/{TEAMS_ADMINISTRATOR}").json()["displayName"] == "Teams Administrator"
    graph_error(carla.get(f"{definitions}/{NOBODY}"), 404, "Request_ResourceNotFound")


def test_the_older_role_api_activates_first(carla: Rest) -> None:
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
