"""The token endpoint: client credentials, authorization codes and refresh tokens."""

import base64
import hashlib

import jwt
import pytest
import requests

from sandbox import directory
from sandbox.app import Sandbox
from tests.sandbox import actors
from tests.sandbox.actors import Browser, request_token

CARLA = "carla@contoso.example"
VERIFIER = "v" * 50
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")


def test_the_seeded_credential_gets_a_token(sandbox: Sandbox) -> None:
    answer = request_token(sandbox).json()
    assert answer["token_type"] == "Bearer"
    assert answer["expires_in"] > 3000
    assert "refresh_token" not in answer


def test_client_credentials_need_a_specific_tenant(sandbox: Sandbox) -> None:
    application, secret = actors.make_sign_in_app(sandbox)
    answer = request_token(sandbox, "organizations", client_id=application.app_id, client_secret=secret)
    actors.entra_error(answer, 90002, "invalid_request")


def test_client_credentials_need_a_default_scope(sandbox: Sandbox) -> None:
    for scope in ("", "User.Read", "https://graph.microsoft.com/User.Read", f"{actors.GRAPH_SCOPE} openid"):
        actors.entra_error(request_token(sandbox, scope=scope), 70011, "invalid_scope")


def test_a_resource_without_a_service_principal_is_refused(sandbox: Sandbox) -> None:
    scope = f"{actors.TEAMS_ID}/.default"
    actors.entra_error(request_token(sandbox, scope=scope), 500011, "invalid_resource")
    sandbox.world.add_service_principal(sandbox.world.tenant("Finebak"), actors.TEAMS_ID)
    claims = jwt.decode(request_token(sandbox, scope=scope).json()["access_token"], options={"verify_signature": False})
    assert (claims["aud"], claims["roles"]) == (actors.TEAMS_ID, [])


def test_an_unknown_resource_is_refused(sandbox: Sandbox) -> None:
    actors.entra_error(request_token(sandbox, scope="api://nobody/.default"), 500011, "invalid_resource")


def test_other_grant_types_are_refused(sandbox: Sandbox) -> None:
    actors.entra_error(request_token(sandbox, grant_type="password"), 70003, "unsupported_grant_type")
    actors.entra_error(request_token(sandbox, grant_type=""), 90014, "invalid_request")
    actors.entra_error(request_token(sandbox, client_id=""), 90014, "invalid_request")


def test_a_token_contains_app_roles_and_directory_roles(sandbox: Sandbox) -> None:
    finebak = sandbox.world.tenant("Finebak")
    principal = finebak.service_principal_of(sandbox.seed.provider.client_id)
    assert principal is not None
    directory.assign_role(finebak, principal.id, "69091246-20e8-4a56-aa4d-066075b2a7a8", 0.0)
    claims = jwt.decode(request_token(sandbox).json()["access_token"], options={"verify_signature": False})
    assert claims["aud"] == "https://graph.microsoft.com"
    assert claims["wids"] == ["69091246-20e8-4a56-aa4d-066075b2a7a8"]
    assert "Application.ReadWrite.OwnedBy" in claims["roles"]


class AuthorizationCode:
    """The authorization code of a sign-in, which `redeem` exchanges for tokens."""

    def __init__(self, sandbox: Sandbox, **changes: str) -> None:
        self.sandbox = sandbox
        self.application, self.secret = actors.make_sign_in_app(sandbox)
        url = actors.authorize_url(
            sandbox, self.application.app_id, code_challenge=CHALLENGE, code_challenge_method="S256", **changes
        )
        self.code = actors.returned(Browser(sandbox).submit(url, CARLA, consent="accept"))["code"]

    def redeem(self, tenant: str = "organizations", **changes: str) -> requests.Response:
        form = {
            "grant_type": "authorization_code",
            "client_id": self.application.app_id,
            "client_secret": self.secret,
            "code": self.code,
            "redirect_uri": actors.CALLBACK,
            "code_verifier": VERIFIER,
            **changes,
        }
        return actors.token_answer(self.sandbox, tenant, **form)


def test_a_code_works_once(sandbox: Sandbox) -> None:
    code = AuthorizationCode(sandbox)
    assert code.redeem().status_code == 200
    actors.entra_error(code.redeem(), 54005, "invalid_grant")


def test_a_wrong_code_verifier_is_refused(sandbox: Sandbox) -> None:
    actors.entra_error(AuthorizationCode(sandbox).redeem(code_verifier="w" * 50), 501481, "invalid_grant")


def test_a_code_is_refused_with_another_redirect_uri(sandbox: Sandbox) -> None:
    answer = AuthorizationCode(sandbox).redeem(redirect_uri="https://other.example/")
    actors.entra_error(answer, 50011, "invalid_request")


def test_an_unknown_code_is_refused(sandbox: Sandbox) -> None:
    actors.entra_error(AuthorizationCode(sandbox).redeem(code="made-up"), 70000, "invalid_grant")


