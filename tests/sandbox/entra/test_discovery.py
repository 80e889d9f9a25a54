"""Discovery documents."""

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
