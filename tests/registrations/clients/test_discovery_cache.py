"""Discovery documents: which answers are cached, for how long, and what happens when the cache is full."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from registrations import connections
from registrations.clients import discovery_cache
from registrations.clients.discovery_cache import DISCOVERY_PATH, DiscoveryCache
from registrations.clients.entra import EntraRefusedError
from registrations.clients.http import RemoteSession
from registrations.errors import RemoteUnavailableError
from registrations.models import UmpInstance
from sandbox.app import Sandbox
from tests.registrations.runs import count_calls

UNKNOWN_TENANT = "0f5a1c37-7a1d-4a5e-8a51-2f0f3ab7f0ff"


@pytest.fixture
def client(sandbox: Sandbox) -> DiscoveryCache:
    """MSAL's HTTP client, with the sandbox as Entra."""
    return DiscoveryCache(RemoteSession(origins=[sandbox.entra_url], ca_bundle=str(sandbox.ca_bundle), timeout=5.0))


def document_of(sandbox: Sandbox, tenant_id: str = "") -> str:
    """The address of a tenant's discovery document, by default the provider's."""
    return f"{sandbox.entra_url}/{tenant_id or sandbox.seed.provider.tenant_id}{DISCOVERY_PATH}"


@pytest.mark.django_db
def test_discovery_is_cached_unless_it_is_refused(sandbox: Sandbox, instance: UmpInstance) -> None:
    tenant = instance.provider.tenant
    for _ in range(3):
        connections.own_token(tenant)
    assert count_calls(sandbox, "entra", "openid-configuration") == 1
    given = {"app_id": tenant.client_id, "client_secret": "x", "scope": connections.GRAPH_SCOPE}
    for _ in range(2):
        with pytest.raises((EntraRefusedError, RemoteUnavailableError)):
            connections.entra().app_token(tenant_id=UNKNOWN_TENANT, **given)
    assert count_calls(sandbox, "entra", f"{UNKNOWN_TENANT}/v2.0/.well-known") >= 2


@pytest.mark.django_db
def test_a_broken_discovery_document_is_not_kept(sandbox: Sandbox, instance: UmpInstance) -> None:
    sandbox.faults.add(service="entra", kind="truncated", path="openid-configuration")
    with pytest.raises(RemoteUnavailableError):
        connections.own_token(instance.provider.tenant)
    assert connections.own_token(instance.provider.tenant).token


@pytest.mark.parametrize("body", ["<html>Sign in</html>", {"issuer": "https://login.example"}, 5])
def test_an_answer_without_a_token_endpoint_is_not_cached(sandbox: Sandbox, client: DiscoveryCache, body: Any) -> None:
    sandbox.faults.add(service="entra", kind="status", path="openid-configuration", status=200, body=body)
    with pytest.raises(RemoteUnavailableError):
        client.get(document_of(sandbox))
    assert "token_endpoint" in client.get(document_of(sandbox)).text


def test_a_busy_answer_to_discovery_keeps_its_retry_after(sandbox: Sandbox, client: DiscoveryCache) -> None:
    sandbox.faults.add(
        service="entra", kind="status", path="openid-configuration", status=503, headers={"Retry-After": "7"}
    )
    with pytest.raises(RemoteUnavailableError) as busy:
        client.get(document_of(sandbox))
    assert (busy.value.code, busy.value.retry_after) == ("503", timedelta(seconds=7))
    assert "token_endpoint" in client.get(document_of(sandbox)).text


def test_a_busy_answer_to_a_token_request_keeps_its_retry_after(sandbox: Sandbox, client: DiscoveryCache) -> None:
    sandbox.faults.add(
        service="entra", kind="status", method="POST", path="/token", status=429, headers={"Retry-After": "7"}
    )
    with pytest.raises(RemoteUnavailableError) as busy:
        client.post(f"{sandbox.entra_url}/{sandbox.seed.provider.tenant_id}/oauth2/v2.0/token", data={})
    assert (busy.value.code, busy.value.retry_after) == ("429", timedelta(seconds=7))


def test_a_document_is_requested_again_after_an_hour(
    sandbox: Sandbox, client: DiscoveryCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seconds, requested in ((0.0, 1), (3599.0, 1), (3600.0, 2)):
        clock = SimpleNamespace(monotonic=lambda now=1000.0 + seconds: now)
        monkeypatch.setattr(discovery_cache, "time", clock)
        client.get(document_of(sandbox))
        assert count_calls(sandbox, "entra", "openid-configuration") == requested


def test_a_full_cache_is_emptied(sandbox: Sandbox, client: DiscoveryCache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discovery_cache, "LARGEST_CACHE", 1)
    provider, customer = document_of(sandbox), document_of(sandbox, sandbox.seed.customer.tenant_id)
    for address in (provider, provider, customer, customer, provider):
        assert "token_endpoint" in client.get(address).text
    assert count_calls(sandbox, "entra", f"{sandbox.seed.provider.tenant_id}{DISCOVERY_PATH}") == 2
    assert count_calls(sandbox, "entra", f"{sandbox.seed.customer.tenant_id}{DISCOVERY_PATH}") == 1