def test_a_code_is_refused_at_another_tenant(sandbox: Sandbox) -> None:
    actors.entra_error(AuthorizationCode(sandbox).redeem("fabrikam.example"), 700005, "invalid_grant")


def test_an_expired_code_is_refused(sandbox: Sandbox) -> None:
    code = AuthorizationCode(sandbox)
    sandbox.world.clock.skew = 700
    actors.entra_error(code.redeem(), 70008, "invalid_grant")


def test_a_refresh_token_needs_offline_access(sandbox: Sandbox) -> None:
    assert "refresh_token" not in AuthorizationCode(sandbox).redeem().json()
    answer = AuthorizationCode(sandbox, scope="openid offline_access User.Read").redeem().json()
    assert answer["refresh_token"]
    assert "offline_access" not in answer["scope"]


def test_a_used_refresh_token_stays_valid(sandbox: Sandbox) -> None:
    code = AuthorizationCode(sandbox, scope="openid offline_access User.Read")
    token = code.redeem().json()["refresh_token"]
    for _ in range(2):
        answer = code.redeem(grant_type="refresh_token", refresh_token=token)
        assert answer.status_code == 200, answer.text
        assert answer.json()["refresh_token"] != token


def test_a_refresh_token_of_a_disabled_person_is_refused(sandbox: Sandbox) -> None:
    code = AuthorizationCode(sandbox, scope="openid offline_access User.Read")
    token = code.redeem().json()["refresh_token"]
    sandbox.world.tenant("Contoso").user(CARLA).enabled = False
    answer = code.redeem(grant_type="refresh_token", refresh_token=token)
    actors.entra_error(answer, 50057, "invalid_grant")


def test_the_token_endpoint_refuses_a_scope_without_consent(sandbox: Sandbox) -> None:
    answer = AuthorizationCode(sandbox).redeem(scope="openid Application.ReadWrite.All")
    assert actors.entra_error(answer, 65001, "invalid_grant")["suberror"] == "consent_required"


def test_scopes_of_two_resources_in_one_token_are_refused(sandbox: Sandbox) -> None:
    answer = AuthorizationCode(sandbox).redeem(scope=f"User.Read {actors.TEAMS_ID}/user_impersonation")
    actors.entra_error(answer, 28000, "invalid_request")


def test_client_info_is_returned_on_request(sandbox: Sandbox) -> None:
    assert AuthorizationCode(sandbox).redeem(client_info="1").json()["client_info"]


@pytest.mark.parametrize("code", [53003, 50057, 50076])
def test_a_scripted_token_refusal_looks_like_microsofts(sandbox: Sandbox, code: int) -> None:
    application, secret = actors.make_sign_in_app(sandbox)
    answer = Browser(sandbox).submit(actors.authorize_url(sandbox, application.app_id), CARLA, consent="accept")
    user = sandbox.world.tenant("Contoso").user(CARLA)
    user.refused_with = code
    refusal = actors.token_answer(
        sandbox,
        "organizations",
        grant_type="authorization_code",
        client_id=application.app_id,
        client_secret=secret,
        code=actors.returned(answer)["code"],
        redirect_uri=actors.CALLBACK,
        scope="User.Read",
    )
    body = refusal.json()
    assert (refusal.status_code, body["error_codes"]) == (400, [code])
    assert f"Correlation ID: {body['correlation_id']}" in body["error_description"]


def device_code(sandbox: Sandbox, tenant: str = "organizations", **form: str) -> requests.Response:
    url = f"{sandbox.entra_url}/{tenant}/oauth2/v2.0/devicecode"
    return actors.session(sandbox).post(url, data=form, timeout=20)


def test_a_device_code_is_refused_in_entras_form(sandbox: Sandbox) -> None:
    client_id = actors.make_sign_in_app(sandbox)[0].app_id
    answer = device_code(sandbox, client_id=client_id, scope="openid User.Read")
    body = actors.entra_error(answer, 70003, "unsupported_grant_type")
    assert "device_code" in body["error_description"]
    assert answer.headers["Cache-Control"] == "no-store, no-cache"


@pytest.mark.parametrize(
    ("tenant", "changes", "code", "error"),
    [
        ("nobody.example", {}, 90002, "invalid_request"),
        ("organizations", {"client_id": "no-such-client"}, 700016, "unauthorized_client"),
        ("organizations", {"client_id": ""}, 90014, "invalid_request"),
        ("organizations", {"scope": ""}, 90014, "invalid_request"),
        ("organizations", {"scope": "Nothing.Known"}, 650053, "invalid_scope"),
    ],
)
def test_a_device_code_request_is_checked_first(
    sandbox: Sandbox, tenant: str, changes: dict[str, str], code: int, error: str
) -> None:
    good = {"client_id": actors.make_sign_in_app(sandbox)[0].app_id, "scope": "openid"}
    actors.entra_error(device_code(sandbox, tenant, **{**good, **changes}), code, error)
