"""Walking: a worker's turn with one operation. It walks the steps, and commits the outcome of each before the next begins.

Every write is guarded by the lease; the network is used between the commits, never inside one.
"""

import contextlib
import copy
import logging
import secrets
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from django.db import DatabaseError, DataError, IntegrityError, InterfaceError, transaction
from django.db.models import Case, Value, When
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from registrations import connections
from registrations.clients import budget
from registrations.encryption import EnvelopeError
from registrations.errors import (
    NotPermittedError,
    NotYetError,
    PersonNeededError,
    PortalError,
    QuotaSpentError,
    RemoteRejectedError,
    WrongStateError,
)
from registrations.models import Operation
from registrations.services import audit, leases, turns
from registrations.services.kinds import Step, about, kind_of
from registrations.services.leases import Lease, LeaseLostError

logger = logging.getLogger(__name__)

FIRST_PAUSE = timedelta(seconds=2)
LONGEST_PAUSE = timedelta(minutes=1)
FRESH_GRANT = timedelta(minutes=2)
LONGEST_TURN = timedelta(minutes=2)  # then others get the worker; far below Celery's time limit
TOO_LONG = "was tried for two hours. Look at what it needs, then resume."
AGAIN = {"status": "pending", "attempts": 0, "started_at": None, "ended_at": None, "note": ""}
GIVE_UP_AFTER = timedelta(hours=2)  # for one step; replication takes minutes, a UMP's maintenance longer

MISTAKES = (DataError, IntegrityError)  # of ours: another attempt would meet them again
DATABASE_TROUBLE = (DatabaseError, InterfaceError)  # all others: away, restarted, a write that was refused


def run(operation_id: Any) -> bool:
    """Claim the operation and walk its steps until it ends or must wait. False where it was not ours to take."""
    token = secrets.token_hex(16)
    if leases.is_stopping() or not Operation.objects.claim(operation_id, token, timezone.now(), leases.LEASE):
        return False
    operation = Operation.objects.get(pk=operation_id)
    with leases.held(operation.pk, token) as lease, _lane(operation), _connections(operation), turns.turn():
        try:
            _walk(operation, lease)
        except LeaseLostError:
            logger.warning("Operation %s is another worker's now.", operation_id)
        except DATABASE_TROUBLE as error:
            if isinstance(error, MISTAKES):
                logger.exception("Operation %s broke outside its steps.", operation_id)
                _abandon(operation, token)
            else:
                _try_later(operation, token, error)
        except Exception:
            # The last resort: an operation never hangs or loops because of a mistake of ours.
            logger.exception("Operation %s broke outside its steps.", operation_id)
            _abandon(operation, token)
    return True


@contextlib.contextmanager
def _lane(operation: Operation) -> Iterator[None]:
    """Calls to Microsoft made within leave a reserve to people, where the operation is part of a bulk job."""
    before, paid_before = budget.is_bulk.set(operation.lane == Operation.Lane.BULK), budget.prepaid.set({})
    try:
        yield
    finally:
        budget.is_bulk.reset(before)
        budget.prepaid.reset(paid_before)


def _connections(operation: Operation) -> contextlib.AbstractContextManager[None]:
    """One of many may use the token of the one before; a step that is tried again wants one that knows the newest grants."""
    step = operation.current_step
    is_first_try = step is None or step["attempts"] == 0
    return connections.turn(keeps_own_tokens=operation.lane == Operation.Lane.BULK and is_first_try)


def write(operation: Operation, token: str, /, **values: Any) -> None:
    """Write under the lease. Raises LeaseLostError where another worker has it, or a person ended the operation."""
    if Operation.objects.held(operation.pk, token).update(**values) != 1:
        raise LeaseLostError
    for name, value in values.items():
        setattr(operation, name, value)


def fresh(step: Step) -> dict[str, Any]:
    """A step that nobody has begun."""
    return {"name": step.name, "title": step.title, "request_id": "", **AGAIN}


