"""Tokens and permissions at Graph's door."""

import pytest
import requests

from sandbox.app import Sandbox
from tests.sandbox import actors
from tests.sandbox.actors import Rest, graph_error


def test_every_answer_carries_its_ids(graph: Rest) -> None:
    for path in ("/organization", "/applications/no-such-id"):
        answer = graph.get(path, client_request_id="mine-1")
        assert answer.headers["client-request-id"] == "mine-1"
        assert answer.headers["request-id"]
        assert answer.headers["Date"]
    inner = answer.json()["error"]["innerError"]
    assert inner["request-id"] == answer.headers["request-id"]
    assert inner["client-request-id"] == "mine-1"


def test_a_call_without_a_token_is_refused(sandbox: Sandbox, web: requests.Session) -> None:
    answer = web.get(f"{sandbox.graph_url}/v1.0/organization", timeout=20)
    graph_error(answer, 401, "InvalidAuthenticationToken")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_forged_token_is_refused(graph: Rest) -> None:
    head, body, signature = graph.token.split(".")
    for token in (f"{head}.{body}.{signature[::-1]}", "nonsense", "a.b.c"):
        graph_error(Rest(graph.web, graph.base, token).get("/organization"), 401, "InvalidAuthenticationToken")


def test_a_token_for_another_api_is_refused(sandbox: Sandbox, graph: Rest) -> None:
    other = Rest(graph.web, graph.base, actors.ump_api(sandbox).token)
    graph_error(other.get("/organization"), 401, "InvalidAuthenticationToken", "audience")


def test_an_expired_token_is_refused(sandbox: Sandbox, graph: Rest) -> None:
    sandbox.world.clock.skew = 3700
    graph_error(graph.get("/organization"), 401, "InvalidAuthenticationToken", "expired")


def test_a_caller_without_service_principal_has_no_identity(sandbox: Sandbox, graph: Rest) -> None:
    finebak = sandbox.world.tenant("Finebak")
    principal = finebak.service_principal_of(sandbox.seed.provider.client_id)
    assert principal is not None
    del finebak.service_principals[principal.id]
    graph_error(graph.get("/organization"), 401, "Authorization_IdentityNotFound")


def test_an_unknown_address_is_no_segment(graph: Rest) -> None:
    graph_error(graph.get("/nothing"), 400, "BadRequest", "Resource not found for the segment 'nothing'")
    graph_error(graph.get("/applications/x/nothing"), 400, "BadRequest", "Resource not found for the segment")


def test_a_known_address_with_the_wrong_method_is_405(graph: Rest) -> None:
    graph_error(graph.put("/applications", {}), 405, "Request_BadRequest")


def test_a_body_that_is_no_json_is_refused(graph: Rest) -> None:
    headers = {"Authorization": f"Bearer {graph.token}"}
    for data, kind in (("{", "application/json"), ("{}", "text/plain"), ("[]", "application/json")):
        answer = graph.web.post(
            f"{graph.base}/applications", data=data, headers={**headers, "Content-Type": kind}, timeout=20
        )
        graph_error(answer, 400, "BadRequest", "Unable to read JSON")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/organization"),
        ("GET", "/applications"),
        ("POST", "/applications"),
        ("PATCH", "/applications(uniqueName='x')"),
        ("POST", "/applications/x/addPassword"),
        ("POST", "/servicePrincipals"),
        ("POST", "/servicePrincipals/x/appRoleAssignments"),
        ("POST", "/oauth2PermissionGrants"),
        ("GET", "/oauth2PermissionGrants"),
        ("POST", "/roleManagement/directory/roleAssignments"),
        ("GET", "/roleManagement/directory/roleAssignments"),
        ("POST", "/directoryRoles"),
        ("GET", "/policies/defaultAppManagementPolicy"),
        ("GET", "/directory/deletedItems/microsoft.graph.application"),
    ],
)
def test_without_a_permission_every_call_is_denied(sandbox: Sandbox, method: str, path: str) -> None:
    application, secret = actors.make_app_with(sandbox, "Finebak")
    nobody = actors.app_only(sandbox, "finebak.localhost", application.app_id, secret)
    answer = nobody.call(method, path, None if method == "GET" else {})
    graph_error(answer, 403, "Authorization_RequestDenied", "Insufficient privileges")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/servicePrincipals/x/appRoleAssignments"),
        ("POST", "/oauth2PermissionGrants"),
        ("POST", "/roleManagement/directory/roleAssignments"),
    ],
)
def test_the_portals_own_credential_may_not_grant_anything(graph: Rest, method: str, path: str) -> None:
    graph_error(graph.call(method, path, {}), 403, "Authorization_RequestDenied")


def test_a_person_without_a_role_may_not_use_the_scopes(sandbox: Sandbox) -> None:
    nora = actors.delegated(sandbox, "nora@contoso.example", actors.PROVISIONING)
    graph_error(nora.post("/applications", actors.SYNC_APP), 403, "Authorization_RequestDenied")
    peter = actors.delegated(sandbox, "peter@contoso.example", actors.PROVISIONING)
    graph_error(peter.post("/applications", actors.SYNC_APP), 403, "Authorization_RequestDenied")


