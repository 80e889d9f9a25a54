"""The engine: who may take an operation, what each outcome of a step means, and that nothing runs twice."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from registrations import audit
from registrations.clients.rate_limit import limiter
from registrations.encryption import EnvelopeError
from registrations.engine import checkpoints, failures, lease, queue, registry, runner, shutdown, transitions
from registrations.errors import (
    NotPermittedError,
    NotYetError,
    PersonNeededError,
    QuotaSpentError,
    RemoteRejectedError,
    RemoteUnavailableError,
    WrongStateError,
)
from registrations.models import AuditEvent, EntraTenant, Operation
from tests import factories

pytestmark = pytest.mark.django_db
ACTOR = audit.SYSTEM
Behaviour = Callable[[Operation], str | None]


@pytest.fixture
def ends() -> list[str]:
    """What the kind was told about its operations' ends."""
    return []


@pytest.fixture
def begin(ends: list[str]) -> Iterator[Callable[..., Operation]]:
    """Queue an operation of a test's own kind whose steps behave as given."""

    def request(*behaviours: Behaviour, subject: EntraTenant | None = None, **values: Any) -> Operation:
        steps = tuple(registry.Step(f"step{n}", f"Step {n}", run) for n, run in enumerate(behaviours))
        registry.register(
            registry.Kind(
                "try", "Try", steps, EntraTenant, lambda _: ends.append("succeeded"), lambda _: ends.append("failed")
            )
        )
        return queue.request("try", subject or factories.make_tenant(), actor=ACTOR, **values)

    yield request
    registry.kinds.pop("try", None)


def raises(error: Exception) -> Behaviour:
    def run(operation: Operation) -> str:
        raise error

    return run


def fine(operation: Operation) -> str:
    return "fine"


def worked_on(operation: Operation) -> Operation:
    runner.run(operation.pk)
    operation.refresh_from_db()
    return operation


def test_a_second_request_for_the_same_subject_is_refused(begin: Callable[..., Operation]) -> None:
    first = begin(fine)
    with pytest.raises(WrongStateError, match="has not ended"):
        queue.request("try", EntraTenant.objects.get(pk=first.subject_id), actor=ACTOR)
    assert Operation.objects.count() == 1


def test_a_refusal_fails_the_operation_with_its_sentence(begin: Callable[..., Operation], ends: list[str]) -> None:
    operation = worked_on(begin(fine, raises(RemoteRejectedError("Microsoft said no.", code="403")), fine))
    assert (operation.status, operation.message, operation.error_code) == ("failed", "Microsoft said no.", "403")
    assert [step.status for step in operation.steps] == ["done", "failed", "pending"]
    assert ends == ["failed"]


def test_an_unknown_error_fails_with_a_sentence_and_not_with_its_text(begin: Callable[..., Operation]) -> None:
    operation = worked_on(begin(raises(KeyError("secret=abc"))))
    assert (operation.status, operation.error_code) == ("failed", "unknown")
    assert "secret=abc" not in operation.message
    assert f"The log has it under {operation.pk}. Resume once it is fixed." in operation.message


def test_not_yet_puts_the_operation_back_until_the_time_it_was_told(begin: Callable[..., Operation]) -> None:
    operation = worked_on(begin(raises(RemoteUnavailableError("Busy.", retry_after=timedelta(seconds=90)))))
    assert operation.status == "waiting"
    assert operation.next_attempt_at is not None
    assert timedelta(seconds=80) < operation.next_attempt_at - timezone.now() <= timedelta(seconds=90)
    assert runner.run(operation.pk) is False


def test_the_pauses_grow_but_not_beyond_a_minute(begin: Callable[..., Operation]) -> None:
    operation = begin(raises(NotYetError("Copying.")))
    pauses = []
    for _ in range(8):
        Operation.objects.filter(pk=operation.pk).update(next_attempt_at=timezone.now())
        worked_on(operation)
        assert operation.next_attempt_at is not None
        pauses.append(round((operation.next_attempt_at - timezone.now()).total_seconds()))
    assert pauses == [2, 4, 8, 16, 32, 60, 60, 60]


