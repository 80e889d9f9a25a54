"""Ids at Graph: malformed ones are a bad request, unknown ones are not found, and case makes no difference."""

import re

import pytest

from sandbox.app import Sandbox
from sandbox.graph.service import ROUTES
from tests.sandbox import actors
from tests.sandbox.actors import Rest, graph_error
from tests.sandbox.graph.principals import NOBODY, graph_principal, new_principal

ORGANIZATION_READ_ALL = "498476ce-e0fe-48b0-b801-37ba7e2685c6"
TEAMS_ADMINISTRATOR = "69091246-20e8-4a56-aa4d-066075b2a7a8"
SCOPES = f"{actors.PROVISIONING} DelegatedPermissionGrant.ReadWrite.All Directory.Read.All"
ADDRESSES = sorted({(route.method, route.template) for route in ROUTES if "{" in route.template})


@pytest.fixture
def admin(sandbox: Sandbox) -> Rest:
    """Graph on behalf of a Global Administrator, with every scope that a call with an id needs."""
    return actors.delegated(sandbox, "carla@contoso.example", SCOPES)


@pytest.mark.parametrize(("method", "template"), ADDRESSES)
def test_a_malformed_id_is_a_bad_request_at_every_address(admin: Rest, method: str, template: str) -> None:
    before, _, after = template.rpartition("{")
    principal = new_principal(admin)
    known = principal["id"]
    if template.startswith("applications"):
        known = admin.get(f"/applications(appId='{principal['appId']}')").json()["id"]
    path = re.sub(r"\{\w+\}", known, before) + "none" + after.partition("}")[2]
    bodies = {
        "removePassword": {"keyId": NOBODY},
        "appRoleAssignments": grant_of(admin, principal["id"]),
        "appRoleAssignedTo": grant_of(admin, principal["id"]),
    }
    body = bodies.get(path.rpartition("/")[2], {}) if method in ("POST", "PATCH") else None
    graph_error(admin.call(method, f"/{path}", body), 400, "Request_BadRequest", "Invalid object identifier 'none'")


def grant_of(admin: Rest, principal: str) -> dict[str, str]:
    return {
        "principalId": principal,
        "resourceId": graph_principal(admin)["id"],
        "appRoleId": ORGANIZATION_READ_ALL,
    }


@pytest.mark.parametrize("path", ["/directoryRoles(roleTemplateId='none')", "/servicePrincipals(appId='none')"])
def test_a_malformed_named_key_is_a_bad_request(admin: Rest, path: str) -> None:
    graph_error(admin.get(path), 400, "Request_BadRequest", "Invalid object identifier 'none'")
    graph_error(admin.get("/organization(displayName='x')"), 400, "Request_BadRequest", "Invalid key property")


@pytest.mark.parametrize("link", ["x/none", "none", "", None, 5, ["x"]])
def test_a_malformed_reference_is_a_bad_request(admin: Rest, link: object) -> None:
    made = admin.new_application()
    path = f"/directoryRoles(roleTemplateId='{TEAMS_ADMINISTRATOR}')"
    admin.post("/directoryRoles", {"roleTemplateId": TEAMS_ADMINISTRATOR})
    for answer in (
        admin.post(f"/applications/{made['id']}/owners/$ref", {"@odata.id": link}),
        admin.post(f"{path}/members/$ref", {"@odata.id": link}),
        admin.post("/applications", {"displayName": "x", "owners@odata.bind": [link]}),
    ):
        graph_error(answer, 400, "Request_BadRequest", "Invalid object identifier")


@pytest.mark.parametrize("written", ["directoryObjects/{}", "directoryObjects/{{{}}}", "users('{}')", "{}"])
def test_a_reference_may_be_written_in_each_of_microsofts_ways(admin: Rest, written: str) -> None:
    owner = new_principal(admin)["id"]
    link = f"https://graph.microsoft.com/v1.0/{written.format(owner)}"
    bound = admin.post("/applications", {"displayName": "x", "owners@odata.bind": [link]})
    assert bound.status_code == 201, bound.text
    assert owner in {each["id"] for each in admin.get(f"/applications/{bound.json()['id']}/owners").json()["value"]}


def test_ids_in_capitals_are_found(sandbox: Sandbox, admin: Rest) -> None:
    principal = new_principal(admin)
    app = admin.get(f"/applications(appId='{principal['appId'].upper()}')").json()
    admin.post("/directoryRoles", {"roleTemplateId": TEAMS_ADMINISTRATOR.upper()})
    role = admin.get(f"/directoryRoles(roleTemplateId='{TEAMS_ADMINISTRATOR.upper()}')").json()
    for path, wanted in (
        ("/applications/", app["id"]),
        ("/servicePrincipals/", principal["id"]),
        ("/directoryRoles/", role["id"]),
        ("/organization/", sandbox.seed.customer.tenant_id),
        ("/roleManagement/directory/roleDefinitions/", TEAMS_ADMINISTRATOR),
    ):
        assert admin.get(path + wanted.upper()).json()["id"] == wanted


def test_a_deleted_item_is_found_restored_and_purged_by_an_id_in_capitals(graph: Rest) -> None:
    made = graph.new_application("one")
    path = f"/directory/deletedItems/{made['id'].upper()}"
    assert graph.delete(f"/applications/{made['id'].upper()}").status_code == 204
    assert graph.get(path).json()["id"] == made["id"]
    assert graph.post(f"{path}/restore").status_code == 200
    assert graph.get(f"/applications/{made['id']}").status_code == 200
    graph.delete(f"/applications/{made['id']}")
    assert graph.delete(path).status_code == 204
    graph_error(graph.get(path), 404, "Request_ResourceNotFound")


def test_ids_in_a_body_may_be_in_capitals(admin: Rest) -> None:
    principal = new_principal(admin)
    body = {name: value.upper() for name, value in grant_of(admin, principal["id"]).items()}
    made = admin.post(f"/servicePrincipals/{principal['id']}/appRoleAssignments", body)
    assert made.status_code == 201, made.text
    assert made.json()["principalId"] == principal["id"]
    role = {
        "roleDefinitionId": TEAMS_ADMINISTRATOR.upper(),
        "principalId": principal["id"].upper(),
        "directoryScopeId": "/",
    }
    assert admin.post("/roleManagement/directory/roleAssignments", role).json()["principalId"] == principal["id"]
    access = [
        {
            "resourceAppId": actors.GRAPH_ID,
            "resourceAccess": [{"id": ORGANIZATION_READ_ALL.upper(), "type": "Role"}],
        }
    ]
    shown = admin.new_application("two", requiredResourceAccess=access)["requiredResourceAccess"]
    assert shown[0]["resourceAccess"] == [{"id": ORGANIZATION_READ_ALL, "type": "Role"}]


def test_a_selected_property_must_be_one_of_the_deleted_object(graph: Rest) -> None:
    made = graph.new_application("one")
    graph.delete(f"/applications/{made['id']}")
    path = f"/directory/deletedItems/{made['id']}"
    assert graph.get(f"{path}?$select=uniqueName").json()["uniqueName"] == "one"
    graph_error(graph.get(f"{path}?$select=accountEnabled"), 400, "BadRequest", "'microsoft.graph.application'")
    for wrong in ("$expand=owners", "$expand=nothing"):
        graph_error(graph.get(f"/directory/deletedItems/microsoft.graph.application?{wrong}"), 400, "BadRequest")
