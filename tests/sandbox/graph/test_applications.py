"""Applications at Graph: create, upsert, change, delete, owners."""

import re

from sandbox.app import Sandbox
from tests.sandbox import actors
from tests.sandbox.actors import SYNC_APP, Rest, graph_error
from tests.sandbox.graph.principals import NOBODY


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


def test_a_malformed_id_is_a_bad_request(graph: Rest) -> None:
    for path in (
        "/applications/none",
        "/applications(appId='none')",
        "/servicePrincipals/none",
        "/directory/deletedItems/none",
    ):
        graph_error(graph.get(path), 400, "Request_BadRequest", "Invalid object identifier 'none'")


def test_a_nested_change_keeps_what_it_does_not_name(graph: Rest) -> None:
    both = {"enableAccessTokenIssuance": True, "enableIdTokenIssuance": True}
    made = graph.new_application(web={"redirectUris": ["https://a.example/x"], "implicitGrantSettings": both})
    change = {"web": {"implicitGrantSettings": {"enableIdTokenIssuance": False}}}
    assert graph.patch(f"/applications/{made['id']}", change).status_code == 204
    web = graph.get(f"/applications/{made['id']}").json()["web"]
    assert web["implicitGrantSettings"] == {"enableAccessTokenIssuance": True, "enableIdTokenIssuance": False}
    assert web["redirectUris"] == ["https://a.example/x"]


def test_lists_come_back_in_an_order_of_their_own(graph: Rest) -> None:
    uris = [f"https://{letter}.example/x" for letter in "abcdefgh"]
    made = graph.new_application(web={"redirectUris": uris})
    found = graph.get(f"/applications/{made['id']}").json()["web"]["redirectUris"]
    assert sorted(found) == uris
    assert found != uris
    assert graph.get(f"/applications/{made['id']}").json()["web"]["redirectUris"] == found


def test_a_created_application_has_a_location_and_a_precise_time(graph: Rest) -> None:
    answer = graph.post("/applications", {"displayName": "precise"})
    assert answer.headers["Location"].endswith(f"/{answer.json()['id']}/Microsoft.DirectoryServices.Application")
    assert re.fullmatch(r"[0-9T:-]{19}\.[0-9]{7}Z", answer.json()["createdDateTime"])


def test_owners_can_be_bound_at_creation(sandbox: Sandbox, graph: Rest) -> None:
    tenant = sandbox.world.tenant(sandbox.seed.provider.tenant_id)
    owner = next(iter(tenant.service_principals))
    link = f"{sandbox.graph_url}/v1.0/directoryObjects/"
    made = graph.post("/applications", {"displayName": "bound", "owners@odata.bind": [link + owner]}).json()
    owners = graph.get(f"/applications/{made['id']}/owners").json()["value"]
    assert owner in {each["id"] for each in owners}
    unknown = {"displayName": "x", "owners@odata.bind": [link + "11111111-2222-3333-4444-555555555555"]}
    graph_error(graph.post("/applications", unknown), 404, "Request_ResourceNotFound")
    many = {"displayName": "x", "owners@odata.bind": [link + owner] * 21}
    graph_error(graph.post("/applications", many), 400, "Request_BadRequest")


def test_permissions_of_an_api_that_is_not_played_are_kept(graph: Rest) -> None:
    access = [
        {"resourceAppId": "e406a681-f3d4-42a8-90b6-c2b029497af1", "resourceAccess": [{"id": NOBODY, "type": "Scope"}]}
    ]
    made = graph.new_application(requiredResourceAccess=access)
    assert graph.get(f"/applications/{made['id']}").json()["requiredResourceAccess"] == access