def test_a_step_that_never_gets_done_fails_after_two_hours(begin: Callable[..., Operation], time_machine: Any) -> None:
    operation = begin(raises(NotYetError("Copying.")))
    began = timezone.now()
    while worked_on(operation).status == "waiting":
        assert timezone.now() - began < timedelta(hours=3)
        time_machine.move_to(operation.next_attempt_at)
    assert operation.status == "failed"
    assert timedelta(hours=2) < timezone.now() - began < timedelta(hours=2, minutes=2)
    assert "then resume" in operation.message


def test_a_night_in_which_no_worker_came_is_nobodys_attempt(begin: Callable[..., Operation], time_machine: Any) -> None:
    tries: list[int] = []

    def later(operation: Operation) -> str:
        tries.append(1)
        if len(tries) < 15:
            raise NotYetError("Copying.")
        return "copied"

    operation = begin(later)
    for _ in range(13):
        worked_on(operation)
        time_machine.move_to(operation.next_attempt_at)
    time_machine.move_to(timezone.now() + timedelta(hours=9))
    assert worked_on(operation).status == "waiting"
    time_machine.move_to(operation.next_attempt_at)
    assert worked_on(operation).status == "succeeded"


def test_a_step_whose_worker_died_before_the_night_is_tried_in_the_morning(begin: Callable[..., Operation]) -> None:
    operation = begin(fine)
    factories.change(operation.steps[0], status="running", attempts=1, started_at=(timezone.now() - timedelta(hours=9)))
    Operation.objects.filter(pk=operation.pk).update(
        steps=operation.steps, status="running", lease="dead", leased_until=timezone.now() - timedelta(hours=8)
    )
    assert worked_on(operation).status == "succeeded"


def power_cut(operation: Operation) -> str:
    raise PowerCutError


def given_back(operation: Operation) -> str:
    lease.Lease(operation.pk, operation.lease).hand_back()
    raise lease.LeaseLostError


class PowerCutError(BaseException):
    """Nothing that catches errors may catch it."""


@pytest.mark.parametrize("ends_by", [power_cut, given_back])
def test_a_step_that_was_in_hand_before_the_night_is_tried_in_the_morning(
    begin: Callable[..., Operation], time_machine: Any, ends_by: Behaviour
) -> None:
    tries: list[int] = []

    def step(operation: Operation) -> str | None:
        tries.append(1)
        if len(tries) <= 12:
            raise NotYetError("Copying.", retry_after=timedelta(seconds=6))
        return ends_by(operation) if len(tries) == 13 else "copied"

    operation = begin(step)
    for _ in range(12):
        worked_on(operation)
        time_machine.move_to(operation.next_attempt_at)
    with contextlib.suppress(PowerCutError):
        runner.run(operation.pk)
    time_machine.move_to(timezone.now() + timedelta(hours=9))
    assert worked_on(operation).status == "succeeded", operation.message


def test_the_night_does_not_count_where_the_morning_begins_with_a_wait_for_quota(
    begin: Callable[..., Operation], monkeypatch: pytest.MonkeyPatch, time_machine: Any
) -> None:
    tries: list[int] = []
    short: list[Exception] = []

    def later(operation: Operation) -> str:
        tries.append(1)
        if len(tries) <= 13:
            raise NotYetError("Copying.")
        return "copied"

    def pays(operation: Operation) -> None:
        if short:
            raise short.pop()

    operation = begin(later, priority=Operation.Priority.BULK)
    monkeypatch.setitem(registry.kinds, "try", replace(registry.kinds["try"], before_bulk_run=pays))
    for _ in range(12):
        worked_on(operation)
        time_machine.move_to(operation.next_attempt_at)
    time_machine.move_to(timezone.now() + timedelta(hours=12))
    short.append(QuotaSpentError("Waiting for its turn.", retry_after=timedelta(seconds=30)))
    for _ in range(3):
        assert worked_on(operation).status != "failed"
        time_machine.move_to(operation.next_attempt_at or timezone.now())
    assert operation.status == "succeeded"


def test_a_worker_that_dies_again_and_again_does_not_go_on_for_ever(
    begin: Callable[..., Operation], time_machine: Any
) -> None:
    operation = begin(power_cut)
    deaths = 0
    while worked_on_until_death(operation):
        deaths += 1
        assert deaths < 200
        time_machine.move_to(timezone.now() + lease.DURATION + timedelta(seconds=20))
    assert operation.status == "failed"
    assert deaths > 100


