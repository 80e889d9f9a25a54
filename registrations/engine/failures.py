"""What a run does about errors that nobody expected: a database that refuses a write, or a mistake of ours."""

import logging
from collections.abc import Callable

from django.utils import timezone

from registrations import audit
from registrations.engine import lease as leases
from registrations.engine import retry_schedule, transitions
from registrations.engine.lease import LeaseLostError
from registrations.engine.registry import Step, kind_of
from registrations.errors import PortalError
from registrations.models import Operation

logger = logging.getLogger(__name__)

UNKNOWN = "unknown"  # the error code of a mistake of ours


def retry_later(operation: Operation, token: str, error: Exception) -> None:
    """The database refused a write and perhaps takes this one. If not, the lease expires and another worker continues."""
    logger.warning("The database refused operation %s a write: %s", operation.pk, type(error).__name__)
    current = operation.current_step
    pause = retry_schedule.pause_after(current.attempts if current else 0)
    try:
        leases.require(token)
    except LeaseLostError:
        logger.warning("Another worker has operation %s now.", operation.pk)
        return
    with audit.atomic(durable=True):
        Operation.objects.held(operation.pk, token).update(
            status=Operation.Status.WAITING,
            next_attempt_at=timezone.now() + pause,
            lease="",
            leased_until=None,
            message="The database did not accept a write. SyncPortal tries again by itself.",
            error_code="database",
        )


def fail_unknown(operation: Operation, step: Step, token: str) -> None:
    """A mistake of ours in a step: the log has the traceback."""
    sentence = (
        f'The step "{step.title}" met an error SyncPortal does not know. The log has it under {operation.pk}. '
        "Resume once it is fixed."
    )
    transitions.fail(operation, token, PortalError(sentence, code=UNKNOWN))


def abandon(operation: Operation, token: str) -> None:
    """Fail the row, whatever has just broken, then inform the kind if possible. The log has the traceback.

    The last resort: it raises nothing. If the database refuses this write too, the lease expires and another worker
    continues.
    """
    message = f"SyncPortal met an error it does not know. The log has it under {operation.pk}. Resume once it is fixed."
    try:
        with audit.atomic(durable=True):
            transitions.write(
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
        logger.warning("Another worker has operation %s now.", operation.pk)
    except Exception:
        logger.exception("Operation %s could not be failed.", operation.pk)
    else:
        after = {"message": message, "code": UNKNOWN}
        _try(operation, lambda: transitions.record(operation, f"{operation.kind}.failed", after))
        _try(operation, lambda: kind_of(operation).failed(operation))


def _try(operation: Operation, report: Callable[[], None]) -> None:
    """In a transaction of its own: history or kind may be what has just broken, and the failed row must stay."""
    try:
        with audit.atomic(durable=True):
            failed = Operation.objects.select_for_update(no_key=True).filter(status=Operation.Status.FAILED)
            if failed.filter(pk=operation.pk).first():  # otherwise somebody has resumed it already
                report()
    except Exception:
        logger.exception("The failure of operation %s could not be reported.", operation.pk)