def _walk(operation: Operation, lease: Lease) -> None:
    try:
        kind = kind_of(operation)
        # An update may have brought a step that the row does not know yet.
        known = {state["name"]: state for state in operation.steps}
        operation.steps = [known.get(step.name) or fresh(step) for step in kind.steps]
        if kind.before_bulk_turn and budget.is_bulk.get():
            kind.before_bulk_turn(operation)
        for step in kind.steps:
            if _state(operation, step.name)["status"] == "done":
                continue
            if _must_stop(lease):
                _hand_back(operation, lease)
                return
            if not _attempt(operation, step, lease):
                return
        if operation.is_live:  # a step that was the last one has closed it in its own commit
            _close(operation, lease.token, Operation.Status.SUCCEEDED)
    except WrongStateError as refusal:
        _fail(operation, lease.token, refusal)
    except QuotaSpentError as wait:
        _wait_for_turn(operation, lease.token, wait)


def _attempt(operation: Operation, step: Step, lease: Lease) -> bool:
    """Run one step and commit its outcome; False where the operation now waits or has failed."""
    state = _state(operation, step.name)
    if lease.begun != step.name:
        if _overdue(state):
            _fail(operation, lease.token, PortalError(f'The step "{step.title}" {TOO_LONG}'))
            return False
        _begin(operation, state, lease)
    try:
        _finish(operation, step, _run(operation, step, lease), lease)
    except (LeaseLostError, *DATABASE_TROUBLE) as error:
        if not isinstance(error, MISTAKES):
            raise
        logger.exception("Step %s of operation %s broke.", step.name, operation.pk)
        _fail_unknown(operation, step, lease.token)
    except EnvelopeError as error:
        key_needed = PersonNeededError(f"{error} Then resume.", who="staff", code="key_missing")
        _wait_for_person(operation, lease.token, state, key_needed)
    except PortalError as error:
        _bear(operation, lease.token, state, error)
    except Exception:
        logger.exception("Step %s of operation %s broke.", step.name, operation.pk)
        _fail_unknown(operation, step, lease.token)
    else:
        return True
    return False


def _run(operation: Operation, step: Step, lease: Lease) -> str:
    try:
        return step.run(operation) or ""
    except Exception:
        # What it had done before it was refused is kept: whoever looks next must see it.
        writes = turns.writes_of_step()
        if writes:
            with transaction.atomic(durable=True), audit.together():
                write(operation, lease.token, leased_until=timezone.now() + leases.LEASE)
                _write_all(writes)
        raise


def _must_stop(lease: Lease) -> bool:
    return leases.is_stopping() or time.monotonic() - lease.began > LONGEST_TURN.total_seconds()


def _mark_begun(state: dict[str, Any], lease: Lease) -> None:
    state["started_at"] = state["started_at"] or timezone.now().isoformat()
    state.update(status="running", attempts=state["attempts"] + 1, note="")
    lease.begun = state["name"]


def _begin(operation: Operation, state: dict[str, Any], lease: Lease) -> None:
    now = timezone.now()
    _mark_begun(state, lease)
    with transaction.atomic(durable=True):
        write(
            operation, lease.token, steps=operation.steps, leased_until=now + leases.LEASE,
            started_at=operation.started_at or now,
        )  # fmt: skip
    lease.step_begins()


def _finish(operation: Operation, step: Step, note: str, lease: Lease) -> None:
    """Commit a step's end: with what it wrote, and with the beginning of the step that follows, or the operation's end."""
    before, operation.steps = operation.steps, copy.deepcopy(operation.steps)
    now = timezone.now()
    _state(operation, step.name).update(status="done", ended_at=now.isoformat(), note=note)
    operation.message = operation.error_code = ""
    following = operation.current_step
    if following and not _overdue(following) and not _must_stop(lease):
        _mark_begun(following, lease)
    try:
        with transaction.atomic(durable=True), audit.together():
            if following:
                write(
                    operation, lease.token, steps=operation.steps, leased_until=now + leases.LEASE, message="",
                    error_code="",
                )  # fmt: skip
            else:
                _write_end(operation, lease.token, Operation.Status.SUCCEEDED)
            _write_all(turns.writes_of_step())
            _history(operation, f"{operation.kind}.{step.name}.done", {"note": note} if note else {})
            if not following:
                _tell_end(operation, Operation.Status.SUCCEEDED)
    except Exception:
        operation.steps = before  # as the row still says
        raise
    lease.step_begins()


