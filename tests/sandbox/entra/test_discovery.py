"""Discovery documents."""

import pytest
import requests

from sandbox.app import Sandbox
from sandbox.entra import discovery
from tests.sandbox import actors


def configuration(sandbox: Sandbox, web: requests.Session, tenant: str) -> requests.Response:
    return web.get(f"{sandbox.entra_url}/{tenant}/v2.0/.well-known/openid-configuration", timeout=20)


def test_browsers_can_be_sent_to_http(sandbox: Sandbox, web: requests.Session) -> None:
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


def test_without_the_switch_all_endpoints_share_one_https_host(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox._urls, "pages_over_http", False)
    found = discovery.configuration(sandbox.world, sandbox._urls, sandbox.seed.provider.tenant_id)
    endpoints = [value for name, value in found.items() if name.endswith("_endpoint")]
    assert len(endpoints) >= 5
    assert all(address.startswith(sandbox.entra_url) for address in endpoints)


def test_the_document_names_what_microsofts_does(sandbox: Sandbox, web: requests.Session) -> None:
    found = configuration(sandbox, web, "organizations").json()
    assert found["response_types_supported"] == ["code", "id_token", "code id_token", "id_token token"]
    assert found["response_modes_supported"] == ["query", "fragment", "form_post"]
    assert {"userinfo_endpoint", "end_session_endpoint", "device_authorization_endpoint", "msgraph_host"} <= set(found)


@pytest.mark.parametrize("segment", ["organizations", "common", "contoso.example"])
def test_every_address_that_the_document_names_answers(sandbox: Sandbox, web: requests.Session, segment: str) -> None:
    found = configuration(sandbox, web, segment).json()
    named = [address for name, address in found.items() if name.endswith("_endpoint") or name == "jwks_uri"]
    assert len(named) == 7
    for address in named:
        statuses = {web.request(method, address, timeout=20).status_code for method in ("GET", "POST")}
        assert not statuses & {404, 500}, address
        assert statuses != {405}, address


def test_the_kerberos_address_is_refused_in_entras_form(sandbox: Sandbox, web: requests.Session) -> None:
    address = configuration(sandbox, web, "organizations").json()["kerberos_endpoint"]
    actors.entra_error(web.post(address, timeout=20), 90023, "invalid_request")
