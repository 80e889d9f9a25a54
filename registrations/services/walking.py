"""Walking: a worker's turn with one operation. It walks the steps, and commits the outcome of each before the next begins.

Every write is guarded by the lease; the network is used between the commits, never inside one.
"""

import contextlib
import logging
import secrets
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.db import DatabaseError, DataError, IntegrityError, InterfaceError
from django.utils import timezone

from registrations import connections
from registrations.clients.rate_limit import limiter
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
from registrations.services import kinds, leases, outcomes, turns
from registrations.services.kinds import Step
from registrations.services.leases import Lease, LeaseLostError

logger = logging.getLogger(__name__)

FRESH_GRANT = timedelta(minutes=5)  # from the first refusal: a grant, or a new object, is still being copied
LONGEST_TURN = timedelta(minutes=2)  # then others get the worker; far below Celery's time limit
AGAIN = {
    "status": "pending",
    "attempts": 0,
    "started_at": None,
    "ended_at": None,
    "note": "",
    "uncounted": 0,
    "refused_at": None,
    "waits_since": None,
}

MISTAKES = (DataError, IntegrityError)  # of ours: another attempt would meet them again
DATABASE_TROUBLE = (DatabaseError, InterfaceError)  # all others: away, restarted, a write that was refused


def run(operation_id: Any) -> bool:
    """Claim the operation and walk its steps until it ends or must wait. False where it was not ours to take."""
    token, before = secrets.token_hex(16), time.monotonic()
    if leases.is_stopping() or not Operation.objects.claim(operation_id, token, timezone.now(), leases.LEASE):
        return False
    operation = Operation.objects.get(pk=operation_id)
    with leases.held(operation.pk, token, before) as lease, _lane(operation), _connections(operation), turns.turn():
        try:
            _walk(operation, lease)
        except LeaseLostError:
            logger.warning("Operation %s is another worker's now.", operation_id)
        except DATABASE_TROUBLE as error:
            if isinstance(error, MISTAKES):
                logger.exception("Operation %s broke outside its steps.", operation_id)
                outcomes.abandon(operation, token)
            else:
                outcomes.try_later(operation, token, error)
        except Exception:
            # The last resort: an operation never hangs or loops because of a mistake of ours.
            logger.exception("Operation %s broke outside its steps.", operation_id)
            outcomes.abandon(operation, token)
    return True


@contextlib.contextmanager
def _lane(operation: Operation) -> Iterator[None]:
    """Calls to Microsoft made within leave a reserve to people, where the operation is part of a bulk job."""
    before, paid_before = limiter.is_bulk.set(operation.lane == Operation.Lane.BULK), limiter.prepaid.set({})
    try:
        yield
    finally:
        limiter.is_bulk.reset(before)
        limiter.prepaid.reset(paid_before)


def _connections(operation: Operation) -> contextlib.AbstractContextManager[None]:
    """One of many may use the token of the one before; a step that is tried again wants one that knows the newest grants."""
    step = operation.current_step
    is_first_try = step is None or step["attempts"] == 0
    return connections.reuse(is_bulk=operation.lane == Operation.Lane.BULK and is_first_try)


def fresh(step: Step) -> dict[str, Any]:
    """A step that nobody has begun."""
    return {"name": step.name, "title": step.title, "request_id": "", **AGAIN}


def _walk(operation: Operation, lease: Lease) -> None:
    kind = kinds.known.get(operation.kind)
    if kind is None:
        outcomes.leave_to_others(operation, lease.token)
        return
    try:
        # An update may have brought a step that the row does not know yet.
        known = {state["name"]: state for state in operation.steps}
        operation.steps = [known.get(step.name) or fresh(step) for step in kind.steps]
        if operation.current_step:
            outcomes.do_not_count_idle(operation, operation.current_step)
        if kind.before_bulk_turn and limiter.is_bulk.get():
            kind.before_bulk_turn(operation)
        for step in kind.steps:
            if outcomes.state_of(operation, step.name)["status"] == "done":
                continue
            if _must_stop(lease):
                outcomes.hand_back(operation, lease)
                return
            if not _attempt(operation, step, lease):
                return
        if operation.is_live:  # a last step that can be repeated ends the operation in its own commit
            outcomes.close(operation, lease.token, Operation.Status.SUCCEEDED)
    except WrongStateError as refusal:
        outcomes.fail(operation, lease.token, refusal)
    except QuotaSpentError as wait:
        outcomes.wait_for_turn(operation, lease.token, wait)


def _attempt(operation: Operation, step: Step, lease: Lease) -> bool:
    """Run one step and commit its outcome; False where the operation now waits or has failed."""
    state = outcomes.state_of(operation, step.name)
    if lease.begun != step.name:
        if state["status"] == "running" and outcomes.is_overdue(state):  # it kills its worker, again and again
            outcomes.fail(operation, lease.token, PortalError(f'The step "{step.title}" {outcomes.TOO_LONG}'))
            return False
        outcomes.begin_step(operation, state, lease)
    try:
        note = _perform(operation, step, lease)
        outcomes.end_step(operation, step, note, lease, goes_on=not _must_stop(lease))
    except (LeaseLostError, *DATABASE_TROUBLE) as error:
        if not isinstance(error, MISTAKES):
            raise
        logger.exception("Step %s of operation %s broke.", step.name, operation.pk)
        outcomes.fail_unknown(operation, step, lease.token)
    except EnvelopeError as error:
        key_needed = PersonNeededError(f"{error} Then resume.", who="staff", code="key_missing")
        outcomes.wait_for_person(operation, lease.token, state, key_needed)
    except PortalError as error:
        _bear(operation, lease.token, state, error)
    except Exception:
        logger.exception("Step %s of operation %s broke.", step.name, operation.pk)
        outcomes.fail_unknown(operation, step, lease.token)
    else:
        return True
    return False


def _perform(operation: Operation, step: Step, lease: Lease) -> str:
    try:
        return step.run(operation) or ""
    except LeaseLostError:
        raise  # and writes nothing more
    except Exception:
        outcomes.keep_writes(operation, lease.token)
        raise


def _may_be_fresh(state: dict[str, Any]) -> bool:
    state["refused_at"] = state.get("refused_at") or timezone.now().isoformat()
    return outcomes.since(state["refused_at"]) <= FRESH_GRANT


def _must_stop(lease: Lease) -> bool:
    return leases.is_stopping() or time.monotonic() - lease.began > LONGEST_TURN.total_seconds()


def _bear(operation: Operation, token: str, state: dict[str, Any], error: PortalError) -> None:
    """What each refusal of a step means for the operation."""
    if isinstance(error, RemoteRejectedError):
        connections.forget_cached()  # what is missing may be granted soon: the next turn needs a token that knows
    if isinstance(error, PersonNeededError):
        outcomes.wait_for_person(operation, token, state, error)
    elif isinstance(error, NotYetError):
        outcomes.put_back(operation, token, state, error)
    elif isinstance(error, NotPermittedError) and _may_be_fresh(state):
        # A refused permission may be a grant that is still being copied: ask for a while before believing it.
        outcomes.put_back(
            operation, token, state, NotYetError(str(error), code=error.code, request_id=error.request_id)
        )
    else:
        outcomes.fail(operation, token, error)
