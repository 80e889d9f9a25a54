"""Service principals at Graph."""

from tests.sandbox.actors import TEAMS_ID, Rest, graph_error
from tests.sandbox.graph.principals import NOBODY, graph_principal, new_principal

ORGANIZATION_READ_ALL = "498476ce-e0fe-48b0-b801-37ba7e2685c6"


def test_a_service_principal_is_created_once(graph: Rest) -> None:
    made = new_principal(graph)
    assert made["displayName"] == "Sync App"
    answer = graph.post("/servicePrincipals", {"appId": made["appId"]})
    graph_error(answer, 409, "Request_MultipleObjectsWithSameKeyValue", "already in use")


def test_an_upsert_creates_then_updates_a_service_principal(graph: Rest) -> None:
    app = graph.new_application()
    path = f"/servicePrincipals(appId='{app['appId']}')"
    graph_error(graph.patch(path, {}), 404, "Request_ResourceNotFound")
    assert graph.patch(path, {"tags": ["one"]}, Prefer="create-if-missing").status_code == 201
    assert graph.patch(path, {"tags": ["two"]}, Prefer="create-if-missing").status_code == 204
    assert graph.get(path).json()["tags"] == ["two"]
    graph_error(graph.patch(path, {"nothing": 1}), 400, "Request_BadRequest", "Invalid property 'nothing'")
    graph_error(graph.patch(path, {"appId": NOBODY}), 400, "Request_BadRequest", "read-only")


def test_a_complex_property_of_a_service_principal_is_merged(graph: Rest) -> None:
    path = f"/servicePrincipals/{new_principal(graph)['id']}"
    assert graph.patch(path, {"info": {"supportUrl": "https://a.example"}, "tags": ["one"]}).status_code == 204
    assert graph.patch(path, {"info": {"marketingUrl": "https://b.example"}, "tags": ["two"]}).status_code == 204
    found = graph.get(path).json()
    assert (found["info"]["supportUrl"], found["info"]["marketingUrl"]) == ("https://a.example", "https://b.example")
    assert found["tags"] == ["two"]


def test_a_service_principal_needs_an_application(graph: Rest) -> None:
    error = graph_error(graph.post("/servicePrincipals", {"appId": NOBODY}), 400, "Request_BadRequest")
    assert error["details"][0]["code"] == "NoBackingApplicationObject"
    graph_error(graph.post("/servicePrincipals", {}), 400, "Request_BadRequest", "appId")
    graph_error(graph.post("/servicePrincipals", {"appId": "x"}), 400, "Request_BadRequest")


def test_service_principals_are_found_by_filter(graph: Rest) -> None:
    made = new_principal(graph)
    found = graph.get(f"/servicePrincipals?$filter=appId eq '{made['appId']}'&$select=id").json()["value"]
    assert found == [{"id": made["id"]}]


def test_graphs_service_principal_lists_its_permissions(graph: Rest) -> None:
    resource = graph_principal(graph)
    roles = {role["value"]: role["id"] for role in resource["appRoles"]}
    scopes = {scope["value"] for scope in resource["oauth2PermissionScopes"]}
    assert roles["Organization.Read.All"] == ORGANIZATION_READ_ALL
    assert {"User.Read", "Directory.AccessAsUser.All", "AppCatalog.ReadWrite.All"} <= scopes
    assert {"TeamSettings.ReadWrite.All", "Channel.Delete.All", "ChannelMember.ReadWrite.All"} <= set(roles)


def test_the_teams_api_has_no_service_principal_until_one_is_created(carla: Rest) -> None:
    path = f"/servicePrincipals(appId='{TEAMS_ID}')"
    graph_error(carla.get(path), 404, "Request_ResourceNotFound")
    assert carla.post("/servicePrincipals", {"appId": TEAMS_ID}).status_code == 201
    found = carla.get(path).json()
    assert found["displayName"] == "Skype and Teams Tenant Admin API"
    assert [s["value"] for s in found["oauth2PermissionScopes"]] == ["user_impersonation"]
    assert "application_access" in {role["value"] for role in found["appRoles"]}


def test_a_deleted_service_principal_is_not_found(graph: Rest) -> None:
    made = new_principal(graph)
    assert graph.delete(f"/servicePrincipals/{made['id']}").status_code == 204
    graph_error(graph.get(f"/servicePrincipals/{made['id']}"), 404, "Request_ResourceNotFound")


def test_every_property_of_a_service_principal_that_can_be_written_is_kept(graph: Rest) -> None:
    path = f"/servicePrincipals/{new_principal(graph)['id']}"
    sent = {
        "addIns": [{"id": NOBODY, "type": "powerbi", "properties": []}],
        "preferredTokenSigningKeyThumbprint": "5E21",
        "samlSingleSignOnSettings": {"relayState": "x"},
    }
    assert graph.patch(path, sent).status_code == 204
    found = graph.get(path).json()
    assert {name: found[name] for name in sent} == sent
    for name in ("customSecurityAttributes", "isDisabled", "resourceSpecificApplicationPermissions"):
        assert not found[name]
        graph_error(graph.patch(path, {name: None}), 400, "Request_BadRequest", "read-only")


def test_a_service_principal_shows_that_its_application_is_disabled(graph: Rest) -> None:
    principal = new_principal(graph)
    assert graph.patch(f"/applications(appId='{principal['appId']}')", {"isDisabled": True}).status_code == 204
    assert graph.get(f"/servicePrincipals/{principal['id']}").json()["isDisabled"] is True


def test_the_reply_urls_of_a_service_principal_come_in_graphs_order(graph: Rest) -> None:
    uris = [f"https://{letter}.example/x" for letter in "abcdefgh"]
    app = graph.new_application(web={"redirectUris": uris})
    found = graph.post("/servicePrincipals", {"appId": app["appId"]}).json()["replyUrls"]
    assert (sorted(found), found != uris) == (uris, True)
