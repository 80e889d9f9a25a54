"""Outcomes: what a turn writes of its steps and of the operation, in commits that the lease guards."""

import copy
import logging
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db.models import Case, Value, When
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from registrations import audit
from registrations.errors import NotYetError, PersonNeededError, PortalError, QuotaSpentError
from registrations.models import Operation, statements
from registrations.services import leases, turns
from registrations.services.kinds import Step, about, kind_of
from registrations.services.leases import Lease, LeaseLostError

logger = logging.getLogger(__name__)

FIRST_PAUSE = timedelta(seconds=2)
LONGEST_PAUSE = timedelta(minutes=1)
GIVE_UP_AFTER = timedelta(hours=2)  # for one step; replication takes minutes, a UMP's maintenance longer
FEWEST_ATTEMPTS = 10  # before a step is given up, however long the pauses that were asked for
UNKNOWN = "unknown"  # the code of a mistake of ours
TOO_LONG = "was tried for two hours. Look at what it needs, then resume."


def write(operation: Operation, token: str, /, **values: Any) -> None:
    """Write under the lease. Raises LeaseLostError where another worker has it, or a person ended the operation."""
    if any(hasattr(value, "resolve_expression") for value in values.values()):
        written = Operation.objects.held(operation.pk, token).update(**values)
    else:  # the same guard, written out
        guard = {"id": operation.pk, "status": Operation.Status.RUNNING, "lease": token}
        written = statements.update(Operation, guard, values)
    if written != 1:
        raise LeaseLostError
    for name, value in values.items():
        setattr(operation, name, value)


def begin_step(operation: Operation, state: dict[str, Any], lease: Lease) -> None:
    """Commit a step's beginning."""
    now, before = timezone.now(), time.monotonic()
    _mark_begun(state, lease)
    with audit.atomic(durable=True):
        write(
            operation,
            lease.token,
            steps=operation.steps,
            leased_until=now + leases.LEASE,
            started_at=operation.started_at or now,
        )
    lease.step_begins(before)


def end_step(operation: Operation, step: Step, note: str, lease: Lease, *, goes_on: bool) -> None:
    """Commit a step's end with what it wrote, and the operation's end after the last one.

    Where the turn goes on, the next step begins in the same commit. Raises what a write of the step, or the kind at the
    operation's end, raises; then nothing of it is written.
    """
    before, now, began = dict(operation.__dict__), timezone.now(), time.monotonic()
    operation.steps = copy.deepcopy(operation.steps)
    state_of(operation, step.name).update(status="done", ended_at=now.isoformat(), note=note)
    operation.message = operation.error_code = ""
    following = operation.current_step
    is_the_end = following is None and step.repeatable
    if following and goes_on:
        _mark_begun(following, lease)
    try:
        with audit.atomic(durable=True):
            if is_the_end:
                _write_end(operation, lease.token, Operation.Status.SUCCEEDED)
            else:
                write(
                    operation,
                    lease.token,
                    steps=operation.steps,
                    leased_until=now + leases.LEASE,
                    message="",
                    error_code="",
                )
            for each in turns.writes_of_step():
                each()
            _history(operation, f"{operation.kind}.{step.name}.done", {"note": note} if note else {})
            if is_the_end:
                _tell_end(operation, Operation.Status.SUCCEEDED)
    except Exception:
        operation.__dict__.update(before)  # as the row still says, the lease above all
        raise
    lease.step_begins(began)


def keep_writes(operation: Operation, token: str) -> None:
    """Commit what a step had written before it was refused: whoever looks next must see it. The lease gets no longer by it."""
    writes = turns.writes_of_step()
    if not writes:
        return
    with audit.atomic(durable=True):
        write(operation, token, lease=token)
        for each in writes:
            each()


def put_back(operation: Operation, token: str, state: dict[str, Any], error: NotYetError) -> None:
    """The step is tried again later; after two hours the operation fails."""
    if isinstance(error, QuotaSpentError):
        state["attempts"] -= 1  # a planned wait is no failed attempt
        state["started_at"] = state["started_at"] if state["attempts"] else None
        _do_not_count(state, error.retry_after or FIRST_PAUSE)
    elif is_overdue(state):
        fail(operation, token, PortalError(f"{error} It {TOO_LONG}", code=error.code, request_id=error.request_id))
        return
    pause = error.retry_after or min(FIRST_PAUSE * 2 ** min(max(state["attempts"] - 1, 0), 10), LONGEST_PAUSE)
    state.update(status="waiting", note=str(error), request_id=error.request_id, waits_since=_now())
    with audit.atomic(durable=True):
        write(
            operation,
            token,
            steps=operation.steps,
            status=Operation.Status.WAITING,
            message=str(error),
            error_code=error.code,
            next_attempt_at=_due(operation, error, pause),
            lease="",
            leased_until=None,
        )