def worked_on_until_death(operation: Operation) -> bool:
    """Whether its worker died."""
    try:
        worked_on(operation)
    except PowerCutError:
        return True
    return False


def test_after_a_person_acted_a_refusal_and_the_two_hours_count_anew(
    begin: Callable[..., Operation], time_machine: Any
) -> None:
    answers: list[Exception] = [
        NotPermittedError("No right."),
        PersonNeededError("Decide.", who="staff", code="x"),
        NotPermittedError("No right."),
    ]

    def step(operation: Operation) -> str:
        raise answers.pop(0)

    operation = worked_on(begin(step))
    time_machine.move_to(operation.next_attempt_at)
    worked_on(operation)
    time_machine.move_to(timezone.now() + timedelta(minutes=30))
    queue.wake([operation])
    assert worked_on(operation).status == "waiting"


def test_pauses_of_an_hour_that_microsoft_asked_for_give_nothing_up(
    begin: Callable[..., Operation], time_machine: Any
) -> None:
    operation = begin(raises(RemoteUnavailableError("Busy.", retry_after=timedelta(hours=1))))
    for _ in range(4):
        assert worked_on(operation).status == "waiting"
        time_machine.move_to(operation.next_attempt_at)


def test_those_of_bulk_jobs_are_rung_for_last(begin: Callable[..., Operation]) -> None:
    of_many = begin(fine, priority=Operation.Priority.BULK)
    Operation.objects.filter(pk=of_many.pk).update(next_attempt_at=timezone.now() - timedelta(hours=1))
    awaited = begin(fine, subject=factories.make_tenant(name="Other", tenant_id="f1eba000-0000-4000-8000-0000000000fe"))
    assert queue.due() == [awaited.pk, of_many.pk]
    assert queue.due(limit=1) == [awaited.pk]


def test_waiting_for_microsofts_quota_is_no_failed_attempt(begin: Callable[..., Operation], time_machine: Any) -> None:
    def no_turn_yet(operation: Operation) -> str:
        raise QuotaSpentError("Waiting for its turn.", retry_after=timedelta(seconds=3))

    operation = worked_on(begin(no_turn_yet))
    for _ in range(3):
        time_machine.move_to(timezone.now() + timedelta(hours=1))
        worked_on(operation)
    assert (operation.status, operation.steps[0].attempts) == ("waiting", 0)
    assert operation.next_attempt_at is not None
    assert operation.next_attempt_at - timezone.now() <= timedelta(seconds=3)


def test_calls_of_a_bulk_jobs_operation_leave_the_reserve_to_people(begin: Callable[..., Operation]) -> None:
    seen: list[bool] = []

    def look(operation: Operation) -> str:
        seen.append(limiter.is_bulk.get())
        return ""

    worked_on(begin(look, priority=Operation.Priority.BULK))
    worked_on(begin(look, subject=factories.make_tenant(tenant_id="f1eba000-0000-4000-8000-00000000000b")))
    assert seen == [True, False]
    assert limiter.is_bulk.get() is False


def waits_for_quota(operation: Operation) -> str:
    raise QuotaSpentError("Waiting for its turn.", retry_after=timedelta(seconds=90))


def test_one_of_many_goes_first_once_a_person_looks_at_it(begin: Callable[..., Operation]) -> None:
    operation = worked_on(begin(waits_for_quota, priority=Operation.Priority.BULK))
    assert operation.next_attempt_at is not None
    assert operation.next_attempt_at > timezone.now()
    assert queue.prioritise(operation)
    operation.refresh_from_db()
    assert operation.priority == Operation.Priority.INTERACTIVE
    assert operation.next_attempt_at <= timezone.now()
    assert not queue.prioritise(operation)


def test_looking_at_one_that_waits_for_replication_does_not_hurry_microsoft(begin: Callable[..., Operation]) -> None:
    operation = worked_on(begin(raises(NotYetError("Copying.")), priority=Operation.Priority.BULK))
    due = operation.next_attempt_at
    assert queue.prioritise(operation)
    operation.refresh_from_db()
    assert operation.next_attempt_at == due


