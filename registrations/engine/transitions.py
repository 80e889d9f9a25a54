"""Transitions: every commit that a run makes of its steps and of the operation, guarded by the lease.

`failures.py` has those for errors that nobody expected.
"""

import copy
import time
from datetime import timedelta
from typing import Any

from django.db.models import Case, Value, When
from django.utils import timezone

from registrations import audit
from registrations.engine import lease as leases
from registrations.engine import retry_schedule, run_context
from registrations.engine.lease import Lease, LeaseLostError
from registrations.engine.registry import Step, history_subject, kind_of
from registrations.errors import NotYetError, PersonNeededError, PortalError, QuotaSpentError, StartOverError
from registrations.models import Operation, statements
from registrations.models.steps import StepState, StepStatus, reset_steps

TOO_LONG = "was tried for two hours. Fix the cause, then resume."


def write(operation: Operation, token: str, /, **values: Any) -> None:
    """Write under the lease. Raises LeaseLostError if it is over, another worker has it, or a person ended the operation."""
    leases.require(token)
    if any(hasattr(value, "resolve_expression") for value in values.values()):
        written = Operation.objects.held(operation.pk, token).update(**values)
    else:  # the same guard, written out
        guard = {"id": operation.pk, "status": Operation.Status.RUNNING, "lease": token}
        written = statements.update(Operation, guard, values)
    if written != 1:
        raise LeaseLostError
    for name, value in values.items():
        setattr(operation, name, value)


def begin_step(operation: Operation, step: StepState, lease: Lease) -> None:
    """Commit the beginning of a step."""
    now, before = timezone.now(), time.monotonic()
    _mark_running(step, lease)
    with audit.atomic(durable=True):
        write(
            operation,
            lease.token,
            steps=operation.steps,
            leased_until=now + leases.DURATION,
            started_at=operation.started_at or now,
        )
    lease.step_begins(before)


def end_step(operation: Operation, step: Step, note: str, lease: Lease, *, continues: bool) -> None:
    """Commit the end of a step with its deferred writes, and after the last step the end of the operation.

    If the run continues, the next step begins in the same commit. Raises what a deferred write, or the kind at the
    operation's end, raises. Then nothing of it is written.
    """
    before, now, began = dict(operation.__dict__), timezone.now(), time.monotonic()
    operation.steps = [copy.copy(step) for step in operation.steps]
    state = operation.step(step.name)
    state.status, state.ended_at, state.note = StepStatus.DONE, now, note
    operation.message = operation.error_code = ""
    following = operation.current_step
    is_the_end = following is None and step.repeatable
    if following and continues:
        _mark_running(following, lease)
    try:
        with audit.atomic(durable=True):
            if is_the_end:
                _write_end(operation, lease.token, Operation.Status.SUCCEEDED)
            else:
                write(
                    operation,
                    lease.token,
                    steps=operation.steps,
                    leased_until=now + leases.DURATION,
                    message="",
                    error_code="",
                )
            for deferred in run_context.take_deferred_writes():
                deferred()
            record(operation, f"{operation.kind}.{step.name}.done", {"note": note} if note else {})
            if is_the_end:
                _report_end(operation, Operation.Status.SUCCEEDED)
    except Exception:
        operation.__dict__.update(before)  # as the row still is, above all its lease
        raise
    lease.step_begins(began)


def commit_deferred_writes(operation: Operation, token: str) -> None:
    """Commit what a step had written before it was refused, so that the next attempt sees it. Does not extend the lease."""
    writes = run_context.take_deferred_writes()
    if not writes:
        return
    with audit.atomic(durable=True):
        write(operation, token, lease=token)
        for deferred in writes:
            deferred()


def put_back(operation: Operation, token: str, step: StepState, error: NotYetError, *, move: str = "") -> None:
    """The step is tried again later; after two hours the operation fails. `move`: a word for the history, if it has one."""
    if isinstance(error, QuotaSpentError):
        step.attempts -= 1  # a planned wait is no failed attempt
        step.started_at = step.started_at if step.attempts else None
        retry_schedule.leave_out(step, error.retry_after or retry_schedule.FIRST_PAUSE)
    elif retry_schedule.is_overdue(step):
        fail(operation, token, PortalError(f"{error} It {TOO_LONG}", code=error.code, answer=error.answer))
        return
    pause = error.retry_after or retry_schedule.pause_after(step.attempts - 1)
    step.status = StepStatus.WAITING
    step.note_refusal(error)
    step.waits_since = timezone.now()
    with audit.atomic(durable=True):
        _wait(operation, token, error, next_attempt_at=_due(operation, error, pause))
        if move:
            record(operation, f"{operation.kind}.{move}", {"reason": str(error), "code": error.code})


def start_over(operation: Operation, token: str, step: StepState, error: StartOverError) -> None:
    """Do the steps again that the kind lists for this error's code, and then this one; after some minutes of that it fails.

    This step keeps its counters, so that nothing is started over for ever.
    """
    if not retry_schedule.may_be_replicating(step):
        fail(operation, token, error)
        return
    names = set(kind_of(operation).retry_from.get(error.code, ())) - {step.name}
    reset_steps(operation.steps, *names)
    put_back(operation, token, step, error, move="started_over")


