"""The runner: a worker's run of one operation. It runs the steps, and commits the outcome of each before the next begins.

Every write is guarded by the lease. The network is used between the commits, never inside one.
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
from registrations.engine import failures, registry, retry_schedule, shutdown, transitions
from registrations.engine import lease as leases
from registrations.engine.lease import Lease, LeaseLostError
from registrations.engine.registry import Kind, Step
from registrations.engine.run_context import run_context
from registrations.errors import (
    NotPermittedError,
    NotYetError,
    PersonNeededError,
    PortalError,
    QuotaSpentError,
    RemoteRejectedError,
    StartOverError,
    UnexplainedRefusalError,
    WrongStateError,
)
from registrations.models import Operation
from registrations.models.steps import StepState, StepStatus

logger = logging.getLogger(__name__)

LONGEST_RUN = timedelta(minutes=2)  # then other operations get the worker; far below Celery's time limit

MISTAKES = (DataError, IntegrityError)  # of ours: another attempt would meet them again
PASSING = (NotPermittedError, UnexplainedRefusalError)  # refusals that may end by themselves within minutes
DATABASE_ERRORS = (DatabaseError, InterfaceError)  # all others: away, restarted, a write that was refused


def run(operation_id: Any) -> bool:
    """Claim the operation and run its steps until it ends or must wait. False if it could not be claimed."""
    token, before = secrets.token_hex(16), time.monotonic()
    if shutdown.is_stopping() or not Operation.objects.claim(operation_id, token, timezone.now(), leases.DURATION):
        return False
    operation = Operation.objects.get(pk=operation_id)
    with leases.hold(operation.pk, token, before) as lease, _rate_limit(operation), _reuse(operation), run_context():
        try:
            _run_steps(operation, lease)
        except LeaseLostError:
            logger.warning("Another worker has operation %s now.", operation_id)
        except DATABASE_ERRORS as error:
            if isinstance(error, MISTAKES):
                logger.exception("Operation %s broke outside its steps.", operation_id)
                failures.abandon(operation, token)
            else:
                failures.retry_later(operation, token, error)
        except Exception:
            # The last resort: an operation never hangs or loops because of a mistake of ours.
            logger.exception("Operation %s broke outside its steps.", operation_id)
            failures.abandon(operation, token)
    return True


def fresh(step: Step) -> StepState:
    """The state of a step that was never tried."""
    return StepState(step.name, step.title)


@contextlib.contextmanager
def _rate_limit(operation: Operation) -> Iterator[None]:
    """Calls to Microsoft made within leave a reserve to interactive work, if the operation is part of a bulk job."""
    is_bulk = operation.priority == Operation.Priority.BULK
    before, paid_before = limiter.is_bulk.set(is_bulk), limiter.prepaid.set({})
    try:
        yield
    finally:
        limiter.is_bulk.reset(before)
        limiter.prepaid.reset(paid_before)


def _reuse(operation: Operation) -> contextlib.AbstractContextManager[None]:
    """A bulk operation may use cached tokens; a step that is tried again needs one that has the newest grants."""
    step = operation.current_step
    is_first_try = step is None or step.attempts == 0
    return connections.reuse(is_bulk=operation.priority == Operation.Priority.BULK and is_first_try)


def _run_steps(operation: Operation, lease: Lease) -> None:
    kind = registry.kinds.get(operation.kind)
    if kind is None:
        transitions.leave_to_newer_workers(operation, lease.token)
        return
    try:
        _prepare(operation, kind)
        for step in kind.steps:
            if operation.step(step.name).is_done:
                continue
            if _must_stop(lease):
                transitions.hand_back(operation, lease)
                return
            if not _attempt(operation, step, lease):
                return
        if operation.is_live:  # a repeatable last step ends the operation in its own commit
            transitions.close(operation, lease.token, Operation.Status.SUCCEEDED)
    except WrongStateError as refusal:
        transitions.fail(operation, lease.token, refusal)
    except QuotaSpentError as error:
        transitions.wait_for_quota(operation, lease.token, error)


def _prepare(operation: Operation, kind: Kind) -> None:
    # An update may have brought a step that the row does not know yet.
    known = {state.name: state for state in operation.steps}
    operation.steps = [known.get(step.name) or fresh(step) for step in kind.steps]
    if operation.current_step and operation.next_attempt_at:
        # No worker came since it was due, or since a dead worker's lease expired: that outage is no attempt.
        retry_schedule.leave_out(operation.current_step, timezone.now() - operation.next_attempt_at)
    if kind.before_bulk_run and limiter.is_bulk.get():
        kind.before_bulk_run(operation)


def _attempt(operation: Operation, step: Step, lease: Lease) -> bool:
    """Run one step and commit its outcome; False if the operation now waits or has failed."""
    state = operation.step(step.name)
    if lease.started_step != step.name:
        if state.status == StepStatus.RUNNING and retry_schedule.is_overdue(state):  # it kills its worker each time
            too_long = PortalError(f'The step "{step.title}" {transitions.TOO_LONG}')
            transitions.fail(operation, lease.token, too_long)
            return False
        transitions.begin_step(operation, state, lease)
    try:
        note = _perform(operation, step, lease)
        transitions.end_step(operation, step, note, lease, continues=not _must_stop(lease))
    except (LeaseLostError, *DATABASE_ERRORS) as error:
        if not isinstance(error, MISTAKES):
            raise
        logger.exception("Step %s of operation %s broke.", step.name, operation.pk)
        failures.fail_unknown(operation, step, lease.token)
    except EnvelopeError as error:
        key_needed = PersonNeededError(f"{error} Then resume.", who="staff", code="key_missing")
        transitions.wait_for_person(operation, lease.token, state, key_needed)
    except PortalError as error:
        _handle_error(operation, lease.token, state, error)
    except Exception:
        logger.exception("Step %s of operation %s broke.", step.name, operation.pk)
        failures.fail_unknown(operation, step, lease.token)
    else:
        return True
    return False


def _perform(operation: Operation, step: Step, lease: Lease) -> str:
    try:
        return step.run(operation) or ""
    except LeaseLostError:
        raise  # and write nothing more
    except Exception:
        transitions.commit_deferred_writes(operation, lease.token)
        raise


def _must_stop(lease: Lease) -> bool:
    return shutdown.is_stopping() or time.monotonic() - lease.began > LONGEST_RUN.total_seconds()


def _handle_error(operation: Operation, token: str, step: StepState, error: PortalError) -> None:
    """What each refusal of a step means for the operation."""
    if isinstance(error, RemoteRejectedError):
        connections.forget_cached()  # what is missing may be granted soon: the next run needs a token that has it
    if isinstance(error, PersonNeededError):
        transitions.wait_for_person(operation, token, step, error)
    elif isinstance(error, StartOverError):
        transitions.start_over(operation, token, step, error)
    elif isinstance(error, NotYetError):
        transitions.put_back(operation, token, step, error)
    elif isinstance(error, PASSING) and retry_schedule.may_be_replicating(step):
        # A refused permission may be a grant that is still being copied, and what names no cause may pass: try for a while.
        said = getattr(error, "meanwhile", None) or error
        not_yet = NotYetError(str(said), code=said.code, answer=said.answer)
        transitions.put_back(operation, token, step, not_yet)
    else:
        transitions.fail(operation, token, error)