def _write_all(writes: list[Callable[[], object]]) -> None:
    for each in writes:
        each()


def _bear(operation: Operation, token: str, state: dict[str, Any], error: PortalError) -> None:
    """What each refusal of a step means for the operation."""
    if isinstance(error, RemoteRejectedError):
        connections.forget_tokens()  # what is missing may be granted soon: the next turn needs a token that knows
    if isinstance(error, PersonNeededError):
        _wait_for_person(operation, token, state, error)
    elif isinstance(error, NotYetError):
        _put_back(operation, token, state, error)
    elif isinstance(error, NotPermittedError) and _span(state) <= FRESH_GRANT:
        # A refused permission may be a grant that is still being copied: ask for a while before believing it.
        _put_back(operation, token, state, NotYetError(str(error), code=error.code, request_id=error.request_id))
    else:
        _fail(operation, token, error)


def _put_back(operation: Operation, token: str, state: dict[str, Any], error: NotYetError) -> None:
    if isinstance(error, QuotaSpentError):
        state["attempts"] -= 1  # a planned wait is no failed attempt, and its time does not count
        state["started_at"] = state["started_at"] if state["attempts"] else None
    elif _overdue(state):
        _fail(operation, token, PortalError(f"{error} It {TOO_LONG}", code=error.code, request_id=error.request_id))
        return
    pause = error.retry_after or min(FIRST_PAUSE * 2 ** min(max(state["attempts"] - 1, 0), 10), LONGEST_PAUSE)
    state.update(status="waiting", note=str(error), request_id=error.request_id)
    with transaction.atomic(durable=True):
        write(
            operation, token, steps=operation.steps, status=Operation.Status.WAITING, message=str(error),
            error_code=error.code, next_attempt_at=_due(operation, error, pause), lease="", leased_until=None,
        )  # fmt: skip


def _wait_for_turn(operation: Operation, token: str, wait: QuotaSpentError) -> None:
    """Before the first call: nothing is begun, and the worker is free for another."""
    pause = wait.retry_after or FIRST_PAUSE
    with transaction.atomic(durable=True):
        write(
            operation, token, steps=operation.steps, status=Operation.Status.WAITING, message=str(wait),
            error_code=wait.code, next_attempt_at=_due(operation, wait, pause), lease="", leased_until=None,
        )  # fmt: skip


def _due(operation: Operation, error: NotYetError, pause: timedelta) -> Any:
    """When to look again: at once where a person came to look at one of many while its turn was at work."""
    now = timezone.now()
    if not isinstance(error, QuotaSpentError) or operation.lane != Operation.Lane.BULK:
        return now + pause
    return Case(When(lane=Operation.Lane.INTERACTIVE, then=Value(now)), default=Value(now + pause))


def _hand_back(operation: Operation, lease: Lease) -> None:
    """Between two steps: another worker goes on with the next one, which may be marked as begun already."""
    following = operation.current_step
    if following and following["name"] == lease.begun:
        attempts = following["attempts"] - 1
        following.update(status="waiting" if attempts else "pending", attempts=attempts)
        following["started_at"] = following["started_at"] if attempts else None
    with transaction.atomic(durable=True):
        write(
            operation, lease.token, steps=operation.steps, status=Operation.Status.QUEUED, next_attempt_at=timezone.now(), lease="",
            leased_until=None,
        )  # fmt: skip


def _try_later(operation: Operation, token: str, error: Exception) -> None:
    """The database did not take a write, and perhaps takes this one: if not, the lease runs out and another goes on."""
    logger.warning("The database refused operation %s a write: %s", operation.pk, type(error).__name__)
    current = operation.current_step
    pause = min(FIRST_PAUSE * 2 ** min(current["attempts"] if current else 0, 10), LONGEST_PAUSE)
    with transaction.atomic(durable=True):
        Operation.objects.held(operation.pk, token).update(
            status=Operation.Status.WAITING, next_attempt_at=timezone.now() + pause, lease="", leased_until=None,
            message="The database did not take a write. SyncPortal tries again by itself.", error_code="database",
        )  # fmt: skip