def test_one_that_was_at_work_when_a_person_came_does_not_go_to_the_end_of_the_line(
    begin: Callable[..., Operation],
) -> None:
    def meanwhile_seen(operation: Operation) -> str:
        queue.prioritise(operation)
        return waits_for_quota(operation)

    operation = worked_on(begin(meanwhile_seen, priority=Operation.Priority.BULK))
    assert operation.next_attempt_at is not None
    assert operation.next_attempt_at <= timezone.now()


def test_one_that_a_stopped_worker_gave_back_waits_for_what_that_one_had_sent(begin: Callable[..., Operation]) -> None:
    operation = begin(waits_for_quota, priority=Operation.Priority.BULK)
    soon = timezone.now() + timedelta(seconds=3)
    Operation.objects.filter(pk=operation.pk).update(started_at=timezone.now(), next_attempt_at=soon)
    assert queue.prioritise(operation)
    operation.refresh_from_db()
    assert operation.next_attempt_at == soon


def test_a_worker_told_to_stop_between_two_steps_leaves_the_next_one_as_it_was(
    begin: Callable[..., Operation], monkeypatch: pytest.MonkeyPatch
) -> None:
    told = iter([False, False, False, True])
    monkeypatch.setattr(shutdown, "is_stopping", lambda: next(told, True))
    operation = begin(lambda _: "", lambda _: "")
    runner.run(operation.pk)
    operation.refresh_from_db()
    first, second = operation.steps
    assert (operation.status, first.status, second.status) == ("queued", "done", "pending")
    assert (second.attempts, second.started_at) == (0, None)


def test_a_missing_permission_is_believed_five_minutes_after_the_first_refusal(
    begin: Callable[..., Operation], time_machine: Any
) -> None:
    answers: list[Exception] = [NotYetError("Copying."), *[NotPermittedError("No right.")] * 3]

    def step(operation: Operation) -> str:
        raise answers.pop(0)

    operation = worked_on(begin(step))
    for minutes, status in ((10, "waiting"), (3, "waiting"), (3, "failed")):
        time_machine.move_to(timezone.now() + timedelta(minutes=minutes))
        assert worked_on(operation).status == status


def test_waiting_for_a_person_takes_no_time_of_the_workers(begin: Callable[..., Operation]) -> None:
    operation = worked_on(begin(raises(PersonNeededError("Create the service.", who="staff", code="x"))))
    assert (operation.status, operation.waits_for, operation.next_attempt_at) == ("waiting", "staff", None)
    assert queue.due() == []


def test_waking_it_lets_a_worker_go_on(begin: Callable[..., Operation]) -> None:
    answers: list[str] = []

    def step(operation: Operation) -> str:
        if not answers:
            raise PersonNeededError("Tick it.", who="staff")
        return "ticked"

    operation = worked_on(begin(step))
    answers.append("yes")
    queue.wake([operation])
    assert worked_on(operation).status == "succeeded"


def test_done_steps_are_not_run_again_on_resume(begin: Callable[..., Operation]) -> None:
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

    operation = worked_on(begin(first, second))
    queue.resume(operation, actor=ACTOR)
    assert worked_on(operation).status == "succeeded"
    assert calls == ["first", "second", "second"]


def test_a_resumed_operation_of_a_bulk_job_goes_before_the_others(begin: Callable[..., Operation]) -> None:
    operation = worked_on(begin(raises(RemoteRejectedError("No.")), priority=Operation.Priority.BULK))
    assert operation.priority == "bulk"
    queue.resume(operation, actor=ACTOR)
    operation.refresh_from_db()
    assert operation.priority == "interactive"


def test_only_one_of_two_workers_gets_the_operation(begin: Callable[..., Operation]) -> None:
    operation = begin(fine)
    now = timezone.now()
    assert Operation.objects.claim(operation.pk, "a", now, lease.DURATION) is True
    assert Operation.objects.claim(operation.pk, "b", now, lease.DURATION) is False


def test_a_lease_that_ran_out_is_taken_over(begin: Callable[..., Operation]) -> None:
    operation = begin(fine)
    Operation.objects.claim(operation.pk, "dead", timezone.now() - timedelta(hours=1), lease.DURATION)
    assert queue.due() == [operation.pk]
    assert worked_on(operation).status == "succeeded"


def test_a_worker_that_lost_its_lease_writes_nothing_more(begin: Callable[..., Operation], ends: list[str]) -> None:
    def overtaken(operation: Operation) -> str:
        Operation.objects.filter(pk=operation.pk).update(lease="somebody else's")
        return "done by the slow one"

    operation = worked_on(begin(overtaken))
    assert (operation.status, operation.lease) == ("running", "somebody else's")
    assert ends == []


