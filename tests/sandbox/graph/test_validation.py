"""Property values that Graph refuses."""

from pathlib import Path
from typing import Any

import pytest

from sandbox.app import Sandbox
from tests.sandbox import actors
from tests.sandbox.actors import Rest, graph_error


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"nothing": 1}, "Invalid property 'nothing'"),
        ({"web": {"nothing": 1}}, "Invalid property 'nothing'"),
        ({"web": {"implicitGrantSettings": {"nothing": True}}}, "Invalid property 'nothing'"),
        ({"appId": "x"}, "read-only"),
        ({"displayName": ""}, "displayName"),
        ({"displayName": "x" * 121}, "displayName"),
        ({"displayName": 5}, "displayName"),
        ({"displayName": None}, "displayName"),
        ({"signInAudience": "Everybody"}, "signInAudience"),
        ({"signInAudience": None}, "signInAudience"),
        ({"isFallbackPublicClient": "true"}, "isFallbackPublicClient"),
        ({"tags": "one"}, "tags"),
        ({"tags": ["with blank"]}, "tags"),
        ({"tags": [""]}, "tags"),
        ({"web": []}, "web"),
        ({"requiredResourceAccess": {}}, "requiredResourceAccess"),
        ({"groupMembershipClaims": "Roles"}, "groupMembershipClaims"),
        ({"passwordCredentials": [{"displayName": "x"}]}, "passwordCredentials"),
        ({"passwordCredentials": []}, "passwordCredentials"),
        ({"uniqueName": "other"}, "uniqueName"),
        (
            {
                "requiredResourceAccess": [
                    {
                        "resourceAppId": actors.GRAPH_ID,
                        "resourceAccess": [{"id": "11111111-2222-3333-4444-555555555555", "type": "Role"}],
                    }
                ]
            },
            "does not exist on resource",
        ),
    ],
)
def test_invalid_properties_are_refused(graph: Rest, body: dict[str, Any], words: str) -> None:
    made = graph.new_application()
    graph_error(graph.patch(f"/applications/{made['id']}", body), 400, "Request_BadRequest", words)
    graph_error(graph.upsert("other-one", **body), 400, "Request_BadRequest")


@pytest.mark.parametrize(
    "uri",
    [
        "http://umptoken.finebak.com/authenticate/OAuth2Callback",
        "ftp://umptoken.finebak.com/",
        "https://*.finebak.com/",
        "https://umptoken.finebak.com/a b",
        "https://umptoken.finebak.com/a;b",
        "https://umptoken.finebak.com/#there",
        "/authenticate",
        "https://",
        "https://umptoken.finebak.com/" + "x" * 256,
    ],
)
def test_an_invalid_redirect_uri_is_refused(graph: Rest, uri: str) -> None:
    answer = graph.upsert("one", web={"redirectUris": [uri]})
    error = graph_error(answer, 400, "Request_BadRequest", "Invalid value specified for property 'redirectUris'")
    assert error["details"][0]["target"] == "web.redirectUris"


@pytest.mark.parametrize("uri", ["http://localhost:8000/x", "http://umptoken.finebak.localhost:8000/x"])
def test_a_localhost_redirect_uri_may_use_http(graph: Rest, uri: str) -> None:
    assert graph.upsert("one", web={"redirectUris": [uri]}).status_code == 201


def test_localhost_redirects_are_refused_unless_allowed(tmp_path: Path) -> None:
    with Sandbox(tmp_path) as sandbox:
        provider = sandbox.seed.provider
        graph = actors.app_only(sandbox, provider.tenant_id, provider.client_id, provider.client_secret)
        answer = graph.upsert("one", web={"redirectUris": ["http://umptoken.finebak.localhost:8000/"]})
        actors.graph_error(answer, 400, "Request_BadRequest", "redirectUris")
        assert graph.upsert("one", web={"redirectUris": ["http://localhost:8000/"]}).status_code == 201


def test_a_registration_has_at_most_256_redirect_uris(graph: Rest) -> None:
    uris = [f"https://{n}.finebak.com/" for n in range(257)]
    graph_error(graph.upsert("one", web={"redirectUris": uris}), 400, "Request_BadRequest", "limit")
