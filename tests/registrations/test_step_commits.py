"""What a step writes beside its operation: in the commit that ends the step, all of it or nothing."""

import contextlib
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, OperationalError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from registrations import audit
from registrations.engine import checkpoints, lease, queue, registry, run_context, runner
from registrations.errors import NotYetError, RemoteRejectedError
from registrations.models import AuditEvent, EntraTenant, Operation
from registrations.services import provisioning
from sandbox.app import Sandbox
from tests import factories

pytestmark = pytest.mark.django_db
Behaviour = Callable[[Operation], str | None]
LOCKS_THE_CHAIN = "SELECT digest FROM registrations_auditevent"


@pytest.fixture
def tenant() -> EntraTenant:
    return factories.make_tenant()


@pytest.fixture
def run(tenant: EntraTenant) -> Iterator[Callable[..., Operation]]:
    """One turn with an operation whose steps behave as given, and the operation as it is then."""

    def turn(*behaviours: Behaviour, before_failing: Any = None) -> Operation:
        steps = tuple(registry.Step(f"step{n}", f"Step {n}", each) for n, each in enumerate(behaviours))
        kind = registry.Kind(
            "try", "Try", steps, EntraTenant, lambda _: None, lambda _: None, before_failing=before_failing
        )
        registry.register(kind)
        operation = queue.request("try", tenant, actor=audit.SYSTEM)
        runner.run(operation.pk)
        operation.refresh_from_db()
        return operation

    yield turn
    registry.kinds.pop("try", None)


def rename(operation: Operation) -> str:
    """Write with the step's end, and not before."""
    tenant = EntraTenant.objects.filter(pk=operation.subject_id)

    def write() -> None:
        tenant.update(name="Renamed")
        audit.record("tenant.renamed", actor=audit.WORKER, operation_id=operation.pk)

    run_context.on_step_commit(write)
    assert name_now() == "Finebak"
    return "Renamed."


def name_now() -> str:
    return EntraTenant.objects.values_list("name", flat=True).get()


def told(operation: Operation) -> list[str]:
    entries = AuditEvent.objects.filter(operation_id=operation.pk).order_by("id")
    return list(entries.values_list("action", flat=True))


def fine(operation: Operation) -> str:
    return ""


def then_raises(error: Exception) -> Behaviour:
    def step(operation: Operation) -> str:
        rename(operation)
        raise error

    return step


def whose_write_breaks(error: Exception) -> Behaviour:
    def breaks() -> None:
        raise error

    def step(operation: Operation) -> str:
        rename(operation)
        run_context.on_step_commit(breaks)
        return ""

    return step


def notes_what_is_left(operation: Operation) -> str:
    checkpoints.save_notes(operation, job="nothing")
    return ""


def test_a_step_and_its_writes_are_told_in_the_order_in_which_they_happened(run: Callable[..., Operation]) -> None:
    operation = run(rename, fine)
    assert (operation.status, name_now()) == ("succeeded", "Renamed")
    assert told(operation) == ["try.requested", "tenant.renamed", "try.step0.done", "try.step1.done", "try.succeeded"]
    assert audit.first_broken() is None


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (NotYetError("Not yet."), "waiting"),
        (RemoteRejectedError("Never."), "failed"),
        (ZeroDivisionError("a mistake"), "failed"),
    ],
)
def test_what_a_step_had_written_before_it_was_refused_is_kept(
    run: Callable[..., Operation], error: Exception, status: str
) -> None:
    operation = run(then_raises(error))
    assert (operation.status, name_now()) == (status, "Renamed")
    assert told(operation)[:2] == ["try.requested", "tenant.renamed"]


def test_a_worker_that_was_overtaken_writes_nothing_more(run: Callable[..., Operation]) -> None:
    def overtaken(operation: Operation) -> str:
        rename(operation)
        Operation.objects.filter(pk=operation.pk).update(lease="another worker's")
        raise RemoteRejectedError("Never.")

    operation = run(overtaken)
    assert (operation.status, operation.lease, name_now()) == ("running", "another worker's", "Finebak")
    assert told(operation) == ["try.requested"]


def test_a_worker_whose_lease_ran_out_by_its_own_clock_does_not_make_it_longer(run: Callable[..., Operation]) -> None:
    past = timezone.now() - timedelta(seconds=1)

    def late(operation: Operation) -> str:
        rename(operation)
        Operation.objects.filter(pk=operation.pk).update(leased_until=past)
        raise lease.LeaseLostError

    operation = run(late)
    assert (operation.status, operation.leased_until, name_now()) == ("running", past, "Finebak")


def test_a_last_step_that_waited_once_ends_without_the_words_it_waited_with(run: Callable[..., Operation]) -> None:
    fates = iter([NotYetError("Wait a little."), None])

    def waits_once(operation: Operation) -> str:
        fate = next(fates)
        if fate:
            raise fate
        return ""

    operation = run(waits_once)
    assert (operation.status, operation.message) == ("waiting", "Wait a little.")
    Operation.objects.update(next_attempt_at=timezone.now())
    runner.run(operation.pk)
    operation.refresh_from_db()
    assert (operation.status, operation.message, operation.error_code) == ("succeeded", "", "")
    assert AuditEvent.objects.latest("id").after == {}


