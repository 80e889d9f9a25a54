"""App-only tokens, and all the ways Entra refuses them."""

import jwt
import requests
from requests.auth import HTTPBasicAuth

from sandbox import directory
from sandbox.app import Sandbox
from tests.sandbox import actors

FINEBAK = "finebak.localhost"


def ask(sandbox: Sandbox, tenant: str = FINEBAK, **changes: str) -> requests.Response:
    provider = sandbox.seed.provider
    form = {
        "grant_type": "client_credentials",
        "client_id": provider.client_id,
        "client_secret": provider.client_secret,
        "scope": actors.GRAPH_SCOPE,
        **changes,
    }
    return actors.token_answer(sandbox, tenant, **form)


def test_the_seeded_credential_gets_a_token(sandbox: Sandbox) -> None:
    answer = ask(sandbox).json()
    assert answer["token_type"] == "Bearer"
    assert answer["expires_in"] > 3000
    assert "refresh_token" not in answer


def test_the_secret_can_be_sent_as_http_basic(sandbox: Sandbox, web: requests.Session) -> None:
    provider = sandbox.seed.provider
    answer = web.post(
        f"{sandbox.entra_url}/{FINEBAK}/oauth2/v2.0/token",
        data={"grant_type": "client_credentials", "scope": actors.GRAPH_SCOPE},
        auth=HTTPBasicAuth(provider.client_id, provider.client_secret),
        timeout=20,
    )
    assert answer.status_code == 200, answer.text


def test_a_wrong_secret_is_refused_with_microsofts_error(sandbox: Sandbox) -> None:
    body = actors.entra_error(ask(sandbox, client_secret="wrong"), 7000215, "invalid_client", 401)
    for name in ("trace_id", "correlation_id"):
        assert body[name] in body["error_description"]
    assert body["timestamp"]


def test_the_id_of_a_secret_is_refused(sandbox: Sandbox) -> None:
    application = sandbox.world.find_application(app_id=sandbox.seed.provider.client_id)
    assert application is not None
    answer = ask(sandbox, client_secret=application.passwords[0].key_id)
    actors.entra_error(answer, 7000215, "invalid_client", 401)


def test_a_missing_secret_is_refused(sandbox: Sandbox) -> None:
    actors.entra_error(ask(sandbox, client_secret=""), 7000218, "invalid_client", 401)


def test_an_expired_secret_is_refused(sandbox: Sandbox) -> None:
    application, _ = actors.make_app_with(sandbox, "Finebak")
    secret = sandbox.world.add_secret(application, days=-1).secret
    answer = ask(sandbox, client_id=application.app_id, client_secret=secret)
    actors.entra_error(answer, 7000222, "invalid_client", 401)


def test_an_unknown_application_is_refused(sandbox: Sandbox) -> None:
    actors.entra_error(ask(sandbox, client_id="11111111-2222-3333-4444-555555555555"), 700016, "unauthorized_client")


def test_an_application_of_another_tenant_is_refused(sandbox: Sandbox) -> None:
    actors.entra_error(ask(sandbox, "contoso.example"), 700016, "unauthorized_client")


def test_a_multitenant_application_needs_a_service_principal(sandbox: Sandbox) -> None:
    application, secret = actors.make_sign_in_app(sandbox)
    form = {"client_id": application.app_id, "client_secret": secret}
    actors.entra_error(ask(sandbox, "contoso.example", **form), 7000229, "invalid_client", 401)
    sandbox.world.add_service_principal(sandbox.world.tenant("Contoso"), application.app_id)
    assert ask(sandbox, "contoso.example", **form).status_code == 200


def test_a_disabled_service_principal_gets_no_token(sandbox: Sandbox) -> None:
    application, secret = actors.make_app_with(sandbox, "Finebak")
    principal = sandbox.world.tenant("Finebak").service_principal_of(application.app_id)
    assert principal is not None
    principal.properties["accountEnabled"] = False
    answer = ask(sandbox, client_id=application.app_id, client_secret=secret)
    actors.entra_error(answer, 7000112, "unauthorized_client")


def test_an_unknown_tenant_is_refused(sandbox: Sandbox) -> None:
    actors.entra_error(ask(sandbox, "nobody.example"), 90002, "invalid_request")


def test_client_credentials_need_a_specific_tenant(sandbox: Sandbox) -> None:
    application, secret = actors.make_sign_in_app(sandbox)
    answer = ask(sandbox, "organizations", client_id=application.app_id, client_secret=secret)
    actors.entra_error(answer, 90002, "invalid_request")


def test_client_credentials_need_a_default_scope(sandbox: Sandbox) -> None:
    for scope in ("", "User.Read", "https://graph.microsoft.com/User.Read", f"{actors.GRAPH_SCOPE} openid"):
        actors.entra_error(ask(sandbox, scope=scope), 70011, "invalid_scope")


def test_a_resource_without_a_service_principal_is_refused(sandbox: Sandbox) -> None:
    scope = f"{actors.TEAMS_ID}/.default"
    actors.entra_error(ask(sandbox, scope=scope), 500011, "invalid_resource")
    sandbox.world.add_service_principal(sandbox.world.tenant("Finebak"), actors.TEAMS_ID)
    claims = jwt.decode(ask(sandbox, scope=scope).json()["access_token"], options={"verify_signature": False})
    assert (claims["aud"], claims["roles"]) == (actors.TEAMS_ID, [])


def test_an_unknown_resource_is_refused(sandbox: Sandbox) -> None:
    actors.entra_error(ask(sandbox, scope="api://nobody/.default"), 500011, "invalid_resource")


def test_other_grant_types_are_refused(sandbox: Sandbox) -> None:
    actors.entra_error(ask(sandbox, grant_type="password"), 70003, "unsupported_grant_type")
    actors.entra_error(ask(sandbox, grant_type=""), 90014, "invalid_request")
    actors.entra_error(ask(sandbox, client_id=""), 90014, "invalid_request")


def test_a_token_contains_app_roles_and_directory_roles(sandbox: Sandbox) -> None:
    finebak = sandbox.world.tenant("Finebak")
    principal = finebak.service_principal_of(sandbox.seed.provider.client_id)
    assert principal is not None
    directory.assign_role(finebak, principal.id, "69091246-20e8-4a56-aa4d-066075b2a7a8", 0.0)
    claims = jwt.decode(ask(sandbox).json()["access_token"], options={"verify_signature": False})
    assert claims["aud"] == "https://graph.microsoft.com"
    assert claims["wids"] == ["69091246-20e8-4a56-aa4d-066075b2a7a8"]
    assert "Application.ReadWrite.OwnedBy" in claims["roles"]
