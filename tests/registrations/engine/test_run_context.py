"""What a run keeps, and what a step writes beside its operation: all in the commit that ends the step, or nothing."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, OperationalError
from django.utils import timezone

from registrations import audit
from registrations.engine import checkpoints, lease, queue, registry, run_context, runner
from registrations.errors import NotYetError, RemoteRejectedError
from registrations.models import AuditEvent, EntraTenant, Operation
from tests import factories
from tests.registrations.engine.operations import Behaviour, succeeds

pytestmark = pytest.mark.django_db


@pytest.fixture
def tenant() -> EntraTenant:
    return factories.make_tenant()


@pytest.fixture
def run(tenant: EntraTenant) -> Iterator[Callable[..., Operation]]:
    """Run an operation whose steps behave as given once; the operation as its row is then."""

    def run_once(*behaviours: Behaviour, before_failing: Any = None) -> Operation:
        steps = tuple(registry.Step(f"step{n}", f"Step {n}", each) for n, each in enumerate(behaviours))
        kind = registry.Kind(
            "try", "Try", steps, EntraTenant, lambda _: None, lambda _: None, before_failing=before_failing
        )
        registry.register(kind)
        operation = queue.request("try", tenant, actor=audit.SYSTEM)
        runner.run(operation.pk)
        operation.refresh_from_db()
        return operation

    yield run_once
    registry.kinds.pop("try", None)


def rename(operation: Operation) -> str:
    """Write with the step's end, and not before."""
    tenant = EntraTenant.objects.filter(pk=operation.subject_id)

    def write() -> None:
        tenant.update(name="Renamed")
        audit.record("tenant.renamed", actor=audit.WORKER, operation_id=operation.pk)

    run_context.on_step_commit(write)
    assert tenant_name() == "Finebak"
    return "Renamed."


def tenant_name() -> str:
    return EntraTenant.objects.values_list("name", flat=True).get()


def actions_of(operation: Operation) -> list[str]:
    entries = AuditEvent.objects.filter(operation_id=operation.pk).order_by("id")
    return list(entries.values_list("action", flat=True))


def rename_then_raise(error: Exception) -> Behaviour:
    def step(operation: Operation) -> str:
        rename(operation)
        raise error

    return step


def defer_a_broken_write(error: Exception) -> Behaviour:
    def fails() -> None:
        raise error

    def step(operation: Operation) -> str:
        rename(operation)
        run_context.on_step_commit(fails)
        return ""

    return step


def save_a_note(operation: Operation) -> str:
    checkpoints.save_notes(operation, job="nothing")
    return ""


def test_the_history_has_a_steps_writes_before_its_end(run: Callable[..., Operation]) -> None:
    operation = run(rename, succeeds)
    assert (operation.status, tenant_name()) == ("succeeded", "Renamed")
    assert actions_of(operation) == [
        "try.requested",
        "tenant.renamed",
        "try.step0.done",
        "try.step1.done",
        "try.succeeded",
    ]
    assert audit.first_broken() is None


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (NotYetError("Not yet."), "waiting"),
        (RemoteRejectedError("Never."), "failed"),
        (ZeroDivisionError("a mistake"), "failed"),
    ],
)
def test_deferred_writes_are_kept_when_a_step_is_refused(
    run: Callable[..., Operation], error: Exception, status: str
) -> None:
    operation = run(rename_then_raise(error))
    assert (operation.status, tenant_name()) == (status, "Renamed")
    assert actions_of(operation)[:2] == ["try.requested", "tenant.renamed"]


def test_a_worker_that_lost_its_lease_writes_nothing(run: Callable[..., Operation]) -> None:
    def loses_its_lease(operation: Operation) -> str:
        rename(operation)
        Operation.objects.filter(pk=operation.pk).update(lease="another worker's")
        raise RemoteRejectedError("Never.")

    operation = run(loses_its_lease)
    assert (operation.status, operation.lease, tenant_name()) == ("running", "another worker's", "Finebak")
    assert actions_of(operation) == ["try.requested"]


def test_a_worker_does_not_extend_a_lease_that_has_expired(run: Callable[..., Operation]) -> None:
    past = timezone.now() - timedelta(seconds=1)

    def lets_its_lease_expire(operation: Operation) -> str:
        rename(operation)
        Operation.objects.filter(pk=operation.pk).update(leased_until=past)
        raise lease.LeaseLostError

    operation = run(lets_its_lease_expire)
    assert (operation.status, operation.leased_until, tenant_name()) == ("running", past, "Finebak")


def test_before_failing_sees_what_the_step_wrote(run: Callable[..., Operation]) -> None:
    operation = run(rename_then_raise(RemoteRejectedError("Never.")), before_failing=lambda _: f"Now {tenant_name()}.")
    assert operation.message == "Never. Now Renamed."


@pytest.mark.parametrize("after", [(), (succeeds,)], ids=["last step", "another follows"])
def test_a_broken_deferred_write_fails_the_step_and_writes_nothing(
    run: Callable[..., Operation], after: tuple[Behaviour, ...]
) -> None:
    # The last word before the failure writes under the lease, so the lease must still be the row's.
    operation = run(
        defer_a_broken_write(IntegrityError("twice")),
        *after,
        before_failing=save_a_note,
    )
    assert (operation.status, operation.steps[0].status, tenant_name()) == ("failed", "failed", "Finebak")
    assert str(operation.pk) in operation.message
    assert operation.notes == {"job": "nothing"}
    assert actions_of(operation) == ["try.requested", "try.failed"]


def test_a_deferred_write_that_the_database_refuses_is_retried(run: Callable[..., Operation]) -> None:
    operation = run(defer_a_broken_write(OperationalError("gone")))
    assert (operation.status, operation.error_code, tenant_name()) == ("waiting", "database", "Finebak")
    assert operation.steps[0].status == "running"


def test_outside_a_run_a_deferred_write_is_made_at_once(tenant: EntraTenant) -> None:
    run_context.on_step_commit(lambda: EntraTenant.objects.update(name="Renamed"))
    assert tenant_name() == "Renamed"


def test_a_row_is_read_once_per_run() -> None:
    seen: list[int] = []

    def read() -> int:
        seen.append(1)
        return len(seen)

    with run_context.run_context():
        assert [run_context.cached("row", read), run_context.cached("row", read)] == [1, 1]
    with run_context.run_context():
        assert run_context.cached("row", read) == 2
    assert run_context.cached("row", read) == 3
