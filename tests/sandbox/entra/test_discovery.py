"""Discovery documents, and MSAL as their client."""

import jwt
import msal
import pytest
import requests

from sandbox.app import Sandbox
from tests.sandbox import actors


def configuration(sandbox: Sandbox, web: requests.Session, tenant: str) -> requests.Response:
    return web.get(f"{sandbox.entra_url}/{tenant}/v2.0/.well-known/openid-configuration", timeout=20)


def test_token_endpoint_uses_https_and_sign_in_page_http(sandbox: Sandbox, web: requests.Session) -> None:
    tenant = sandbox.seed.provider.tenant_id
    found = configuration(sandbox, web, tenant).json()
    assert found["token_endpoint"] == f"{sandbox.entra_url}/{tenant}/oauth2/v2.0/token"
    assert found["authorization_endpoint"] == f"{sandbox.people_url}/{tenant}/oauth2/v2.0/authorize"
    assert found["issuer"] == f"{sandbox.entra_url}/{tenant}/v2.0"


def test_a_domain_resolves_to_the_tenants_id(sandbox: Sandbox, web: requests.Session) -> None:
    found = configuration(sandbox, web, "contoso.example").json()
    assert sandbox.seed.customer.tenant_id in found["token_endpoint"]


@pytest.mark.parametrize("segment", ["organizations", "common"])
def test_multitenant_endpoints_have_a_placeholder_as_issuer(
    sandbox: Sandbox, web: requests.Session, segment: str
) -> None:
    found = configuration(sandbox, web, segment).json()
    assert found["issuer"] == f"{sandbox.entra_url}/{{tenantid}}/v2.0"
    assert f"/{segment}/" in found["token_endpoint"]


def test_an_unknown_tenant_has_no_discovery_document(sandbox: Sandbox, web: requests.Session) -> None:
    actors.entra_error(configuration(sandbox, web, "nobody.example"), 90002, "invalid_request")


def test_a_tenant_cannot_be_addressed_by_display_name(sandbox: Sandbox, web: requests.Session) -> None:
    actors.entra_error(configuration(sandbox, web, "Contoso"), 90002, "invalid_request")


def test_instance_discovery_names_this_host(sandbox: Sandbox, web: requests.Session) -> None:
    found = web.get(f"{sandbox.entra_url}/common/discovery/instance?api-version=1.1", timeout=20).json()
    assert found["metadata"][0]["aliases"] == [sandbox.entra_url.removeprefix("https://")]


def test_an_unknown_address_is_404(sandbox: Sandbox, web: requests.Session) -> None:
    assert web.get(f"{sandbox.entra_url}/nothing/here", timeout=20).status_code == 404


def test_unmodified_msal_gets_an_app_only_token(sandbox: Sandbox, web: requests.Session) -> None:
    provider = sandbox.seed.provider
    app = msal.ConfidentialClientApplication(
        provider.client_id,
        client_credential=provider.client_secret,
        authority=f"{sandbox.entra_url}/{provider.tenant_id}",
        instance_discovery=False,
        http_client=web,
    )
    answer = app.acquire_token_for_client([actors.GRAPH_SCOPE])
    claims = jwt.decode(answer["access_token"], options={"verify_signature": False})
    assert sorted(claims["roles"]) == [
        "Application.Read.All",
        "Application.ReadWrite.OwnedBy",
        "Organization.Read.All",
        "Policy.Read.All",
    ]
    assert (claims["idtyp"], claims["tid"], claims["appid"]) == ("app", provider.tenant_id, provider.client_id)


@pytest.mark.parametrize("mode", ["query", "form_post"])
@pytest.mark.filterwarnings("ignore:response_mode='form_post' is recommended")
def test_unmodified_msal_signs_a_person_in(sandbox: Sandbox, web: requests.Session, mode: str) -> None:
    application, secret = actors.make_sign_in_app(sandbox)
    app = msal.ConfidentialClientApplication(
        application.app_id,
        client_credential=secret,
        authority=f"{sandbox.entra_url}/organizations",
        instance_discovery=False,
        http_client=web,
    )
    flow = app.initiate_auth_code_flow(["User.Read"], redirect_uri=actors.CALLBACK, response_mode=mode)
    back = actors.Browser(sandbox).submit(flow["auth_uri"], "carla@contoso.example", consent="accept")
    answer = app.acquire_token_by_auth_code_flow(flow, actors.returned(back))
    claims = answer["id_token_claims"]
    assert claims["preferred_username"] == "carla@contoso.example"
    assert claims["tid"] == sandbox.seed.customer.tenant_id
    assert "wids" not in claims
    account = app.get_accounts()[0]
    assert app.acquire_token_silent(["User.Read"], account, force_refresh=True)["access_token"]