def wait_for_quota(operation: Operation, token: str, error: QuotaSpentError) -> None:
    """There are too few tokens for the run: no step has started, and the worker is free for another operation."""
    pause = error.retry_after or retry_schedule.FIRST_PAUSE
    step = operation.current_step
    if step:
        step.status = StepStatus.WAITING if step.status == StepStatus.RUNNING else step.status
        step.waits_since = timezone.now()
        retry_schedule.leave_out(step, pause)
    with audit.atomic(durable=True):
        _wait(operation, token, error, next_attempt_at=_due(operation, error, pause))


def wait_for_person(operation: Operation, token: str, step: StepState | None, needed: PersonNeededError) -> None:
    """Somebody must act; the history has it once."""
    waits_already = operation.message == str(needed)
    if step:  # a person's time does not count as ours, and the step's counters start again afterwards
        step.status, step.waits_since = StepStatus.WAITING, timezone.now()
        step.note_refusal(needed)
        for unfinished in operation.steps:  # a later one may have sent the operation back here
            if not unfinished.is_done:
                unfinished.started_at, unfinished.refused_at, unfinished.uncounted = None, None, 0
    next_attempt_at = timezone.now() + needed.look_again if needed.look_again else None
    with audit.atomic(durable=True):
        _wait(operation, token, needed, next_attempt_at=next_attempt_at, waits_for=needed.who)
        if not waits_already:
            record(operation, f"{operation.kind}.waiting", {"waits_for": needed.who, "reason": str(needed)})


def leave_to_newer_workers(operation: Operation, token: str) -> None:
    """This worker's version does not know the kind, so it must not end it: during an update another worker knows it."""
    sentence = f"A worker's version does not know operations of kind {operation.kind!r}. Update all workers."
    look_again = retry_schedule.LONGEST_PAUSE
    needed = PersonNeededError(sentence, who="staff", code="unknown_kind", look_again=look_again)
    wait_for_person(operation, token, operation.current_step, needed)


def hand_back(operation: Operation, lease: Lease) -> None:
    """Between two steps: another worker continues with the next one, which may be marked as running already."""
    following = operation.current_step
    if following and following.name == lease.started_step:
        following.attempts -= 1
        following.status = StepStatus.WAITING if following.attempts else StepStatus.PENDING
        following.started_at = following.started_at if following.attempts else None
    with audit.atomic(durable=True):
        write(
            operation,
            lease.token,
            steps=operation.steps,
            status=Operation.Status.QUEUED,
            next_attempt_at=timezone.now(),
            lease="",
            leased_until=None,
        )


def fail(operation: Operation, token: str, error: PortalError) -> None:
    """The step was refused for good; the kind may add a sentence."""
    current = operation.current_step
    if current:
        current.status, current.ended_at = StepStatus.FAILED, timezone.now()
        current.note_refusal(error)
    before_failing = kind_of(operation).before_failing
    addition = before_failing(operation) if before_failing else ""
    operation.message, operation.error_code = f"{error} {addition}".strip(), error.code
    close(operation, token, Operation.Status.FAILED)


def close(operation: Operation, token: str, status: str) -> None:
    """The last commit, if no step makes it: outcome, what it means for the subject, history."""
    with audit.atomic(durable=True):
        _write_end(operation, token, status)
        _report_end(operation, status)


def record(operation: Operation, action: str, after: dict[str, Any]) -> None:
    """Write one history entry about the operation's subject, in the caller's transaction."""
    subject = history_subject(operation)
    audit.record(action, actor=audit.WORKER, subject=subject, operation_id=operation.pk, after=after)


def _wait(operation: Operation, token: str, error: PortalError, **values: Any) -> None:
    write(
        operation,
        token,
        steps=operation.steps,
        status=Operation.Status.WAITING,
        message=str(error),
        error_code=error.code,
        lease="",
        leased_until=None,
        **values,
    )


def _mark_running(step: StepState, lease: Lease) -> None:
    step.started_at = step.started_at or timezone.now()
    step.status, step.attempts, step.note = StepStatus.RUNNING, step.attempts + 1, ""
    lease.started_step = step.name


def _due(operation: Operation, error: NotYetError, pause: timedelta) -> Any:
    """When to try again: now, if a person opened the page of a bulk operation during its run and so raised its priority."""
    now = timezone.now()
    if not isinstance(error, QuotaSpentError) or operation.priority != Operation.Priority.BULK:
        return now + pause
    return Case(When(priority=Operation.Priority.INTERACTIVE, then=Value(now)), default=Value(now + pause))


def _write_end(operation: Operation, token: str, status: str) -> None:
    """The operation's outcome. The person's token is deleted."""
    write(
        operation,
        token,
        steps=operation.steps,
        status=status,
        message=operation.message,
        error_code=operation.error_code,
        ended_at=timezone.now(),
        next_attempt_at=None,
        lease="",
        leased_until=None,
        credential_envelope="",
        credential_expires_at=None,
    )


def _report_end(operation: Operation, status: str) -> None:
    """What the outcome means for the subject, and the history."""
    kind = kind_of(operation)
    (kind.succeeded if status == Operation.Status.SUCCEEDED else kind.failed)(operation)
    after = {"message": operation.message, "code": operation.error_code}
    record(operation, f"{operation.kind}.{status}", {name: value for name, value in after.items() if value})