def _wait_for_person(operation: Operation, token: str, state: dict[str, Any], needed: PersonNeededError) -> None:
    waits_already = operation.message == str(needed)
    state.update(status="waiting", note=str(needed), started_at=None)  # a person's time does not count as ours
    next_attempt_at = timezone.now() + needed.look_again if needed.look_again else None
    with transaction.atomic(durable=True):
        write(
            operation, token, steps=operation.steps, status=Operation.Status.WAITING, message=str(needed),
            error_code=needed.code, waits_for=needed.who, next_attempt_at=next_attempt_at, lease="", leased_until=None,
        )  # fmt: skip
        if not waits_already:
            _history(operation, f"{operation.kind}.waiting", {"waits_for": needed.who, "reason": str(needed)})


def _fail_unknown(operation: Operation, step: Step, token: str) -> None:
    sentence = f'The step "{step.title}" met an error SyncPortal does not know. The log has it under {operation.pk}.'
    _fail(operation, token, PortalError(sentence))


def _fail(operation: Operation, token: str, error: PortalError) -> None:
    current = operation.current_step
    if current:
        current.update(
            status="failed", ended_at=timezone.now().isoformat(), note=str(error), request_id=error.request_id
        )
    parting = kind_of(operation).before_failing
    said = parting(operation) if parting else ""
    operation.message, operation.error_code = f"{error} {said}".strip(), error.code
    _close(operation, token, Operation.Status.FAILED)


def _close(operation: Operation, token: str, status: str) -> None:
    """The last commit, where no step makes it: outcome, what it means for the subject, history."""
    with transaction.atomic(durable=True), audit.together():
        _write_end(operation, token, status)
        _tell_end(operation, status)


def _write_end(operation: Operation, token: str, status: str) -> None:
    """The row's outcome; and the person's token is gone."""
    write(
        operation, token, steps=operation.steps, status=status, message=operation.message,
        error_code=operation.error_code, ended_at=timezone.now(), next_attempt_at=None, lease="",
        leased_until=None, credential_envelope="", credential_expires_at=None,
    )  # fmt: skip


def _tell_end(operation: Operation, status: str) -> None:
    """What the outcome means for the subject, and the history."""
    kind = kind_of(operation)
    (kind.succeeded if status == Operation.Status.SUCCEEDED else kind.failed)(operation)
    told = {"message": operation.message, "code": operation.error_code}
    _history(operation, f"{operation.kind}.{status}", {name: value for name, value in told.items() if value})


def _abandon(operation: Operation, token: str) -> None:
    """Fail the row and nothing else: whatever would be said to its subject has just broken. The log has the traceback."""
    with transaction.atomic(durable=True):
        Operation.objects.held(operation.pk, token).update(
            status=Operation.Status.FAILED, ended_at=timezone.now(), next_attempt_at=None, lease="", leased_until=None,
            credential_envelope="", credential_expires_at=None, error_code="unknown",
            message=f"SyncPortal met an error it does not know. The log has it under {operation.pk}. Resume once it is mended.",
        )  # fmt: skip


def _span(state: dict[str, Any]) -> timedelta:
    """How long the step has been tried."""
    started_at = parse_datetime(state["started_at"]) if state["started_at"] else None
    return timezone.now() - started_at if started_at else timedelta()


def _overdue(state: dict[str, Any]) -> bool:
    return _span(state) > GIVE_UP_AFTER


def _history(operation: Operation, action: str, after: dict[str, Any]) -> None:
    audit.record(action, actor=audit.WORKER, subject=about(operation), operation_id=operation.pk, after=after)


def _state(operation: Operation, name: str) -> dict[str, Any]:
    state: dict[str, Any] = next(step for step in operation.steps if step["name"] == name)
    return state