def test_the_end_of_what_cannot_be_repeated_stands_when_the_operations_end_breaks(tenant: EntraTenant) -> None:
    sent: list[str] = []

    def send(operation: Operation) -> str:
        sent.append("mail")
        return "Sent."

    ends = iter([OperationalError("deadlock detected"), None])

    def succeeded(operation: Operation) -> None:
        error = next(ends)
        if error:
            raise error

    steps = (registry.Step("mail", "Mail", send, repeatable=False),)
    registry.register(registry.Kind("try", "Try", steps, EntraTenant, succeeded, lambda _: None))
    operation = queue.request("try", tenant, actor=audit.SYSTEM)
    runner.run(operation.pk)
    operation.refresh_from_db()
    assert (operation.status, operation.steps[0].status) == ("waiting", "done")
    Operation.objects.update(next_attempt_at=timezone.now())
    runner.run(operation.pk)
    operation.refresh_from_db()
    registry.kinds.pop("try")
    assert (operation.status, sent) == ("succeeded", ["mail"])


def test_a_request_takes_the_operation_before_the_instance_as_workers_do(sandbox: Sandbox) -> None:
    instance = factories.make_instance(sandbox)
    with CaptureQueriesContext(connection) as seen:
        provisioning.request(instance, actor=audit.SYSTEM)
    written = [query["sql"] for query in seen.captured_queries if query["sql"].startswith(("INSERT", "UPDATE"))]
    tables = [sql.split('"')[1].removeprefix("registrations_") for sql in written]
    assert tables == ["operation", "umpinstance", "auditevent"]


def test_what_is_said_at_the_failure_knows_what_the_step_had_written(run: Callable[..., Operation]) -> None:
    operation = run(then_raises(RemoteRejectedError("Never.")), before_failing=lambda _: f"Now {name_now()}.")
    assert operation.message == "Never. Now Renamed."


@pytest.mark.parametrize("after", [(), (fine,)], ids=["last step", "another follows"])
def test_a_write_that_is_a_mistake_of_ours_fails_the_step_and_leaves_nothing_behind(
    run: Callable[..., Operation], after: tuple[Behaviour, ...]
) -> None:
    # The last word before the failure writes under the lease, so the lease must still be the row's.
    operation = run(
        whose_write_breaks(IntegrityError("twice")),
        *after,
        before_failing=notes_what_is_left,
    )
    assert (operation.status, operation.steps[0].status, name_now()) == ("failed", "failed", "Finebak")
    assert str(operation.pk) in operation.message
    assert operation.notes == {"job": "nothing"}
    assert told(operation) == ["try.requested", "try.failed"]


def test_a_database_that_refuses_the_write_is_asked_again_later(run: Callable[..., Operation]) -> None:
    operation = run(whose_write_breaks(OperationalError("gone")))
    assert (operation.status, operation.error_code, name_now()) == ("waiting", "database", "Finebak")
    assert operation.steps[0].status == "running"


def test_entries_of_a_broken_block_are_not_written() -> None:
    def breaks() -> None:
        with audit.atomic():
            audit.record("tenant.renamed", actor=audit.SYSTEM)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        breaks()
    assert not AuditEvent.objects.exists()
    with audit.atomic():
        audit.record("tenant.renamed", actor=audit.SYSTEM)
    assert AuditEvent.objects.count() == 1


def test_an_entry_of_a_savepoint_that_was_rolled_back_is_not_written_and_the_others_are() -> None:
    def breaks() -> None:
        with audit.atomic():
            audit.record("tenant.two", actor=audit.SYSTEM)
            raise ZeroDivisionError

    with audit.atomic():
        audit.record("tenant.one", actor=audit.SYSTEM)
        with contextlib.suppress(ZeroDivisionError):
            breaks()
        with audit.atomic():
            audit.record("tenant.three", actor=audit.SYSTEM)
        assert not AuditEvent.objects.exists()
    assert list(AuditEvent.objects.order_by("id").values_list("action", flat=True)) == ["tenant.one", "tenant.three"]
    assert audit.first_broken() is None


def test_outside_a_turn_a_write_is_made_at_once(tenant: EntraTenant) -> None:
    run_context.on_step_commit(lambda: EntraTenant.objects.update(name="Renamed"))
    assert name_now() == "Renamed"


def test_a_registration_locks_the_chain_once_for_each_step_and_its_secret_and_asks_the_database_less_than_fifty_times(
    sandbox: Sandbox, portal: None
) -> None:
    instance = factories.make_instance(sandbox)
    first = provisioning.request(instance, actor=audit.SYSTEM)
    runner.run(first.pk)  # finds the tenant checked from now on
    Operation.objects.all().delete()
    sandbox.world.add_ump("another", instance.provider.tenant.tenant_id)
    other = factories.make_instance(sandbox, provider=instance.provider, app_name="another")
    operation = provisioning.request(other, actor=audit.SYSTEM, priority=Operation.Priority.BULK)
    with CaptureQueriesContext(connection) as seen:
        runner.run(operation.pk)
    operation.refresh_from_db()
    assert operation.status == "succeeded", operation.message
    statements = [query["sql"] for query in seen.captured_queries]
    assert sum(LOCKS_THE_CHAIN in sql for sql in statements) == len(operation.steps) + 1
    assert len([sql for sql in statements if not sql.startswith(("SAVEPOINT", "RELEASE", "BEGIN", "COMMIT"))]) <= 48
