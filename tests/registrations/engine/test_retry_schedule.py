"""When a step is tried again, when it is given up, and which time does not count."""

import contextlib
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from registrations.engine import lease, queue, registry, retry_schedule, runner
from registrations.errors import (
    NotPermittedError,
    NotYetError,
    PersonNeededError,
    QuotaSpentError,
    RemoteUnavailableError,
)
from registrations.models import Operation
from registrations.models.steps import StepState
from tests import factories
from tests.registrations.engine.operations import Behaviour, MakeOperation, raises, run_once, succeeds

pytestmark = pytest.mark.django_db


def test_pauses_double_up_to_one_minute(make_operation: MakeOperation) -> None:
    operation = make_operation(raises(NotYetError("Copying.")))
    pauses = []
    for _ in range(8):
        Operation.objects.filter(pk=operation.pk).update(next_attempt_at=timezone.now())
        run_once(operation)
        assert operation.next_attempt_at is not None
        pauses.append(round((operation.next_attempt_at - timezone.now()).total_seconds()))
    assert pauses == [2, 4, 8, 16, 32, 60, 60, 60]


def test_a_step_that_never_succeeds_fails_after_two_hours(make_operation: MakeOperation, time_machine: Any) -> None:
    operation = make_operation(raises(NotYetError("Copying.")))
    started = timezone.now()
    while run_once(operation).status == "waiting":
        assert timezone.now() - started < timedelta(hours=3)
        time_machine.move_to(operation.next_attempt_at)
    assert operation.status == "failed"
    assert timedelta(hours=2) < timezone.now() - started < timedelta(hours=2, minutes=2)
    assert "then resume" in operation.message


def test_an_outage_without_workers_does_not_count_as_time_tried(
    make_operation: MakeOperation, time_machine: Any
) -> None:
    attempts_made: list[int] = []

    def later(operation: Operation) -> str:
        attempts_made.append(1)
        if len(attempts_made) < 15:
            raise NotYetError("Copying.")
        return "copied"

    operation = make_operation(later)
    for _ in range(13):
        run_once(operation)
        time_machine.move_to(operation.next_attempt_at)
    time_machine.move_to(timezone.now() + timedelta(hours=9))
    assert run_once(operation).status == "waiting"
    time_machine.move_to(operation.next_attempt_at)
    assert run_once(operation).status == "succeeded"


def test_a_step_is_retried_if_its_worker_died_before_an_outage(make_operation: MakeOperation) -> None:
    operation = make_operation(succeeds)
    factories.change(operation.steps[0], status="running", attempts=1, started_at=(timezone.now() - timedelta(hours=9)))
    Operation.objects.filter(pk=operation.pk).update(
        steps=operation.steps, status="running", lease="dead", leased_until=timezone.now() - timedelta(hours=8)
    )
    assert run_once(operation).status == "succeeded"


def kills_its_worker(operation: Operation) -> str:
    raise WorkerKilledError


def hands_back(operation: Operation) -> str:
    lease.Lease(operation.pk, operation.lease).hand_back()
    raise lease.LeaseLostError


class WorkerKilledError(BaseException):
    """Nothing that catches errors may catch it."""


@pytest.mark.parametrize("interruption", [kills_its_worker, hands_back])
def test_a_step_that_ran_when_an_outage_began_is_retried(
    make_operation: MakeOperation, time_machine: Any, interruption: Behaviour
) -> None:
    attempts_made: list[int] = []

    def step(operation: Operation) -> str | None:
        attempts_made.append(1)
        if len(attempts_made) <= 12:
            raise NotYetError("Copying.", retry_after=timedelta(seconds=6))
        return interruption(operation) if len(attempts_made) == 13 else "copied"

    operation = make_operation(step)
    for _ in range(12):
        run_once(operation)
        time_machine.move_to(operation.next_attempt_at)
    with contextlib.suppress(WorkerKilledError):
        runner.run(operation.pk)
    time_machine.move_to(timezone.now() + timedelta(hours=9))
    assert run_once(operation).status == "succeeded", operation.message


def test_an_outage_that_ends_with_a_wait_for_quota_does_not_count(
    make_operation: MakeOperation, monkeypatch: pytest.MonkeyPatch, time_machine: Any
) -> None:
    attempts_made: list[int] = []
    missing_quota: list[Exception] = []

    def later(operation: Operation) -> str:
        attempts_made.append(1)
        if len(attempts_made) <= 13:
            raise NotYetError("Copying.")
        return "copied"

    def prepay(operation: Operation) -> None:
        if missing_quota:
            raise missing_quota.pop()

    operation = make_operation(later, priority=Operation.Priority.BULK)
    monkeypatch.setitem(registry.kinds, "try", replace(registry.kinds["try"], before_bulk_run=prepay))
    for _ in range(12):
        run_once(operation)
        time_machine.move_to(operation.next_attempt_at)
    time_machine.move_to(timezone.now() + timedelta(hours=12))
    missing_quota.append(QuotaSpentError("Waiting for its reservation.", retry_after=timedelta(seconds=30)))
    for _ in range(3):
        assert run_once(operation).status != "failed"
        time_machine.move_to(operation.next_attempt_at or timezone.now())
    assert operation.status == "succeeded"