def leave_to_others(operation: Operation, token: str) -> None:
    """This worker's version does not know the kind, so it must not end it: during an update another one does know it."""
    sentence = f"A worker's version does not know operations of kind {operation.kind!r}. Update all workers."
    needed = PersonNeededError(sentence, who="staff", code="unknown_kind", look_again=LONGEST_PAUSE)
    wait_for_person(operation, token, operation.current_step or {}, needed)


def wait_for_turn(operation: Operation, token: str, wait: QuotaSpentError) -> None:
    """Before the first call: nothing is begun, and the worker is free for another."""
    pause = wait.retry_after or FIRST_PAUSE
    state = operation.current_step
    if state:
        state.update(status="waiting" if state["status"] == "running" else state["status"], waits_since=_now())
        _do_not_count(state, pause)
    with audit.atomic(durable=True):
        write(
            operation,
            token,
            steps=operation.steps,
            status=Operation.Status.WAITING,
            message=str(wait),
            error_code=wait.code,
            next_attempt_at=_due(operation, wait, pause),
            lease="",
            leased_until=None,
        )


def hand_back(operation: Operation, lease: Lease) -> None:
    """Between two steps: another worker goes on with the next one, which may be marked as begun already."""
    following = operation.current_step
    if following and following["name"] == lease.begun:
        attempts = following["attempts"] - 1
        following.update(status="waiting" if attempts else "pending", attempts=attempts)
        following["started_at"] = following["started_at"] if attempts else None
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


def try_later(operation: Operation, token: str, error: Exception) -> None:
    """The database did not take a write, and perhaps takes this one: if not, the lease runs out and another goes on."""
    logger.warning("The database refused operation %s a write: %s", operation.pk, type(error).__name__)
    current = operation.current_step
    pause = min(FIRST_PAUSE * 2 ** min(current["attempts"] if current else 0, 10), LONGEST_PAUSE)
    with audit.atomic(durable=True):
        Operation.objects.held(operation.pk, token).update(
            status=Operation.Status.WAITING,
            next_attempt_at=timezone.now() + pause,
            lease="",
            leased_until=None,
            message="The database did not take a write. SyncPortal tries again by itself.",
            error_code="database",
        )


def wait_for_person(operation: Operation, token: str, state: dict[str, Any], needed: PersonNeededError) -> None:
    """Somebody must act; the history says so once."""
    waits_already = operation.message == str(needed)
    # A person's time does not count as ours, and what comes afterwards begins anew.
    state.update(status="waiting", note=str(needed), waits_since=_now(), started_at=None, refused_at=None, uncounted=0)
    next_attempt_at = timezone.now() + needed.look_again if needed.look_again else None
    with audit.atomic(durable=True):
        write(
            operation,
            token,
            steps=operation.steps,
            status=Operation.Status.WAITING,
            message=str(needed),
            error_code=needed.code,
            waits_for=needed.who,
            next_attempt_at=next_attempt_at,
            lease="",
            leased_until=None,
        )
        if not waits_already:
            _history(operation, f"{operation.kind}.waiting", {"waits_for": needed.who, "reason": str(needed)})


def fail(operation: Operation, token: str, error: PortalError) -> None:
    """The step was refused for good; the kind may have a last word."""
    current = operation.current_step
    if current:
        current.update(
            status="failed", ended_at=timezone.now().isoformat(), note=str(error), request_id=error.request_id
        )
    parting = kind_of(operation).before_failing
    said = parting(operation) if parting else ""
    operation.message, operation.error_code = f"{error} {said}".strip(), error.code
    close(operation, token, Operation.Status.FAILED)


def fail_unknown(operation: Operation, step: Step, token: str) -> None:
    """A mistake of ours: the log has the traceback."""
    sentence = (
        f'The step "{step.title}" met an error SyncPortal does not know. The log has it under {operation.pk}. '
        "Resume once it is mended."
    )
    fail(operation, token, PortalError(sentence, code=UNKNOWN))


def close(operation: Operation, token: str, status: str) -> None:
    """The last commit, where no step makes it: outcome, what it means for the subject, history."""
    with audit.atomic(durable=True):
        _write_end(operation, token, status)
        _tell_end(operation, status)


