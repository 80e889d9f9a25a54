"""One run of an operation: who may claim it, which steps run, and when it ends."""

from datetime import timedelta

import pytest
from django.utils import timezone

from registrations.clients.rate_limit import limiter
from registrations.encryption import EnvelopeError
from registrations.engine import lease, queue, registry, runner, shutdown
from registrations.models import Operation
from tests import factories
from tests.registrations.engine.operations import MakeOperation, raises, run_once, succeeds

pytestmark = pytest.mark.django_db


def test_calls_of_bulk_operations_leave_a_reserve(make_operation: MakeOperation) -> None:
    seen: list[bool] = []

    def note_the_flag(operation: Operation) -> str:
        seen.append(limiter.is_bulk.get())
        return ""

    run_once(make_operation(note_the_flag, priority=Operation.Priority.BULK))
    run_once(
        make_operation(note_the_flag, subject=factories.make_tenant(tenant_id="f1eba000-0000-4000-8000-00000000000b"))
    )
    assert seen == [True, False]
    assert limiter.is_bulk.get() is False


def test_a_stop_between_two_steps_leaves_the_next_one_pending(
    make_operation: MakeOperation, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([False, False, False, True])
    monkeypatch.setattr(shutdown, "is_stopping", lambda: next(answers, True))
    operation = make_operation(lambda _: "", lambda _: "")
    runner.run(operation.pk)
    operation.refresh_from_db()
    first, second = operation.steps
    assert (operation.status, first.status, second.status) == ("queued", "done", "pending")
    assert (second.attempts, second.started_at) == (0, None)


def test_only_one_of_two_workers_claims_an_operation(make_operation: MakeOperation) -> None:
    operation = make_operation(succeeds)
    now = timezone.now()
    assert Operation.objects.claim(operation.pk, "a", now, lease.DURATION) is True
    assert Operation.objects.claim(operation.pk, "b", now, lease.DURATION) is False


def test_an_operation_whose_lease_expired_is_claimed_again(make_operation: MakeOperation) -> None:
    operation = make_operation(succeeds)
    Operation.objects.claim(operation.pk, "dead", timezone.now() - timedelta(hours=1), lease.DURATION)
    assert queue.due() == [operation.pk]
    assert run_once(operation).status == "succeeded"


def test_a_step_that_an_update_added_is_run(make_operation: MakeOperation) -> None:
    operation = make_operation(succeeds, succeeds)
    Operation.objects.filter(pk=operation.pk).update(steps=operation.steps[:1])
    operation = run_once(operation)
    assert operation.status == "succeeded"
    assert [step.name for step in operation.steps] == ["step0", "step1"]


def test_a_missing_key_waits_for_staff(make_operation: MakeOperation) -> None:
    operation = run_once(
        make_operation(raises(EnvelopeError("The key ring has no key 'k1': put it back into PORTAL_KEYS.")))
    )
    assert (operation.status, operation.waits_for) == ("waiting", "staff")
    assert "PORTAL_KEYS" in operation.message


def test_an_unknown_kind_is_left_to_newer_workers(make_operation: MakeOperation) -> None:
    operation = make_operation(succeeds)
    known = registry.kinds.pop("try")
    waits = run_once(operation)
    assert (waits.status, waits.error_code, waits.waits_for) == ("waiting", "unknown_kind", "staff")
    assert "Update all workers" in waits.message
    assert waits.next_attempt_at is not None  # an update ends by itself
    assert waits.steps[0].attempts == 0
    registry.kinds["try"] = known
    Operation.objects.update(next_attempt_at=timezone.now())
    assert run_once(operation).status == "succeeded"


def test_a_run_ends_after_two_minutes(make_operation: MakeOperation, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(operation: Operation) -> str:
        monkeypatch.setattr(runner, "LONGEST_RUN", timedelta())  # now its time is over
        return "slow"

    operation = run_once(make_operation(slow, succeeds))
    assert operation.status == "queued"
    assert [step.status for step in operation.steps] == ["done", "pending"]