def test_a_step_that_kills_each_worker_fails_in_the_end(make_operation: MakeOperation, time_machine: Any) -> None:
    operation = make_operation(kills_its_worker)
    kills = 0
    while run_kills_its_worker(operation):
        kills += 1
        assert kills < 200
        time_machine.move_to(timezone.now() + lease.DURATION + timedelta(seconds=20))
    assert operation.status == "failed"
    assert kills > 100


def run_kills_its_worker(operation: Operation) -> bool:
    """Whether its worker died."""
    try:
        run_once(operation)
    except WorkerKilledError:
        return True
    return False


def test_refusals_and_the_two_hours_start_again_after_a_person_acted(
    make_operation: MakeOperation, time_machine: Any
) -> None:
    answers: list[Exception] = [
        NotPermittedError("No right."),
        PersonNeededError("Decide.", who="staff", code="x"),
        NotPermittedError("No right."),
    ]

    def step(operation: Operation) -> str:
        raise answers.pop(0)

    operation = run_once(make_operation(step))
    time_machine.move_to(operation.next_attempt_at)
    run_once(operation)
    time_machine.move_to(timezone.now() + timedelta(minutes=30))
    queue.wake([operation])
    assert run_once(operation).status == "waiting"


def test_long_pauses_that_microsoft_asked_for_do_not_fail_a_step(
    make_operation: MakeOperation, time_machine: Any
) -> None:
    operation = make_operation(raises(RemoteUnavailableError("Busy.", retry_after=timedelta(hours=1))))
    for _ in range(4):
        assert run_once(operation).status == "waiting"
        time_machine.move_to(operation.next_attempt_at)


def test_waiting_for_quota_is_no_attempt(make_operation: MakeOperation, time_machine: Any) -> None:
    def waits_for_quota(operation: Operation) -> str:
        raise QuotaSpentError("Waiting for its reservation.", retry_after=timedelta(seconds=3))

    operation = run_once(make_operation(waits_for_quota))
    for _ in range(3):
        time_machine.move_to(timezone.now() + timedelta(hours=1))
        run_once(operation)
    assert (operation.status, operation.steps[0].attempts) == ("waiting", 0)
    assert operation.next_attempt_at is not None
    assert operation.next_attempt_at - timezone.now() <= timedelta(seconds=3)


def test_a_missing_permission_fails_five_minutes_after_the_first_refusal(
    make_operation: MakeOperation, time_machine: Any
) -> None:
    answers: list[Exception] = [NotYetError("Copying."), *[NotPermittedError("No right.")] * 3]

    def step(operation: Operation) -> str:
        raise answers.pop(0)

    operation = run_once(make_operation(step))
    for minutes, status in ((10, "waiting"), (3, "waiting"), (3, "failed")):
        time_machine.move_to(timezone.now() + timedelta(minutes=minutes))
        assert run_once(operation).status == status


def test_an_overdue_step_of_a_dead_worker_fails(make_operation: MakeOperation) -> None:
    operation = make_operation(succeeds)
    factories.change(
        operation.steps[0], status="running", attempts=50, started_at=(timezone.now() - timedelta(hours=3))
    )
    Operation.objects.filter(pk=operation.pk).update(
        steps=operation.steps, status="running", lease="dead", leased_until=timezone.now() - timedelta(minutes=1)
    )
    assert run_once(operation).status == "failed"


@pytest.mark.parametrize(
    ("attempts", "seconds"), [(-1, 2), (0, 2), (1, 4), (2, 8), (4, 32), (5, 60), (10, 60), (10_000, 60)]
)
def test_the_pause_after_any_number_of_attempts(attempts: int, seconds: int) -> None:
    assert retry_schedule.pause_after(attempts) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("values", "overdue"),
    [
        ({}, False),
        ({"attempts": 9}, False),  # too few attempts, however long it took
        ({"started_at": None}, False),
        ({"started_at_ago": timedelta(hours=1, minutes=59)}, False),
        ({"started_at_ago": timedelta(hours=2, minutes=1)}, True),
        ({"started_at_ago": timedelta(hours=3), "uncounted": 3700}, False),
    ],
)
def test_a_step_is_overdue_by_time_and_attempts_together(values: dict[str, Any], overdue: bool) -> None:
    ago = values.pop("started_at_ago", timedelta())
    step = StepState("a", "A", **{"attempts": 10, "started_at": timezone.now() - ago, **values})
    assert retry_schedule.is_overdue(step) is overdue


def test_no_time_is_left_out_before_the_first_attempt() -> None:
    step = StepState("a", "A")
    retry_schedule.leave_out(step, timedelta(hours=1))
    assert step.uncounted == 0
    step.started_at = timezone.now()
    retry_schedule.leave_out(step, timedelta(hours=-1))
    retry_schedule.leave_out(step, timedelta(seconds=90))
    assert step.uncounted == 90
