"""Replication lag: not every replica shows a new object at once."""

from sandbox.app import Sandbox
from tests.sandbox import actors
from tests.sandbox.actors import GRAPH_ID, SYNC_APP, Rest, graph_error


def test_a_new_application_is_hidden_during_the_lag(sandbox: Sandbox, graph: Rest) -> None:
    sandbox.world.lag["application"] = 60
    made = graph.new_application("one")
    path = f"/applications/{made['id']}"
    graph_error(graph.get(path), 404, "Request_ResourceNotFound")
    graph_error(graph.get("/applications(uniqueName='one')"), 404, "Request_ResourceNotFound")
    graph_error(graph.post(f"{path}/addPassword"), 404, "Request_ResourceNotFound")
    error = graph_error(graph.post("/servicePrincipals", {"appId": made["appId"]}), 400, "Request_BadRequest")
    assert error["details"][0]["code"] == "NoBackingApplicationObject"
    graph_error(graph.upsert("one"), 400, "Request_BadRequest", "uniqueName already exists")
    refused = actors.client_credentials(sandbox, "finebak.localhost", made["appId"], "x" * 20)
    actors.entra_error(refused, 700016, "unauthorized_client")
    sandbox.world.clock.skew = 61
    assert graph.get(path).status_code == 200
    assert graph.post("/servicePrincipals", {"appId": made["appId"]}).status_code == 201


def test_a_new_service_principal_takes_no_grants_during_the_lag(sandbox: Sandbox, carla: Rest) -> None:
    sandbox.world.lag["service_principal"] = 60
    app = carla.post("/applications", SYNC_APP).json()
    principal = carla.post("/servicePrincipals", {"appId": app["appId"]}).json()
    graph_error(carla.get(f"/servicePrincipals/{principal['id']}"), 404, "Request_ResourceNotFound")
    resource = carla.get(f"/servicePrincipals(appId='{GRAPH_ID}')").json()
    body = {
        "principalId": principal["id"],
        "resourceId": resource["id"],
        "appRoleId": "498476ce-e0fe-48b0-b801-37ba7e2685c6",
    }
    path = f"/servicePrincipals/{principal['id']}/appRoleAssignments"
    graph_error(carla.post(path, body), 400, "Request_BadRequest", "Not a valid reference update")
    role = {
        "roleDefinitionId": "69091246-20e8-4a56-aa4d-066075b2a7a8",
        "principalId": principal["id"],
        "directoryScopeId": "/",
    }
    roles = "/roleManagement/directory/roleAssignments"
    graph_error(carla.post(roles, role), 400, "Request_BadRequest", "Not a valid reference update")
    secret = carla.post(f"/applications/{app['id']}/addPassword").json()["secretText"]
    refused = actors.client_credentials(sandbox, "contoso.example", app["appId"], secret)
    actors.entra_error(refused, 7000229, "invalid_client", 401)
    sandbox.world.clock.skew = 61
    assert carla.post(path, body).status_code == 201
    assert carla.post(roles, role).status_code == 201


def test_a_new_secret_is_refused_during_the_lag(sandbox: Sandbox, graph: Rest) -> None:
    sandbox.world.lag["secret"] = 30
    made = graph.new_application()
    graph.post("/servicePrincipals", {"appId": made["appId"]})
    secret = graph.post(f"/applications/{made['id']}/addPassword").json()["secretText"]
    refused = actors.client_credentials(sandbox, "finebak.localhost", made["appId"], secret)
    actors.entra_error(refused, 7000215, "invalid_client", 401)
    sandbox.world.clock.skew = 31
    assert actors.client_credentials(sandbox, "finebak.localhost", made["appId"], secret).status_code == 200


def test_every_other_read_hides_a_new_secret(sandbox: Sandbox, graph: Rest) -> None:
    made = graph.new_application()
    path = f"/applications/{made['id']}"
    graph.post("/servicePrincipals", {"appId": made["appId"]})
    sandbox.world.clock.skew = 60  # by now every replica has the application
    sandbox.world.alternating_seconds = 8
    key_id = graph.post(f"{path}/addPassword").json()["keyId"]
    reads = [[entry["keyId"] for entry in graph.get(path).json()["passwordCredentials"]] for _ in range(4)]
    assert reads in ([[], [key_id]] * 2, [[key_id], []] * 2)
    assert sandbox.world.held_back["password"] == 2
    sandbox.world.clock.skew = 70
    assert [entry["keyId"] for entry in graph.get(path).json()["passwordCredentials"]] == [key_id]


def test_one_replica_answers_all_parts_of_a_call(sandbox: Sandbox, graph: Rest) -> None:
    sandbox.world.alternating_seconds = 8
    made = graph.new_application()
    path = f"/applications/{made['id']}"
    while graph.post(f"{path}/addPassword").status_code != 200:
        pass
    answers = [graph.get(path) for _ in range(4)]
    assert sorted(answer.status_code for answer in answers) == [200, 200, 404, 404]
    assert all(answer.json()["passwordCredentials"] for answer in answers if answer.status_code == 200)


def test_a_secret_refused_during_the_lag_is_listed(sandbox: Sandbox, graph: Rest) -> None:
    sandbox.world.lag["secret"] = 30
    made = graph.new_application()
    graph.post(f"/applications/{made['id']}/addPassword")
    assert graph.get(f"/applications/{made['id']}").json()["passwordCredentials"]
    assert sandbox.world.held_back["password"] == 0