def test_a_running_operation_cannot_be_cancelled(begin: Callable[..., Operation]) -> None:
    operation = begin(fine)
    Operation.objects.claim(operation.pk, "x", timezone.now(), lease.DURATION)
    with pytest.raises(WrongStateError):
        queue.cancel(operation, actor=ACTOR)


def test_an_ended_operation_cannot_be_resumed(begin: Callable[..., Operation]) -> None:
    with pytest.raises(WrongStateError):
        queue.resume(worked_on(begin(fine)), actor=ACTOR)


def test_the_persons_token_is_gone_at_every_end(begin: Callable[..., Operation]) -> None:
    operation = begin(raises(RemoteRejectedError("No.")), credential=("token", timezone.now() + timedelta(hours=1)))
    assert operation.credential_envelope
    assert worked_on(operation).credential_envelope == ""


def test_a_token_past_its_time_is_forgotten(begin: Callable[..., Operation], time_machine: Any) -> None:
    operation = begin(fine, credential=("token", timezone.now() + timedelta(hours=1)))
    time_machine.move_to(timezone.now() + timedelta(hours=2))
    assert checkpoints.delete_expired_credentials() == 1
    operation.refresh_from_db()
    assert operation.credential_envelope == ""


def test_the_history_tells_request_steps_and_end_in_order(begin: Callable[..., Operation]) -> None:
    worked_on(begin(fine, fine))
    told = list(AuditEvent.objects.order_by("id").values_list("action", flat=True))
    assert told == ["try.requested", "try.step0.done", "try.step1.done", "try.succeeded"]


