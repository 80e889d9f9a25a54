"""Owners of applications and service principals at Graph."""

from typing import Any

import pytest

from sandbox.app import Sandbox
from tests.sandbox.actors import SYNC_APP, Rest, graph_error
from tests.sandbox.graph.principals import NOBODY, new_principal

CREATING = {"Prefer": "create-if-missing"}


@pytest.fixture
def other(sandbox: Sandbox) -> str:
    """The id of a service principal that is not the caller's."""
    principal = sandbox.world.tenant("Finebak").service_principal_of(sandbox.seed.ump.client_id)
    assert principal is not None
    return principal.id


def owners_of(graph: Rest, path: str) -> list[str]:
    return [each["id"] for each in graph.get(f"{path}/owners").json()["value"]]


def test_an_owner_is_added_once(sandbox: Sandbox, graph: Rest) -> None:
    made = graph.new_application()
    ump = sandbox.world.tenant("Finebak").service_principal_of(sandbox.seed.ump.client_id)
    assert ump is not None
    body = {"@odata.id": f"{graph.base}/directoryObjects/{ump.id}"}
    path = f"/applications/{made['id']}/owners/$ref"
    assert graph.post(path, body).status_code == 204
    graph_error(graph.post(path, body), 400, "Request_BadRequest", "already exist")
    graph_error(graph.post(path, {"@odata.id": f"x/{NOBODY}"}), 404, "Request_ResourceNotFound")
    assert len(graph.get(path).json()["value"]) == 2


def test_a_service_principal_has_owners_too(graph: Rest, other: str) -> None:
    path = f"/servicePrincipals/{new_principal(graph)['id']}"
    assert len(owners_of(graph, path)) == 1
    body = {"@odata.id": f"{graph.base}/directoryObjects/{other.upper()}"}
    assert graph.post(f"{path}/owners/$ref", body).status_code == 204
    assert other in owners_of(graph, path)
    assert graph.delete(f"{path}/owners/{other.upper()}/$ref").status_code == 204
    assert other not in owners_of(graph, path)
    graph_error(graph.delete(f"{path}/owners/{other}/$ref"), 404, "Request_ResourceNotFound")


def bind(graph: Rest, *owners: str) -> dict[str, Any]:
    return {"owners@odata.bind": [f"{graph.base}/directoryObjects/{owner}" for owner in owners]}


def test_owners_are_bound_by_every_call_that_creates(graph: Rest, other: str) -> None:
    bound = bind(graph, other, other.upper())
    plain = graph.post("/applications", {**SYNC_APP, **bound}).json()
    upserted = graph.patch("/applications(uniqueName='one')", {**SYNC_APP, **bound}, **CREATING).json()
    principal = graph.post("/servicePrincipals", {"appId": plain["appId"], **bound}).json()
    path = f"/servicePrincipals(appId='{upserted['appId']}')"
    upserted_principal = graph.patch(path, bound, **CREATING).json()
    for path in (
        f"/applications/{plain['id']}",
        f"/applications/{upserted['id']}",
        f"/servicePrincipals/{principal['id']}",
        f"/servicePrincipals/{upserted_principal['id']}",
    ):
        caller, second = owners_of(graph, path)
        assert caller != second == other


@pytest.mark.parametrize(
    ("owners", "status", "code"),
    [
        ([NOBODY], 404, "Request_ResourceNotFound"),
        (["xyz"], 400, "Request_BadRequest"),
        ([NOBODY] * 21, 400, "Request_BadRequest"),
    ],
)
def test_owners_that_cannot_be_bound_create_nothing(graph: Rest, owners: list[str], status: int, code: str) -> None:
    before = graph.get("/applications?$select=id").json()["value"]
    app = graph.new_application()
    bound = bind(graph, *owners)
    for answer in (
        graph.post("/applications", {"displayName": "x", **bound}),
        graph.patch("/applications(uniqueName='two')", {**SYNC_APP, **bound}, **CREATING),
        graph.post("/servicePrincipals", {"appId": app["appId"], **bound}),
        graph.patch(f"/servicePrincipals(appId='{app['appId']}')", bound, **CREATING),
    ):
        graph_error(answer, status, code)
    assert len(graph.get("/applications?$select=id").json()["value"]) == len(before) + 1
    assert graph.get(f"/servicePrincipals?$filter=appId eq '{app['appId']}'").json()["value"] == []


def test_an_update_binds_no_owners(graph: Rest, other: str) -> None:
    principal = new_principal(graph)
    application = f"/applications(appId='{principal['appId']}')"
    for path in (application, f"/servicePrincipals/{principal['id']}"):
        answer = graph.patch(path, {"notes": "changed", **bind(graph, other)})
        graph_error(answer, 400, "Request_BadRequest", "owners")
        assert other not in owners_of(graph, path)
        assert graph.get(path).json()["notes"] is None


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/applications", {"displayName": "x", "tokenLifetimePolicies@odata.bind": ["x"]}),
        ("/applications", {"displayName": "x", "nothing@odata.bind": ["x"]}),
        ("/applications", {"displayName": "x", "web": {"owners@odata.bind": ["x"]}}),
        ("/servicePrincipals", {"appId": NOBODY, "claimsMappingPolicies@odata.bind": ["x"]}),
        ("/applications/{id}/addPassword", {"passwordCredential": {"owners@odata.bind": ["x"]}}),
        ("/applications/{id}/owners/$ref", {"@odata.id": f"x/{NOBODY}", "owners@odata.bind": ["x"]}),
    ],
)
def test_any_other_binding_is_refused(graph: Rest, path: str, body: dict[str, Any]) -> None:
    made = graph.new_application()
    graph_error(graph.post(path.format(**made), body), 400, "Request_BadRequest", "@odata.bind'")


def test_an_annotation_that_changes_nothing_is_taken(graph: Rest) -> None:
    body = {"@odata.type": "#microsoft.graph.application", "tags@odata.type": "#Collection(String)", "tags": ["one"]}
    assert graph.patch(f"/applications/{graph.new_application()['id']}", body).status_code == 204


def test_expanded_owners_stay_beside_what_is_selected(graph: Rest) -> None:
    principal = new_principal(graph)
    for path in (f"/applications(appId='{principal['appId']}')", f"/servicePrincipals/{principal['id']}"):
        found = graph.get(f"{path}?$select=id&$expand=owners").json()
        assert set(found) == {"@odata.context", "id", "owners"}
        assert [owner["id"] for owner in found["owners"]] == owners_of(graph, path)
    listed = graph.get("/applications?$select=id&$expand=owners&$top=1").json()["value"]
    assert [set(application) for application in listed] == [{"id", "owners"}]


def test_references_take_only_what_is_carried_out(graph: Rest) -> None:
    path = f"/applications/{graph.new_application()['id']}/owners"
    assert list(graph.get(f"{path}/$ref?$top=1").json()["value"][0]) == ["@odata.id"]
    for option in ("$select=id", "$filter=id eq 'x'", "$expand=owners"):
        graph_error(graph.get(f"{path}/$ref?{option}"), 400, "BadRequest", "is not supported")
    graph_error(graph.get(f"{path}?$select=nothing"), 400, "BadRequest", "property named 'nothing'")
