"""The queue: request, order, resume, cancel, wake, and raising the priority."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone
from time_machine import TimeMachineFixture

from registrations import audit
from registrations.engine import lease, queue, registry
from registrations.errors import (
    NotYetError,
    PersonNeededError,
    QuotaSpentError,
    RemoteRejectedError,
    StartOverError,
    UnexplainedRefusalError,
    WrongStateError,
)
from registrations.models import AuditEvent, EntraTenant, Operation
from tests import factories
from tests.registrations.engine.operations import Behaviour, MakeOperation, raises, run_once, succeeds

pytestmark = pytest.mark.django_db


def test_a_second_request_for_the_same_subject_is_refused(make_operation: MakeOperation) -> None:
    first = make_operation(succeeds)
    with pytest.raises(WrongStateError, match="has not ended"):
        queue.request("try", EntraTenant.objects.get(pk=first.subject_id), actor=audit.SYSTEM)
    assert Operation.objects.count() == 1


def test_bulk_operations_are_due_last(make_operation: MakeOperation) -> None:
    bulk = make_operation(succeeds, priority=Operation.Priority.BULK)
    Operation.objects.filter(pk=bulk.pk).update(next_attempt_at=timezone.now() - timedelta(hours=1))
    interactive = make_operation(
        succeeds, subject=factories.make_tenant(name="Other", tenant_id="f1eba000-0000-4000-8000-0000000000fe")
    )
    assert queue.due() == [interactive.pk, bulk.pk]
    assert queue.due(limit=1) == [interactive.pk]


def waits_for_quota(operation: Operation) -> str:
    raise QuotaSpentError("Waiting for its reservation.", retry_after=timedelta(seconds=90))


def test_a_bulk_operation_runs_first_once_a_person_opens_it(make_operation: MakeOperation) -> None:
    operation = run_once(make_operation(waits_for_quota, priority=Operation.Priority.BULK))
    assert operation.next_attempt_at is not None
    assert operation.next_attempt_at > timezone.now()
    assert queue.prioritise(operation)
    operation.refresh_from_db()
    assert operation.priority == Operation.Priority.INTERACTIVE
    assert operation.next_attempt_at <= timezone.now()
    assert not queue.prioritise(operation)


def test_raising_the_priority_does_not_shorten_a_wait_for_replication(make_operation: MakeOperation) -> None:
    operation = run_once(make_operation(raises(NotYetError("Copying.")), priority=Operation.Priority.BULK))
    due = operation.next_attempt_at
    assert queue.prioritise(operation)
    operation.refresh_from_db()
    assert operation.next_attempt_at == due


def test_a_priority_raised_during_a_run_spares_the_wait_for_quota(
    make_operation: MakeOperation,
) -> None:
    def is_opened_by_a_person(operation: Operation) -> str:
        queue.prioritise(operation)
        return waits_for_quota(operation)

    operation = run_once(make_operation(is_opened_by_a_person, priority=Operation.Priority.BULK))
    assert operation.next_attempt_at is not None
    assert operation.next_attempt_at <= timezone.now()


def test_raising_the_priority_keeps_the_delay_after_a_hand_back(make_operation: MakeOperation) -> None:
    operation = make_operation(waits_for_quota, priority=Operation.Priority.BULK)
    soon = timezone.now() + timedelta(seconds=3)
    Operation.objects.filter(pk=operation.pk).update(started_at=timezone.now(), next_attempt_at=soon)
    assert queue.prioritise(operation)
    operation.refresh_from_db()
    assert operation.next_attempt_at == soon


def test_a_woken_operation_continues(make_operation: MakeOperation) -> None:
    answers: list[str] = []

    def step(operation: Operation) -> str:
        if not answers:
            raise PersonNeededError("Tick it.", who="staff")
        return "ticked"

    operation = run_once(make_operation(step))
    answers.append("yes")
    queue.wake([operation])
    assert run_once(operation).status == "succeeded"


def test_done_steps_are_not_run_again_on_resume(make_operation: MakeOperation) -> None:
    calls: list[str] = []
    refusals = [RemoteRejectedError("No.")]

    def first(operation: Operation) -> str:
        calls.append("first")
        return ""

    def second(operation: Operation) -> str:
        calls.append("second")
        if refusals:
            raise refusals.pop()
        return ""

    operation = run_once(make_operation(first, second))
    queue.resume(operation, actor=audit.SYSTEM)
    assert run_once(operation).status == "succeeded"
    assert calls == ["first", "second", "second"]


def test_a_resumed_bulk_operation_becomes_interactive(make_operation: MakeOperation) -> None:
    operation = run_once(make_operation(raises(RemoteRejectedError("No.")), priority=Operation.Priority.BULK))
    assert operation.priority == "bulk"
    queue.resume(operation, actor=audit.SYSTEM)
    operation.refresh_from_db()
    assert operation.priority == "interactive"


def test_a_running_operation_cannot_be_cancelled(make_operation: MakeOperation) -> None:
    operation = make_operation(succeeds)
    Operation.objects.claim(operation.pk, "x", timezone.now(), lease.DURATION)
    with pytest.raises(WrongStateError):
        queue.cancel(operation, actor=audit.SYSTEM)


def test_an_ended_operation_cannot_be_resumed(make_operation: MakeOperation) -> None:
    with pytest.raises(WrongStateError):
        queue.resume(run_once(make_operation(succeeds)), actor=audit.SYSTEM)


def test_resume_starts_over_only_the_steps_that_the_kind_names(
    make_operation: MakeOperation, monkeypatch: pytest.MonkeyPatch
) -> None:
    operation = make_operation(succeeds, succeeds, raises(RemoteRejectedError("It is gone.", code="gone")))
    kind = replace(registry.kinds["try"], retry_from={"gone": ("step1", "step2"), "else": ("step0",)})
    monkeypatch.setitem(registry.kinds, "try", kind)
    queue.resume(run_once(operation), actor=audit.SYSTEM)
    operation.refresh_from_db()
    assert [step.status for step in operation.steps] == ["done", "pending", "pending"]


def fails_then(*outcomes: Exception | None) -> Behaviour:
    """A step that ends like this, one after the other, and then succeeds."""
    left = list(outcomes)

    def step(operation: Operation) -> str:
        outcome = left.pop(0) if left else None
        if outcome:
            raise outcome
        return "done"

    return step


def test_a_step_that_misses_what_it_stands_on_starts_that_over_by_itself(
    make_operation: MakeOperation, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []
    gone = StartOverError("It is gone.", code="gone")
    operation = make_operation(succeeds, lambda _: made.append("made"), fails_then(gone, gone))
    kind = replace(registry.kinds["try"], retry_from={"gone": ("step1", "step2")})
    monkeypatch.setitem(registry.kinds, "try", kind)
    assert [step.status for step in run_once(operation).steps] == ["done", "pending", "waiting"]
    assert (operation.status, operation.waits_for) == ("waiting", "")
    for _ in range(2):
        Operation.objects.filter(pk=operation.pk).update(next_attempt_at=timezone.now())
        run_once(operation)
    assert operation.status == "succeeded"
    assert made == ["made"] * 3
    assert AuditEvent.objects.filter(action="try.started_over").count() == 2


def test_a_step_that_starts_over_for_minutes_fails(
    make_operation: MakeOperation, monkeypatch: pytest.MonkeyPatch, time_machine: TimeMachineFixture
) -> None:
    operation = make_operation(succeeds, fails_then(*[StartOverError("It is gone.", code="gone")] * 99))
    kind = replace(registry.kinds["try"], retry_from={"gone": ("step0", "step1")})
    monkeypatch.setitem(registry.kinds, "try", kind)
    began = timezone.now()
    while run_once(operation).status == "waiting":
        assert operation.next_attempt_at is not None
        time_machine.move_to(operation.next_attempt_at)
    assert (operation.status, operation.error_code) == ("failed", "gone")
    assert timedelta(minutes=5) < timezone.now() - began < timedelta(minutes=7)


def test_a_refusal_without_a_cause_is_tried_again_for_minutes(
    make_operation: MakeOperation, time_machine: TimeMachineFixture
) -> None:
    operation = make_operation(fails_then(*[UnexplainedRefusalError("No.", code="400")] * 99))
    began = timezone.now()
    while run_once(operation).status == "waiting":
        assert operation.next_attempt_at is not None
        time_machine.move_to(operation.next_attempt_at)
    assert (operation.status, operation.error_code) == ("failed", "400")
    assert timedelta(minutes=5) < timezone.now() - began < timedelta(minutes=7)


def test_resume_from_an_old_page_keeps_steps_done_since(make_operation: MakeOperation) -> None:
    operation = make_operation(succeeds, raises(RemoteRejectedError("No.")))
    old_page = Operation.objects.get(pk=operation.pk)
    run_once(operation)
    queue.resume(old_page, actor=audit.SYSTEM)
    operation.refresh_from_db()
    assert [step.status for step in operation.steps] == ["done", "pending"]
