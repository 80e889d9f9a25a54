"""Tokens and permissions at Graph."""

import pytest
import requests

from sandbox.app import Sandbox
from tests.sandbox import actors
from tests.sandbox.actors import Rest, graph_error


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


def test_a_caller_without_a_service_principal_is_refused(sandbox: Sandbox, graph: Rest) -> None:
    finebak = sandbox.world.tenant("Finebak")
    principal = finebak.service_principal_of(sandbox.seed.provider.client_id)
    assert principal is not None
    del finebak.service_principals[principal.id]
    graph_error(graph.get("/organization"), 401, "Authorization_IdentityNotFound")


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
def test_every_call_is_denied_without_a_permission(sandbox: Sandbox, method: str, path: str) -> None:
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
def test_the_portals_credential_cannot_grant_permissions_or_roles(graph: Rest, method: str, path: str) -> None:
    graph_error(graph.call(method, path, {}), 403, "Authorization_RequestDenied")


def test_a_person_without_an_active_role_cannot_create_applications(sandbox: Sandbox) -> None:
    nora = actors.delegated(sandbox, "nora@contoso.example", actors.PROVISIONING)
    graph_error(nora.post("/applications", actors.SYNC_APP), 403, "Authorization_RequestDenied")
    peter = actors.delegated(sandbox, "peter@contoso.example", actors.PROVISIONING)
    graph_error(peter.post("/applications", actors.SYNC_APP), 403, "Authorization_RequestDenied")


def test_an_application_administrator_cannot_grant_roles(sandbox: Sandbox) -> None:
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


def test_a_role_alone_is_not_enough_without_the_scope(sandbox: Sandbox) -> None:
    carla = actors.delegated(sandbox, "carla@contoso.example", "User.Read")
    graph_error(carla.post("/applications", actors.SYNC_APP), 403, "Authorization_RequestDenied")
