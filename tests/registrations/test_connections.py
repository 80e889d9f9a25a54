"""How clients are made: tokens and connections that are reused, and pauses that a busy sign-in service asks for."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from registrations import connections
from registrations.clients.rate_limit.limiter import RateLimiter
from registrations.errors import RemoteRejectedError, RemoteUnavailableError
from registrations.models import EntraTenant, UmpInstance
from sandbox.app import Sandbox
from tests.registrations.runs import (
    Provision,
    count_calls,
)

pytestmark = pytest.mark.django_db


def test_a_new_credential_is_used_at_once(instance: UmpInstance) -> None:
    tenant = instance.provider.tenant
    with connections.reuse(is_bulk=True):
        connections.graph_as_app(tenant).organization()
        tenant.seal("client_secret_envelope", "a-wrong-secret")
        tenant.save()
        with pytest.raises(RemoteRejectedError, match="does not accept"):
            connections.graph_as_app(tenant).organization()


def test_a_connection_idle_for_long_is_replaced(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    with connections.reuse():
        first = connections._session(sandbox.graph_url)
        monkeypatch.setattr(connections, "LONGEST_IDLE", -1.0)
        assert connections._session(sandbox.graph_url) is not first


def test_connections_are_kept_between_runs_without_cookies(sandbox: Sandbox) -> None:
    with connections.reuse():
        first = connections._session(sandbox.graph_url)
    with connections.reuse():
        assert connections._session(sandbox.graph_url) is first
    sandbox.faults.add(
        service="graph",
        method="GET",
        path="/",
        kind="status",
        status=200,
        headers={"Set-Cookie": "who=contoso; Path=/"},
    )
    answers = [first.get(f"{sandbox.graph_url}/v1.0/organization") for _ in range(2)]
    assert "Set-Cookie" in answers[0].headers
    assert "Cookie" not in answers[1].request.headers


BUSY_ANSWERS = [
    (429, "", "429"),
    (429, {"error": "too_many_requests"}, "429"),
    (503, "<html>Busy</html>", "503"),
    (429, {"error": "invalid_request", "error_codes": [50196]}, "429"),
]


@pytest.mark.parametrize(("status", "body", "code"), BUSY_ANSWERS)
def test_a_busy_sign_in_service_is_retried_after_its_retry_after(
    provision: Provision, sandbox: Sandbox, status: int, body: Any, code: str
) -> None:
    connections.forget_cached()
    sandbox.faults.add(
        service="entra",
        method="POST",
        path="/token",
        kind="status",
        status=status,
        body=body,
        headers={"Retry-After": "120"},
    )
    operation = provision()
    assert (operation.status, operation.error_code) == ("waiting", code)
    assert "is busy" in operation.message
    due = operation.next_attempt_at
    assert due is not None
    assert timedelta(seconds=110) < due - timezone.now() <= timedelta(seconds=120)


def test_a_429_of_the_sign_in_service_pauses_all_calls_in_the_tenant(
    provision: Provision, instance: UmpInstance, sandbox: Sandbox
) -> None:
    connections.forget_cached()
    sandbox.faults.add(
        service="entra", method="POST", path="/token", kind="status", status=429, headers={"Retry-After": "60"}
    )
    provision()
    blocked = connections.rate_limit_of(instance.provider.tenant).remaining().blocked
    assert timedelta(seconds=50) < blocked <= timedelta(seconds=60)


def test_no_token_is_requested_during_a_pause(provision: Provision, instance: UmpInstance, sandbox: Sandbox) -> None:
    connections.forget_cached()
    connections.rate_limit_of(instance.provider.tenant).pause(timedelta(seconds=60))
    operation = provision()
    assert (operation.status, operation.error_code) == ("waiting", "quota_spent")
    assert count_calls(sandbox, "entra", "/token") == 0
    assert connections.rate_limit_of(instance.provider.tenant).remaining().blocked <= timedelta(seconds=60)


def test_a_429_of_a_umps_application_pauses_no_other(
    provision: Provision, instance: UmpInstance, sandbox: Sandbox
) -> None:
    tenant = instance.provider.tenant
    with pytest.raises(RemoteUnavailableError), connections.pausing(instance.ump_client_id, tenant.tenant_id):
        raise RemoteUnavailableError("Busy.", code="429", retry_after=timedelta(seconds=60))
    assert connections.rate_limit_of(tenant).remaining().blocked == timedelta()
    operation = provision()
    assert (operation.status, operation.error_code) == ("waiting", "quota_spent")
    current = operation.current_step
    assert current is not None
    assert current.name == "sync_app"


def test_threads_that_start_together_count_their_calls_in_one_limiter(
    tenant_of_threads: EntraTenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[object] = []

    class SlowLimiter(RateLimiter):
        def __init__(self, *arguments: Any) -> None:
            made.append(self)
            time.sleep(0.05)
            super().__init__(*arguments)

    monkeypatch.setattr(connections, "RateLimiter", SlowLimiter)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(connections.rate_limit_of, [tenant_of_threads] * 8))
    assert len(made) == 1


@pytest.fixture
def tenant_of_threads() -> EntraTenant:
    """A tenant without a row: threads of a test do not see its transaction."""
    return EntraTenant(name="Threads", tenant_id="tenant", client_id="app")
