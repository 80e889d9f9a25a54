"""Application permissions and delegated consent at Graph."""

import re

import pytest

from sandbox.app import Sandbox
from tests.sandbox import actors
from tests.sandbox.actors import Rest, graph_error
from tests.sandbox.graph.principals import NOBODY, graph_principal, new_principal

ORGANIZATION_READ_ALL = "498476ce-e0fe-48b0-b801-37ba7e2685c6"


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


def test_invalid_application_permissions_are_refused(carla: Rest) -> None:
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


def test_delegated_consent_is_created_changed_and_deleted(carla: Rest, sandbox: Sandbox) -> None:
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


def test_invalid_delegated_consent_is_refused(carla: Rest, sandbox: Sandbox) -> None:
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


def test_every_grant_has_a_precise_time(sandbox: Sandbox, carla: Rest) -> None:
    contoso = sandbox.world.tenant("Contoso")
    application = sandbox.world.add_application(contoso, "Made by hand")
    sandbox.world.grant_application_permissions(contoso, application.app_id, ["User.Read.All"])
    principal, resource = new_principal(carla), graph_principal(carla)
    body = {"principalId": principal["id"], "resourceId": resource["id"], "appRoleId": ORGANIZATION_READ_ALL}
    assert carla.post(f"/servicePrincipals/{principal['id']}/appRoleAssignments", body).status_code == 201
    path = f"/servicePrincipals/{resource['id']}/appRoleAssignedTo"
    times = [each["createdDateTime"] for each in carla.get(path).json()["value"]]
    assert len(times) == 2
    assert all(re.fullmatch(r"20[0-9T:-]{17}\.[0-9]{7}Z", time) for time in times)
