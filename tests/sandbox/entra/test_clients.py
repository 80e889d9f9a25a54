"""Identifying the client application and checking its secret."""

import pytest
import requests
from requests.auth import HTTPBasicAuth

from sandbox.app import Sandbox
from tests.sandbox import actors
from tests.sandbox.actors import FINEBAK, request_token


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
    body = actors.entra_error(request_token(sandbox, client_secret="wrong"), 7000215, "invalid_client", 401)
    for name in ("trace_id", "correlation_id"):
        assert body[name] in body["error_description"]
    assert body["timestamp"]


def test_the_id_of_a_secret_is_refused(sandbox: Sandbox) -> None:
    application = sandbox.world.find_application(app_id=sandbox.seed.provider.client_id)
    assert application is not None
    answer = request_token(sandbox, client_secret=application.passwords[0].key_id)
    actors.entra_error(answer, 7000215, "invalid_client", 401)


def test_a_missing_secret_is_refused(sandbox: Sandbox) -> None:
    actors.entra_error(request_token(sandbox, client_secret=""), 7000218, "invalid_client", 401)


def test_an_expired_secret_is_refused(sandbox: Sandbox) -> None:
    application, _ = actors.make_app_with(sandbox, "Finebak")
    secret = sandbox.world.add_secret(application, days=-1).secret
    answer = request_token(sandbox, client_id=application.app_id, client_secret=secret)
    actors.entra_error(answer, 7000222, "invalid_client", 401)


def test_an_unknown_application_is_refused(sandbox: Sandbox) -> None:
    actors.entra_error(
        request_token(sandbox, client_id="11111111-2222-3333-4444-555555555555"), 700016, "unauthorized_client"
    )


def test_an_application_of_another_tenant_is_refused(sandbox: Sandbox) -> None:
    actors.entra_error(request_token(sandbox, "contoso.example"), 700016, "unauthorized_client")


def test_a_multitenant_application_needs_a_service_principal(sandbox: Sandbox) -> None:
    application, secret = actors.make_sign_in_app(sandbox)
    form = {"client_id": application.app_id, "client_secret": secret}
    actors.entra_error(request_token(sandbox, "contoso.example", **form), 7000229, "invalid_client", 401)
    sandbox.world.add_service_principal(sandbox.world.tenant("Contoso"), application.app_id)
    assert request_token(sandbox, "contoso.example", **form).status_code == 200


def test_a_disabled_service_principal_gets_no_token(sandbox: Sandbox) -> None:
    application, secret = actors.make_app_with(sandbox, "Finebak")
    principal = sandbox.world.tenant("Finebak").service_principal_of(application.app_id)
    assert principal is not None
    principal.properties["accountEnabled"] = False
    answer = request_token(sandbox, client_id=application.app_id, client_secret=secret)
    actors.entra_error(answer, 7000112, "unauthorized_client")


def test_an_unknown_tenant_is_refused(sandbox: Sandbox) -> None:
    actors.entra_error(request_token(sandbox, "nobody.example"), 90002, "invalid_request")


@pytest.mark.parametrize("value", ["Basic !!!", "Basic /w=="])
def test_a_damaged_basic_header_is_refused(sandbox: Sandbox, web: requests.Session, value: str) -> None:
    answer = web.post(f"{sandbox.entra_url}/{FINEBAK}/oauth2/v2.0/token", headers={"Authorization": value}, timeout=20)
    actors.entra_error(answer, 90014, "invalid_request")


def test_a_secret_that_is_not_valid_yet_is_refused(sandbox: Sandbox) -> None:
    application, secret = actors.make_app_with(sandbox, "Finebak")
    application.passwords[0].start = sandbox.world.clock.instant(3600)
    answer = request_token(sandbox, client_id=application.app_id, client_secret=secret)
    actors.entra_error(answer, 7000215, "invalid_client", 401)
