"""Finding an application by its keys."""

from sandbox.app import Sandbox
from tests.sandbox.actors import Rest, graph_error


def test_an_application_is_found_by_each_of_its_keys(graph: Rest) -> None:
    made = graph.new_application("it's one".replace("'", ""))
    for key in (f"/{made['id']}", f"(appId='{made['appId']}')", f"(uniqueName='{made['uniqueName']}')"):
        assert graph.get(f"/applications{key}").json()["id"] == made["id"]
    graph_error(graph.get("/applications(displayName='x')"), 400, "Request_BadRequest")


def test_an_application_is_found_only_in_its_home_tenant(sandbox: Sandbox, graph: Rest, carla: Rest) -> None:
    made = graph.new_application()
    graph_error(carla.get(f"/applications(appId='{made['appId']}')"), 404, "Request_ResourceNotFound")
