"""OpenID Connect's userinfo."""

import jwt
import pytest
import requests

from sandbox.app import Sandbox
from tests.sandbox import actors
from tests.sandbox.actors import Rest, graph_error

CARLA = "carla@contoso.example"


def userinfo(sandbox: Sandbox, token: str, method: str = "GET") -> requests.Response:
    return Rest(actors.session(sandbox), sandbox.graph_url, token).call(method, "/oidc/userinfo")


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_userinfo_names_the_subject_of_the_id_token(sandbox: Sandbox, method: str) -> None:
    application, secret = actors.make_sign_in_app(sandbox)
    tokens = actors.sign_in(sandbox, application.app_id, secret)
    answer = userinfo(sandbox, tokens["access_token"], method)
    claims = jwt.decode(tokens["id_token"], options={"verify_signature": False})
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"].startswith("application/json")
    assert answer.json() == {"sub": claims["sub"], "name": "Carla", "given_name": "Carla"}


@pytest.mark.parametrize(
    ("scopes", "names"),
    [
        ("openid User.Read", {"sub"}),
        ("openid profile User.Read", {"sub", "name", "given_name"}),
        ("openid email User.Read", {"sub", "email"}),
    ],
)
def test_userinfo_follows_the_openid_scopes(sandbox: Sandbox, scopes: str, names: set[str]) -> None:
    token = actors.delegated(sandbox, CARLA, scopes).token
    assert set(userinfo(sandbox, token).json()) == names


def test_a_guest_has_no_email_address_in_userinfo(sandbox: Sandbox) -> None:
    token = actors.delegated(sandbox, "greta_fabrikam.example#EXT#@contoso.example", "openid email User.Read").token
    assert set(userinfo(sandbox, token).json()) == {"sub"}


def test_userinfo_needs_a_persons_token_of_graph_with_openid(sandbox: Sandbox, graph: Rest) -> None:
    for wrong in ("nonsense", actors.ump_api(sandbox).token):
        answer = userinfo(sandbox, wrong)
        graph_error(answer, 401, "InvalidAuthenticationToken")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    for denied in (graph.token, actors.delegated(sandbox, CARLA, "User.Read").token):
        graph_error(userinfo(sandbox, denied), 403, "Authorization_RequestDenied")
    graph_error(userinfo(sandbox, graph.token, "DELETE"), 405, "Request_BadRequest")
