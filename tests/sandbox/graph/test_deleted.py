"""Deleted items at Graph."""

from tests.sandbox.actors import Rest, graph_error


def test_a_deleted_application_keeps_its_unique_name(graph: Rest) -> None:
    made = graph.new_application("one")
    assert graph.delete(f"/applications/{made['id']}").status_code == 204
    graph_error(graph.get(f"/applications/{made['id']}"), 404, "Request_ResourceNotFound")
    graph_error(graph.upsert("one"), 400, "Request_BadRequest", "uniqueName")


def test_a_deleted_application_is_found_restored_and_purged(graph: Rest) -> None:
    made = graph.new_application("one")
    graph.post("/servicePrincipals", {"appId": made["appId"]})
    graph.delete(f"/applications/{made['id']}")
    deleted = "/directory/deletedItems"
    (found,) = graph.get(f"{deleted}/microsoft.graph.application?$filter=uniqueName eq 'one'").json()["value"]
    assert found["id"] == made["id"]
    assert found["deletedDateTime"]
    assert graph.get(f"{deleted}/{made['id']}").json()["id"] == made["id"]
    restored = graph.post(f"{deleted}/{made['id']}/restore")
    assert (restored.status_code, restored.json()["deletedDateTime"]) == (200, None)
    assert graph.get("/applications(uniqueName='one')").status_code == 200
    (principal,) = graph.get(f"{deleted}/microsoft.graph.servicePrincipal").json()["value"]
    assert graph.post(f"{deleted}/{principal['id']}/restore").status_code == 200
    graph.delete(f"/applications/{made['id']}")
    assert graph.delete(f"{deleted}/{made['id']}").status_code == 204
    graph_error(graph.get(f"{deleted}/{made['id']}"), 404, "Request_ResourceNotFound")
    graph_error(graph.post(f"{deleted}/{made['id']}/restore"), 404, "Request_ResourceNotFound")
    assert graph.upsert("one").status_code == 201