def breaks_where_an_end_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistake of ours that meets even the commit of a failure."""

    def broken(*args: Any) -> None:
        raise KeyError("secret=abc")

    monkeypatch.setattr(transitions, "close", broken)


def test_the_last_resort_fails_the_row_tells_the_history_and_tells_the_kind(
    begin: Callable[..., Operation], ends: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    breaks_where_an_end_is_written(monkeypatch)
    operation = worked_on(begin(raises(RemoteRejectedError("No."))))
    assert (operation.status, operation.error_code, operation.lease) == ("failed", "unknown", "")
    assert f"The log has it under {operation.pk}" in operation.message
    told = AuditEvent.objects.get(action="try.failed")
    assert told.operation_id == operation.pk
    assert told.after == {"message": operation.message, "code": "unknown"}
    assert ends == ["failed"]


def test_the_row_stays_failed_where_the_kind_breaks_when_it_is_told(
    begin: Callable[..., Operation], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(operation: Operation) -> None:
        EntraTenant.objects.update(name="half done")
        raise KeyError("secret=abc")

    operation = begin(raises(RemoteRejectedError("No.")))
    monkeypatch.setitem(registry.kinds, "try", replace(registry.kinds["try"], failed=broken))
    operation = worked_on(operation)
    assert (operation.status, operation.error_code) == ("failed", "unknown")
    assert AuditEvent.objects.filter(action="try.failed").count() == 1
    assert not EntraTenant.objects.filter(name="half done").exists()
    assert "could not be reported" in caplog.text


def test_the_last_resort_writes_nothing_where_another_worker_has_the_operation(
    begin: Callable[..., Operation], ends: list[str]
) -> None:
    operation = begin(fine)
    assert Operation.objects.claim(operation.pk, "another", timezone.now(), lease.DURATION)
    failures.abandon(operation, "mine")
    operation.refresh_from_db()
    assert (operation.status, operation.lease, ends) == ("running", "another", [])
    assert not AuditEvent.objects.filter(action="try.failed").exists()


def test_the_row_fails_and_the_kind_is_told_where_the_history_cannot_be_written(
    begin: Callable[..., Operation], ends: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: Any, **kwargs: Any) -> None:
        raise KeyError("secret=abc")

    operation = begin(fine)
    assert Operation.objects.claim(operation.pk, "mine", timezone.now(), lease.DURATION)
    monkeypatch.setattr(audit, "record", broken)
    failures.abandon(operation, "mine")
    operation.refresh_from_db()
    assert (operation.status, operation.lease, ends) == ("failed", "", ["failed"])


@pytest.mark.parametrize("repeatable", [True, False])
def test_a_step_is_not_repeated_for_ever_where_the_history_cannot_be_written(
    begin: Callable[..., Operation], monkeypatch: pytest.MonkeyPatch, repeatable: bool
) -> None:
    calls: list[int] = []
    operation = begin(lambda _: calls.append(1))
    kind = registry.kinds["try"]
    step = replace(kind.steps[0], repeatable=repeatable)
    monkeypatch.setitem(registry.kinds, "try", replace(kind, steps=(step,)))

    def broken(events: object) -> None:
        raise EnvelopeError("The key is not in the ring.")

    monkeypatch.setattr(audit, "_chain", broken)
    for _ in range(3):
        Operation.objects.filter(status="running").update(leased_until=timezone.now() - timedelta(seconds=1))
        worked_on(operation)
    assert (operation.status, calls) == ("failed", [1])


def test_what_the_kind_names_is_begun_anew_on_resume_and_nothing_else(
    begin: Callable[..., Operation], monkeypatch: pytest.MonkeyPatch
) -> None:
    operation = begin(fine, fine, raises(RemoteRejectedError("It is gone.", code="gone")))
    kind = replace(registry.kinds["try"], retry_from={"gone": ("step1", "step2"), "else": ("step0",)})
    monkeypatch.setitem(registry.kinds, "try", kind)
    queue.resume(worked_on(operation), actor=ACTOR)
    operation.refresh_from_db()
    assert [step.status for step in operation.steps] == ["done", "pending", "pending"]


def test_a_step_that_an_update_brought_is_done_too(begin: Callable[..., Operation]) -> None:
    operation = begin(fine, fine)
    Operation.objects.filter(pk=operation.pk).update(steps=operation.steps[:1])
    operation = worked_on(operation)
    assert operation.status == "succeeded"
    assert [step.name for step in operation.steps] == ["step0", "step1"]


def test_a_remote_services_endless_words_are_cut_to_what_the_database_holds(begin: Callable[..., Operation]) -> None:
    operation = worked_on(begin(raises(RemoteRejectedError("No\0. " + "x" * 5000, code="c" * 500))))
    assert operation.status == "failed"
    assert len(operation.error_code) == 120
    assert len(operation.message) <= 1000
    assert "\0" not in operation.message


def test_a_step_that_kills_its_worker_again_and_again_is_given_up(begin: Callable[..., Operation]) -> None:
    operation = begin(fine)
    factories.change(
        operation.steps[0], status="running", attempts=50, started_at=(timezone.now() - timedelta(hours=3))
    )
    Operation.objects.filter(pk=operation.pk).update(
        steps=operation.steps, status="running", lease="dead", leased_until=timezone.now() - timedelta(minutes=1)
    )
    assert worked_on(operation).status == "failed"


def test_a_missing_key_waits_for_staff_who_put_it_back(begin: Callable[..., Operation]) -> None:
    operation = worked_on(begin(raises(EnvelopeError("The key ring has no key 'k1': put it back into PORTAL_KEYS."))))
    assert (operation.status, operation.waits_for) == ("waiting", "staff")
    assert "PORTAL_KEYS" in operation.message


def test_resuming_from_an_old_page_does_not_undo_what_was_done_since(begin: Callable[..., Operation]) -> None:
    operation = begin(fine, raises(RemoteRejectedError("No.")))
    old_page = Operation.objects.get(pk=operation.pk)
    worked_on(operation)
    queue.resume(old_page, actor=ACTOR)
    operation.refresh_from_db()
    assert [step.status for step in operation.steps] == ["done", "pending"]


def test_a_kind_that_a_workers_version_does_not_know_is_left_to_others(begin: Callable[..., Operation]) -> None:
    operation = begin(fine)
    known = registry.kinds.pop("try")
    waits = worked_on(operation)
    assert (waits.status, waits.error_code, waits.waits_for) == ("waiting", "unknown_kind", "staff")
    assert "Update all workers" in waits.message
    assert waits.next_attempt_at is not None  # an update ends by itself
    assert waits.steps[0].attempts == 0
    registry.kinds["try"] = known
    Operation.objects.update(next_attempt_at=timezone.now())
    assert worked_on(operation).status == "succeeded"
