"""Applications at Graph: create, upsert, change, delete, owners."""

from sandbox.app import Sandbox
from tests.sandbox import actors
from tests.sandbox.actors import SYNC_APP, Rest, graph_error


def test_an_upsert_creates_then_updates(graph: Rest) -> None:
    made = graph.new_application("one", tags=["syncportal"])
    assert made["uniqueName"] == "one"
    assert made["signInAudience"] == "AzureADMultipleOrgs"
    assert made["web"]["implicitGrantSettings"]["enableIdTokenIssuance"] is True
    assert made["passwordCredentials"] == []
    again = graph.upsert("one", displayName="Renamed")
    assert (again.status_code, again.content) == (204, b"")
    assert graph.get("/applications(uniqueName='one')").json()["displayName"] == "Renamed"


def test_an_upsert_without_its_header_creates_nothing(graph: Rest) -> None:
    answer = graph.patch("/applications(uniqueName='one')", SYNC_APP)
    graph_error(answer, 404, "Request_ResourceNotFound")


def test_a_plain_create_defaults_to_a_single_tenant(graph: Rest) -> None:
    answer = graph.post("/applications", {"displayName": "Plain"})
    assert answer.status_code == 201
    assert answer.json()["signInAudience"] == "AzureADMyOrg"
    assert answer.json()["uniqueName"] is None


def test_a_complex_property_is_merged_and_a_collection_replaced(graph: Rest) -> None:
    made = graph.new_application()
    uris = ["https://two.example/authenticate/OAuth2Callback"]
    assert graph.patch(f"/applications/{made['id']}", {"web": {"redirectUris": uris}}).status_code == 204
    web = graph.get(f"/applications/{made['id']}").json()["web"]
    assert web["redirectUris"] == uris
    assert web["implicitGrantSettings"]["enableAccessTokenIssuance"] is True
    assert web["redirectUriSettings"] == [{"uri": uris[0], "index": None}]


def test_setting_a_collection_to_null_empties_it(graph: Rest) -> None:
    made = graph.new_application("one", tags=["red"])
    assert graph.patch(f"/applications/{made['id']}", {"tags": None}).status_code == 204
    assert graph.get(f"/applications/{made['id']}").json()["tags"] == []


def test_a_unique_name_cannot_be_changed(graph: Rest) -> None:
    made = graph.post("/applications", {"displayName": "Plain"}).json()
    path = f"/applications/{made['id']}"
    assert graph.patch(path, {"uniqueName": "named"}).status_code == 204
    graph_error(graph.patch(path, {"uniqueName": "other"}), 400, "Request_BadRequest", "immutable")
    assert graph.patch(path, {"uniqueName": "named"}).status_code == 204


def test_a_unique_name_is_unique_in_the_tenant(graph: Rest) -> None:
    graph.new_application("one")
    answer = graph.post("/applications", {**SYNC_APP, "uniqueName": "one"})
    graph_error(answer, 400, "Request_BadRequest", "Another object with the same value for property uniqueName")


def test_the_portal_changes_only_applications_that_it_owns(sandbox: Sandbox, graph: Rest) -> None:
    made = graph.new_application()
    (owner,) = graph.get(f"/applications/{made['id']}/owners").json()["value"]
    principal = sandbox.world.tenant("Finebak").service_principal_of(sandbox.seed.provider.client_id)
    assert principal is not None
    assert owner == {"@odata.type": "#microsoft.graph.servicePrincipal", "id": principal.id}
    foreign = sandbox.world.add_application(sandbox.world.tenant("Finebak"), "Somebody's")
    path = f"/applications/{foreign.id}"
    assert graph.get(path).status_code == 200
    for answer in (
        graph.patch(path, {"notes": "mine"}),
        graph.post(f"{path}/addPassword"),
        graph.delete(path),
        graph.post("/servicePrincipals", {"appId": actors.TEAMS_ID}),
    ):
        graph_error(answer, 403, "Authorization_RequestDenied")


def test_an_owner_is_added_once(sandbox: Sandbox, graph: Rest) -> None:
    made = graph.new_application()
    ump = sandbox.world.tenant("Finebak").service_principal_of(sandbox.seed.ump.client_id)
    assert ump is not None
    body = {"@odata.id": f"{graph.base}/directoryObjects/{ump.id}"}
    path = f"/applications/{made['id']}/owners/$ref"
    assert graph.post(path, body).status_code == 204
    graph_error(graph.post(path, body), 400, "Request_BadRequest", "already exist")
    graph_error(graph.post(path, {"@odata.id": "x/none"}), 404, "Request_ResourceNotFound")
    assert len(graph.get(path).json()["value"]) == 2