def abandon(operation: Operation, token: str) -> None:
    """Fail the row, whatever has just broken, then tell the kind if it can be told. The log has the traceback.

    The last resort: it raises nothing. Where the database refuses the row too, the lease runs out and another worker goes on.
    """
    message = (
        f"SyncPortal met an error it does not know. The log has it under {operation.pk}. Resume once it is mended."
    )
    try:
        with audit.atomic(durable=True):
            write(
                operation,
                token,
                status=Operation.Status.FAILED,
                ended_at=timezone.now(),
                next_attempt_at=None,
                lease="",
                leased_until=None,
                credential_envelope="",
                credential_expires_at=None,
                error_code=UNKNOWN,
                message=message,
            )
    except LeaseLostError:
        logger.warning("Operation %s is another worker's now.", operation.pk)
    except Exception:
        logger.exception("Operation %s could not be failed.", operation.pk)
    else:
        told = {"message": message, "code": UNKNOWN}
        _try_to_tell(operation, lambda: _history(operation, f"{operation.kind}.failed", told))
        _try_to_tell(operation, lambda: kind_of(operation).failed(operation))


def _try_to_tell(operation: Operation, tell: Callable[[], None]) -> None:
    """In a transaction of its own: history or kind may be what has just broken, and the failed row must stand."""
    try:
        with audit.atomic(durable=True):
            failed = Operation.objects.select_for_update(no_key=True).filter(status=Operation.Status.FAILED)
            if failed.filter(pk=operation.pk).first():  # or somebody was quick to resume it
                tell()
    except Exception:
        logger.exception("That operation %s failed could not be told.", operation.pk)


def do_not_count_idle(operation: Operation, state: dict[str, Any]) -> None:
    """No worker came since it was due, or since the lease of one that died ran out: a night's outage is nobody's attempt."""
    if operation.next_attempt_at:
        _do_not_count(state, timezone.now() - operation.next_attempt_at)


def is_overdue(state: dict[str, Any]) -> bool:
    """Whether the step has been tried for too long, and often enough."""
    return since(state["started_at"]) - timedelta(seconds=state.get("uncounted", 0)) > GIVE_UP_AFTER and (
        state["attempts"] >= FEWEST_ATTEMPTS
    )


def since(moment: str | None) -> timedelta:
    """How long ago a moment in a step's state was; nothing where there is none."""
    parsed = parse_datetime(moment) if moment else None
    return timezone.now() - parsed if parsed else timedelta()


def state_of(operation: Operation, name: str) -> dict[str, Any]:
    """The state of one step on the operation's row."""
    state: dict[str, Any] = next(step for step in operation.steps if step["name"] == name)
    return state


def _do_not_count(state: dict[str, Any], wait: timedelta) -> None:
    """Time in which nothing could be tried does not make a step overdue."""
    if state["started_at"]:
        state["uncounted"] = state.get("uncounted", 0) + max(0, round(wait.total_seconds()))


def _now() -> str:
    return timezone.now().isoformat()


def _mark_begun(state: dict[str, Any], lease: Lease) -> None:
    state["started_at"] = state["started_at"] or timezone.now().isoformat()
    state.update(status="running", attempts=state["attempts"] + 1, note="")
    lease.begun = state["name"]


def _due(operation: Operation, error: NotYetError, pause: timedelta) -> Any:
    """When to look again: at once where a person came to look at one of many while its turn was at work."""
    now = timezone.now()
    if not isinstance(error, QuotaSpentError) or operation.lane != Operation.Lane.BULK:
        return now + pause
    return Case(When(lane=Operation.Lane.INTERACTIVE, then=Value(now)), default=Value(now + pause))


def _write_end(operation: Operation, token: str, status: str) -> None:
    """The row's outcome; and the person's token is gone."""
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


def _tell_end(operation: Operation, status: str) -> None:
    """What the outcome means for the subject, and the history."""
    kind = kind_of(operation)
    (kind.succeeded if status == Operation.Status.SUCCEEDED else kind.failed)(operation)
    told = {"message": operation.message, "code": operation.error_code}
    _history(operation, f"{operation.kind}.{status}", {name: value for name, value in told.items() if value})


def _history(operation: Operation, action: str, after: dict[str, Any]) -> None:
    audit.record(action, actor=audit.WORKER, subject=about(operation), operation_id=operation.pk, after=after)