def test_an_application_administrator_manages_applications_but_no_roles(sandbox: Sandbox) -> None:
    appie = actors.delegated(sandbox, "appie@contoso.example", actors.PROVISIONING)
    made = appie.post("/applications", actors.SYNC_APP)
    assert made.status_code == 201
    principal = appie.post("/servicePrincipals", {"appId": made.json()["appId"]}).json()
    resource = appie.get(f"/servicePrincipals(appId='{actors.GRAPH_ID}')").json()
    body = {
        "principalId": principal["id"],
        "resourceId": resource["id"],
        "appRoleId": "498476ce-e0fe-48b0-b801-37ba7e2685c6",
    }
    answer = appie.post(f"/servicePrincipals/{principal['id']}/appRoleAssignments", body)
    graph_error(answer, 403, "Authorization_RequestDenied")
    graph_error(appie.post("/roleManagement/directory/roleAssignments", {}), 403, "Authorization_RequestDenied")


def test_the_scopes_count_and_not_the_role_alone(sandbox: Sandbox) -> None:
    carla = actors.delegated(sandbox, "carla@contoso.example", "User.Read")
    graph_error(carla.post("/applications", actors.SYNC_APP), 403, "Authorization_RequestDenied")


def test_me_is_for_people(sandbox: Sandbox, graph: Rest) -> None:
    graph_error(graph.get("/me"), 400, "Request_BadRequest", "delegated")
    carla = actors.delegated(sandbox, "carla@contoso.example", "User.Read")
    found = carla.get("/me?$select=id,displayName,userPrincipalName,userType").json()
    assert (found["displayName"], found["userType"]) == ("Carla", "Member")


@pytest.mark.parametrize(
    ("upn", "names"),
    [
        ("carla@contoso.example", ["Global Administrator"]),
        ("paul@contoso.example", ["Privileged Role Administrator", "Application Administrator"]),
        ("nora@contoso.example", []),
        ("peter@contoso.example", []),
    ],
)
def test_a_person_sees_the_roles_that_are_active(sandbox: Sandbox, upn: str, names: list[str]) -> None:
    person = actors.delegated(sandbox, upn, "User.Read")
    cast = person.get("/me/transitiveMemberOf/microsoft.graph.directoryRole?$select=displayName,roleTemplateId")
    assert [role["displayName"] for role in cast.json()["value"]] == names
    everything = person.get("/me/transitiveMemberOf").json()["value"]
    assert [role["@odata.type"] for role in everything] == ["#microsoft.graph.directoryRole"] * len(names)


def test_user_read_alone_shows_little_of_the_organisation(sandbox: Sandbox, graph: Rest) -> None:
    carla = actors.delegated(sandbox, "carla@contoso.example", "User.Read")
    (limited,) = carla.get("/organization").json()["value"]
    assert (limited["displayName"], limited["tenantType"]) == ("Contoso", None)
    assert limited["verifiedDomains"][0]["name"] == "contoso.example"
    (full,) = graph.get("/organization?$select=id,displayName,verifiedDomains,tenantType").json()["value"]
    assert (full["displayName"], full["tenantType"]) == ("Finebak", "AAD")
    assert graph.get(f"/organization/{full['id']}").json()["id"] == full["id"]
    graph_error(graph.get("/organization/other"), 404, "Request_ResourceNotFound")


def test_a_property_that_does_not_exist_cannot_be_selected(graph: Rest) -> None:
    graph_error(graph.get("/applications?$select=id,nothing"), 400, "BadRequest", "property named 'nothing'")


def test_batch_answers_each_part_by_itself(graph: Rest) -> None:
    app = graph.new_application()
    parts = [
        {"id": "1", "method": "GET", "url": f"/applications/{app['id']}?$select=id"},
        {"id": "2", "method": "GET", "url": "/applications/no-such-id"},
        {"id": "3", "method": "GET", "url": "/organization", "dependsOn": ["2"]},
        {"id": "4", "method": "PATCH", "url": f"/applications/{app['id']}", "body": {"notes": "from a batch"}},
    ]
    answers = {part["id"]: part for part in graph.post("/$batch", {"requests": parts}).json()["responses"]}
    assert [answers[key]["status"] for key in "1234"] == [200, 404, 424, 204]
    assert answers["1"]["body"]["id"] == app["id"]
    assert answers["2"]["body"]["error"]["code"] == "Request_ResourceNotFound"
    assert graph.get(f"/applications/{app['id']}").json()["notes"] == "from a batch"


def test_a_batch_has_twenty_parts_at_most(graph: Rest) -> None:
    parts = [{"id": str(n), "method": "GET", "url": "/organization"} for n in range(21)]
    graph_error(graph.post("/$batch", {"requests": parts}), 400, "BadRequest")
    for wrong in ([], "x", [1], [{"headers": "x"}], [{"dependsOn": "1"}], [{"body": []}, {"body": "x"}]):
        graph_error(graph.post("/$batch", {"requests": wrong}), 400, "BadRequest")
