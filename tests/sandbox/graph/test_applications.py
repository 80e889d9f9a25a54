"""Applications at Graph: create, upsert, change, delete."""

import re
from typing import Any

import pytest

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


def test_a_nested_change_keeps_what_it_does_not_name(graph: Rest) -> None:
    both = {"enableAccessTokenIssuance": True, "enableIdTokenIssuance": True}
    made = graph.new_application(web={"redirectUris": ["https://a.example/x"], "implicitGrantSettings": both})
    change = {"web": {"implicitGrantSettings": {"enableIdTokenIssuance": False}}}
    assert graph.patch(f"/applications/{made['id']}", change).status_code == 204
    web = graph.get(f"/applications/{made['id']}").json()["web"]
    assert web["implicitGrantSettings"] == {"enableAccessTokenIssuance": True, "enableIdTokenIssuance": False}
    assert web["redirectUris"] == ["https://a.example/x"]


@pytest.mark.parametrize("platform", ["web", "spa", "publicClient"])
def test_lists_come_back_in_an_order_of_their_own(graph: Rest, platform: str) -> None:
    uris = [f"https://{letter}.example/x" for letter in "abcdefgh"]
    made = graph.post("/applications", {"displayName": "ordered", platform: {"redirectUris": uris}}).json()
    found = graph.get(f"/applications/{made['id']}").json()[platform]["redirectUris"]
    assert sorted(found) == uris
    assert found != uris
    assert graph.get(f"/applications/{made['id']}").json()[platform]["redirectUris"] == found


def test_a_created_application_has_a_location_and_a_precise_time(graph: Rest) -> None:
    answer = graph.post("/applications", {"displayName": "precise"})
    assert answer.headers["Location"].endswith(f"/{answer.json()['id']}/Microsoft.DirectoryServices.Application")
    for application in graph.get("/applications?$select=createdDateTime").json()["value"]:  # seeded ones too
        assert re.fullmatch(r"[0-9T:-]{19}\.[0-9]{7}Z", application["createdDateTime"])


def test_every_property_that_can_be_written_is_kept(graph: Rest) -> None:
    sent = {
        "addIns": [{"id": NOBODY, "type": "powerbi", "properties": [{"key": "a", "value": "b"}]}],
        "authenticationBehaviors": {"blockAzureADGraphAccess": True},
        "managerApplications": [NOBODY],
        "nativeAuthenticationApisEnabled": "all",
        "requestSignatureVerification": {"isSignedRequestRequired": True, "allowedWeakAlgorithms": "rsaSha1"},
    }
    made = graph.new_application()
    path = f"/applications/{made['id']}"
    assert (made["addIns"], made["authenticationBehaviors"], made["managerApplications"]) == ([], None, [])
    countries = {"parentalControlSettings": {"countriesBlockedForMinors": ["DE"]}}
    assert graph.patch(path, {**sent, **countries}).status_code == 204
    found = graph.get(path).json()
    assert {name: found[name] for name in sent} == sent
    assert found["parentalControlSettings"] == {"countriesBlockedForMinors": ["DE"], "legalAgeGroupRule": "Allow"}
    assert graph.get(f"{path}?$select=logo").json()["logo"] is None
    graph_error(graph.patch(path, {"logo": "x"}), 400, "Request_BadRequest", "read-only")
    wrong = {"api": {"preAuthorizedApplications": [{"nothing": 1}]}}
    graph_error(graph.patch(path, wrong), 400, "Request_BadRequest", "Invalid property 'nothing'")


def test_permissions_of_an_api_that_is_not_played_are_kept(graph: Rest) -> None:
    access = [
        {"resourceAppId": "e406a681-f3d4-42a8-90b6-c2b029497af1", "resourceAccess": [{"id": NOBODY, "type": "Scope"}]}
    ]
    made = graph.new_application(requiredResourceAccess=access)
    assert graph.get(f"/applications/{made['id']}").json()["requiredResourceAccess"] == access


@pytest.mark.parametrize(
    "block",
    [
        {"resourceAccess": [{"id": NOBODY, "type": "Scope"}]},
        {"resourceAppId": "e406a681-f3d4-42a8-90b6-c2b029497af1", "resourceAccess": [{"id": NOBODY}]},
        {"resourceAppId": "e406a681-f3d4-42a8-90b6-c2b029497af1", "resourceAccess": [{"type": "Role"}]},
        {"resourceAppId": actors.GRAPH_ID, "resourceAccess": [{"id": NOBODY, "type": "Role"}]},
    ],
)
def test_a_required_permission_that_is_incomplete_or_unknown_is_refused(graph: Rest, block: dict[str, Any]) -> None:
    answer = graph.post("/applications", {"displayName": "x", "requiredResourceAccess": [block]})
    graph_error(answer, 400, "Request_BadRequest")
