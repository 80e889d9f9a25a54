"""What is asked for once and not again: checks, tokens, discovery documents, connections, writes that are paid first."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from registrations import audit, connections
from registrations.clients.entra import EntraRefusedError
from registrations.engine import queue, run_context, runner
from registrations.errors import NotYetError, RemoteRejectedError, RemoteUnavailableError
from registrations.models import EntraTenant, Operation, UmpInstance
from registrations.services import credentials, provisioning, tenant_check
from sandbox.app import Sandbox
from tests import factories

pytestmark = pytest.mark.django_db
BULK = Operation.Priority.BULK


@pytest.fixture
def instance(sandbox: Sandbox) -> UmpInstance:
    return factories.make_instance(sandbox)


@pytest.fixture
def provision(instance: UmpInstance, work: Callable[[], None], portal: None) -> Callable[..., Operation]:
    """Provision once more, and the operation as it is then."""

    def run(priority: str = "") -> Operation:
        operation = provisioning.request(instance, actor=audit.SYSTEM, priority=priority)
        work()
        operation.refresh_from_db()
        return operation

    return run


def asked(sandbox: Sandbox, service: str, part: str) -> int:
    """How often a path with this part was asked for."""
    return sum(call.service == service and part in call.path for call in sandbox.calls)


def test_a_tenant_that_was_checked_a_moment_ago_is_not_asked_again(
    provision: Callable[..., Operation], sandbox: Sandbox
) -> None:
    provision()
    before = asked(sandbox, "graph", "/organization")
    again = provision(priority=BULK)
    assert again.status == "succeeded"
    assert asked(sandbox, "graph", "/organization") == before == 1
    assert "few minutes ago" in again.steps[0].note


def test_a_first_provisioning_reads_seven_times_and_one_of_many_only_whether_the_application_is_there(
    provision: Callable[..., Operation], instance: UmpInstance, sandbox: Sandbox, work: Callable[[], None]
) -> None:
    provision()
    reads = [call for call in sandbox.calls if call.service == "graph" and call.method == "GET"]
    assert len(reads) == 7  # docs/performance.md says so too
    provision(priority=BULK)  # remembers the tenant's policy
    reads = [call for call in sandbox.calls if call.service == "graph" and call.method == "GET"]
    another = factories.make_instance(sandbox, app_name="umptoken2")
    operation = provisioning.request(another, actor=audit.SYSTEM, priority=BULK)
    work()
    operation.refresh_from_db()
    assert operation.steps[1].status == "done", operation.message
    again = [call for call in sandbox.calls if call.service == "graph" and call.method == "GET"]
    asked_for = [call.path.partition("?")[0] for call in again[len(reads) :]]
    assert asked_for == [
        "/v1.0/applications(uniqueName='syncportal-umptoken2.finebak.localhost')",
        "/v1.0/applications",
    ]


def test_what_a_policy_says_is_asked_again_after_a_refusal(
    provision: Callable[..., Operation], sandbox: Sandbox
) -> None:
    connections.forget_cached()
    for _ in range(2):
        provision(priority=BULK)
    assert asked(sandbox, "graph", "/policies/") == 1
    connections.forget_cached()  # as a refusal does
    provision(priority=BULK)
    assert asked(sandbox, "graph", "/policies/") == 2


def test_a_policy_that_is_tightened_during_a_bulk_job_is_read_again(
    provision: Callable[..., Operation], instance: UmpInstance, sandbox: Sandbox, work: Callable[[], None]
) -> None:
    connections.forget_cached()
    provision(priority=BULK)
    tenant = sandbox.world.tenant(instance.provider.tenant.tenant_id)
    with sandbox.world.lock:
        tenant.secret_policy.max_lifetime_days = 90
    another = factories.make_instance(sandbox, app_name="umptoken2")
    operation = provisioning.request(another, actor=audit.SYSTEM, priority=BULK)
    work()
    operation.refresh_from_db()
    assert (operation.status, operation.steps[3].name) == ("waiting", "secret")
    assert "changed its policy" in operation.message
    for _ in range(3):
        queue.wake([operation])
        work()
    operation.refresh_from_db()
    assert operation.steps[3].status == "done", operation.message


def test_the_second_group_of_a_ump_is_saved_on_top_of_the_answer_to_the_first(
    provision: Callable[..., Operation], sandbox: Sandbox
) -> None:
    assert provision().status == "succeeded"
    reads = [call for call in sandbox.calls if call.service == "ump" and call.method == "GET"]
    assert len(reads) == 2  # before the first save, and to read back


def test_a_ump_that_somebody_changed_between_two_saves_is_read_again(
    provision: Callable[..., Operation], sandbox: Sandbox, work: Callable[[], None]
) -> None:
    sandbox.faults.add(
        service="ump",
        method="PUT",
        path="/authentication-portal",
        kind="status",
        status=412,
        body={"error": {"code": "PreconditionFailed", "message": "Somebody was faster."}},
    )
    operation = provision()
    assert operation.status == "waiting"
    queue.wake([operation])
    work()
    operation.refresh_from_db()
    assert operation.status == "succeeded", operation.message
    reads = [call for call in sandbox.calls if call.service == "ump" and call.method == "GET"]
    assert len(reads) == 3


@pytest.mark.parametrize(
    "change",
    [
        {"checked_at": timezone.now() - timedelta(minutes=11)},
        {"checked_at": timezone.now() + timedelta(hours=1)},  # the clock was set back
        {"missing_permissions": ["Application.Read.All"]},
    ],
)
def test_an_old_check_is_made_again(
    provision: Callable[..., Operation], sandbox: Sandbox, change: dict[str, Any]
) -> None:
    provision()
    EntraTenant.objects.update(**change)
    provision(priority=BULK)
    assert asked(sandbox, "graph", "/organization") == 2


def test_another_credential_is_checked(
    provision: Callable[..., Operation], instance: UmpInstance, sandbox: Sandbox
) -> None:
    provision()
    credentials.reset_check(instance.provider.tenant)
    provision(priority=BULK)
    assert asked(sandbox, "graph", "/organization") == 2


def test_a_check_of_the_wrong_tenant_is_not_kept(
    provision: Callable[..., Operation], instance: UmpInstance, sandbox: Sandbox
) -> None:
    sandbox.faults.add(
        service="graph",
        method="GET",
        path="/organization",
        kind="status",
        status=200,
        body={"value": [{"id": "0f5a1c37-7a1d-4a5e-8a51-2f0f3ab7f009", "displayName": "Somebody else"}]},
    )
    assert provision().status == "failed"
    tenant = EntraTenant.objects.get(pk=instance.provider.tenant_id)
    assert tenant.checked_at is None


def test_a_bulk_job_takes_its_writes_before_it_asks_anything(
    provision: Callable[..., Operation], instance: UmpInstance, sandbox: Sandbox, work: Callable[[], None]
) -> None:
    rate_limit = connections.rate_limit_of(instance.provider.tenant)
    rate_limit.throttled("POST", timedelta(seconds=1))
    operation = provision(priority=BULK)
    assert (operation.status, operation.error_code, operation.steps[0].status) == (
        "waiting",
        "quota_spent",
        "pending",
    )
    assert [call for call in sandbox.calls if call.service == "graph"] == []
    connections.rate_limiter.cache_clear()
    Operation.objects.update(next_attempt_at=timezone.now())
    left = connections.rate_limit_of(instance.provider.tenant).remaining().writes
    work()
    operation.refresh_from_db()
    assert operation.status == "succeeded", operation.message
    used = left - connections.rate_limit_of(instance.provider.tenant).remaining().writes
    assert used <= 3  # what was paid first is not paid again; the bucket fills meanwhile


def test_a_step_whose_worker_died_is_not_said_to_run_while_its_operation_waits_for_quota(instance: UmpInstance) -> None:
    operation = provisioning.request(instance, actor=audit.SYSTEM, priority=BULK)
    factories.change(operation.steps[0], status="running", attempts=1)
    past = timezone.now() - timedelta(seconds=1)
    Operation.objects.update(status="running", leased_until=past, steps=operation.steps)
    connections.rate_limit_of(instance.provider.tenant).throttled("POST", timedelta(seconds=30))
    runner.run(operation.pk)
    operation.refresh_from_db()
    assert (operation.status, operation.steps[0].status) == ("waiting", "waiting")


def test_a_bulk_job_asks_once_for_its_own_token_and_anew_after_a_refusal(
    provision: Callable[..., Operation], sandbox: Sandbox
) -> None:
    connections.forget_cached()
    provision(priority=BULK)
    first = asked(sandbox, "entra", "/token")
    provision(priority=BULK)
    without_own = asked(sandbox, "entra", "/token") - first
    connections.forget_cached()
    provision(priority=BULK)
    assert asked(sandbox, "entra", "/token") - first - without_own == without_own + 1


def test_a_new_credential_is_used_at_once(instance: UmpInstance) -> None:
    tenant = instance.provider.tenant
    with connections.reuse(is_bulk=True):
        connections.graph_as_app(tenant).organization()
        tenant.seal("client_secret_envelope", "a-wrong-secret")
        tenant.save()
        with pytest.raises(RemoteRejectedError, match="does not accept"):
            connections.graph_as_app(tenant).organization()


def test_a_person_who_provisions_has_the_tenant_checked_each_time(
    provision: Callable[..., Operation], sandbox: Sandbox
) -> None:
    provision()
    provision()
    assert asked(sandbox, "graph", "/organization") == 2


def test_the_outcome_for_a_credential_that_was_changed_meanwhile_is_not_kept(instance: UmpInstance) -> None:
    tenant = EntraTenant.objects.get(pk=instance.provider.tenant_id)
    credentials.store_tenant_secret(instance.provider.tenant, "another", actor=audit.SYSTEM)
    tenant_check.save_outcome(tenant, tenant_check.PermissionCheck([], []), actor=audit.WORKER)
    assert EntraTenant.objects.get(pk=tenant.pk).checked_at is None


def test_a_broken_discovery_document_is_not_kept(sandbox: Sandbox, instance: UmpInstance) -> None:
    sandbox.faults.add(service="entra", kind="truncated", path="openid-configuration")
    with pytest.raises(RemoteUnavailableError):
        connections.own_token(instance.provider.tenant)
    assert connections.own_token(instance.provider.tenant).token


def test_a_connection_that_was_idle_for_long_is_made_anew(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    with connections.reuse():
        first = connections._session(sandbox.graph_url)
        monkeypatch.setattr(connections, "LONGEST_IDLE", -1.0)
        assert connections._session(sandbox.graph_url) is not first


def test_a_turn_reads_a_row_once_and_the_next_turn_reads_it_again() -> None:
    seen: list[int] = []

    def read() -> int:
        seen.append(1)
        return len(seen)

    with run_context.run_context():
        assert [run_context.cached("row", read), run_context.cached("row", read)] == [1, 1]
    with run_context.run_context():
        assert run_context.cached("row", read) == 2
    assert run_context.cached("row", read) == 3


def test_discovery_is_asked_for_once_and_what_is_refused_each_time(sandbox: Sandbox, instance: UmpInstance) -> None:
    tenant = instance.provider.tenant
    for _ in range(3):
        connections.own_token(tenant)
    assert asked(sandbox, "entra", "openid-configuration") == 1
    given = {"app_id": tenant.client_id, "client_secret": "x", "scope": connections.GRAPH_SCOPE}
    for _ in range(2):
        with pytest.raises((EntraRefusedError, RemoteUnavailableError)):
            connections.entra().app_token(tenant_id="0f5a1c37-7a1d-4a5e-8a51-2f0f3ab7f0ff", **given)
    assert asked(sandbox, "entra", "0f5a1c37-7a1d-4a5e-8a51-2f0f3ab7f0ff/v2.0/.well-known") >= 2


def test_grants_of_a_principal_that_a_replica_does_not_know_yet_are_asked_for_later(
    sandbox: Sandbox, instance: UmpInstance
) -> None:
    with pytest.raises(NotYetError):
        connections.graph_as_app(instance.provider.tenant).granted_roles("0f5a1c37-7a1d-4a5e-8a51-2f0f3ab7f0ee")


def test_connections_are_kept_between_turns_and_no_cookie_is(sandbox: Sandbox) -> None:
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
def test_a_busy_sign_in_service_is_asked_again_when_it_says(
    provision: Callable[..., Operation], sandbox: Sandbox, status: int, body: Any, code: str
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


def test_a_429_of_the_sign_in_service_makes_all_wait_in_this_tenant(
    provision: Callable[..., Operation], instance: UmpInstance, sandbox: Sandbox
) -> None:
    connections.forget_cached()
    sandbox.faults.add(
        service="entra", method="POST", path="/token", kind="status", status=429, headers={"Retry-After": "60"}
    )
    provision()
    blocked = connections.rate_limit_of(instance.provider.tenant).remaining().blocked
    assert timedelta(seconds=50) < blocked <= timedelta(seconds=60)


def test_while_the_sign_in_service_wants_no_calls_none_is_made(
    provision: Callable[..., Operation], instance: UmpInstance, sandbox: Sandbox
) -> None:
    connections.forget_cached()
    connections.rate_limit_of(instance.provider.tenant).pause(timedelta(seconds=60))
    operation = provision()
    assert (operation.status, operation.error_code) == ("waiting", "quota_spent")
    assert asked(sandbox, "entra", "/token") == 0
    assert connections.rate_limit_of(instance.provider.tenant).remaining().blocked <= timedelta(seconds=60)


def test_a_429_of_a_umps_own_application_stops_nobody_elses(
    provision: Callable[..., Operation], instance: UmpInstance, sandbox: Sandbox
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
