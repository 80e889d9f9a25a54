"""The engine: request, claim, walk, put back, fail, resume. It knows steps, not what they mean.

The row is the queue. A worker holds a lease; every write it makes is guarded by that lease; every step is committed
before the next begins; the network is used between those commits, never inside one.
"""

import logging
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, models, transaction
from django.db import OperationalError as DatabaseUnavailableError
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from registrations.encryption import EnvelopeError
from registrations.errors import NotPermittedError, NotYetError, PersonNeededError, PortalError, WrongStateError
from registrations.models import Operation
from registrations.services import audit

logger = logging.getLogger(__name__)

LEASE = timedelta(minutes=5)
FIRST_PAUSE = timedelta(seconds=2)
LONGEST_PAUSE = timedelta(minutes=1)
FRESH_GRANT = timedelta(minutes=2)
TOO_LONG = "was tried for two hours. Look at what it needs, then resume."
INSTANCE_NOTE = "instance"  # a note: the UMP instance whose address must not change while the operation lives
AGAIN = {"status": "pending", "attempts": 0, "started_at": None, "ended_at": None, "note": ""}
GIVE_UP_AFTER = timedelta(hours=2)  # for one step; replication takes minutes, a UMP's maintenance longer


@dataclass(frozen=True)
class Step:
    """One repeatable act. `run` looks before it acts; what it returns is a note for people."""

    name: str
    title: str
    run: Callable[[Operation], str | None]


@dataclass(frozen=True)
class Kind:
    """A kind of operation: its steps, and what its end means for its subject.

    `succeeded` and `failed` are called inside the closing transaction.
    """

    name: str
    title: str
    steps: tuple[Step, ...]
    subject: type[models.Model]
    succeeded: Callable[[Operation], None]
    failed: Callable[[Operation], None]
    before_failing: Callable[[Operation], str] | None = None  # may use the network; what it returns is said to people


_kinds: dict[str, Kind] = {}


def register(kind: Kind) -> None:
    """Make a kind known; the app that owns its steps calls this once, when it is ready."""
    _kinds[kind.name] = kind


def kind_of(operation: Operation) -> Kind:
    """The kind of an operation. Raises WrongStateError for a kind that no app registered."""
    try:
        return _kinds[operation.kind]
    except KeyError:
        raise WrongStateError(f"Operations of kind {operation.kind!r} are not known to this version.") from None


def subject_of(operation: Operation) -> Any:
    """The row that the operation is about, read afresh. Raises WrongStateError where it is gone."""
    subject = kind_of(operation).subject._default_manager.filter(pk=operation.subject_id).first()
    if subject is None:
        raise WrongStateError(f"{operation.subject_label} does not exist any more.")
    return subject


def request(
    kind_name: str,
    subject: models.Model,
    *,
    actor: audit.Actor,
    user: Any = None,
    notes: dict[str, Any] | None = None,
    credential: tuple[str, datetime] | None = None,
) -> Operation:
    """Write a queued operation and its history entry in one transaction.

    Raises WrongStateError where the subject has a live operation already: a double click is a message, not a duplicate.
    """
    kind = _kinds[kind_name]
    operation = Operation(
        kind=kind.name,
        subject_type=subject._meta.model_name or "",
        subject_id=subject.pk,
        subject_label=str(subject),
        steps=[_fresh(step) for step in kind.steps],
        notes=notes or {},
        next_attempt_at=timezone.now(),
        requested_by=user,
        requested_by_label=actor.label,
    )
    if credential:
        operation.seal("credential_envelope", credential[0])
        operation.credential_expires_at = credential[1]
    try:
        with transaction.atomic():
            operation.save(force_insert=True)
            audit.record(f"{kind.name}.requested", actor=actor, subject=subject, operation_id=operation.pk)
    except IntegrityError:
        raise WrongStateError(
            f"{subject} has an operation that has not ended yet. Open it to see what it waits for."
        ) from None
    return operation


def run(operation_id: Any) -> bool:
    """Claim the operation and walk its steps until it ends or must wait. False where it was not ours to take."""
    lease = secrets.token_hex(16)
    if not Operation.objects.claim(operation_id, lease, timezone.now(), LEASE):
        return False
    operation = Operation.objects.get(pk=operation_id)
    try:
        _walk(operation, lease)
    except _LeaseLostError:
        logger.warning("Operation %s was taken over by another worker.", operation_id)
    except DatabaseUnavailableError:
        raise  # nothing can be written now: the lease runs out, and the next worker goes on
    except Exception:
        # The last resort: an operation never hangs or loops because of a mistake of ours. The log has the traceback.
        logger.exception("Operation %s broke outside its steps.", operation_id)
        _abandon(operation, lease)
    return True


def due(limit: int = 200) -> list[Any]:
    """Ids of operations whose time has come, oldest first."""
    return list(Operation.objects.due(timezone.now()).order_by("next_attempt_at").values_list("pk", flat=True)[:limit])


def pause_of(operation_id: Any) -> timedelta | None:
    """How long until a waiting operation is due; None where it waits for a person alone, or does not wait."""
    row = Operation.objects.filter(pk=operation_id, status=Operation.Status.WAITING)
    next_attempt_at = row.values_list("next_attempt_at", flat=True).first()
    return max(next_attempt_at - timezone.now(), timedelta()) if next_attempt_at else None


def resume(operation: Operation, *, actor: audit.Actor) -> None:
    """Queue a failed or waiting operation again, at the step where it stopped. Raises WrongStateError otherwise."""
    with transaction.atomic():
        # The row's own steps, not the caller's copy: a worker may have finished some since the page was opened.
        current = Operation.objects.select_for_update().get(pk=operation.pk)
        steps = [_fresh_again(step) for step in current.steps]
        try:
            with transaction.atomic():
                changed = Operation.objects.filter(
                    pk=operation.pk, status__in=[Operation.Status.FAILED, Operation.Status.WAITING]
                ).update(
                    status=Operation.Status.QUEUED, next_attempt_at=timezone.now(), message="", error_code="",
                    waits_for="", ended_at=None, steps=steps,
                )  # fmt: skip
        except IntegrityError:
            raise WrongStateError("A newer operation of the same subject has not ended yet.") from None
        if not changed:
            raise WrongStateError("Only a failed or waiting operation can be resumed.")
        audit.record(f"{operation.kind}.resumed", actor=actor, subject=subject_of(operation), operation_id=operation.pk)


def cancel(operation: Operation, *, actor: audit.Actor) -> None:
    """End a queued or waiting operation. Raises WrongStateError where it runs or has ended."""
    with transaction.atomic():
        changed = Operation.objects.filter(
            pk=operation.pk, status__in=[Operation.Status.QUEUED, Operation.Status.WAITING]
        ).update(
            status=Operation.Status.CANCELLED, ended_at=timezone.now(), next_attempt_at=None, waits_for="",
            credential_envelope="", credential_expires_at=None, message="Cancelled.",
        )  # fmt: skip
        if not changed:
            raise WrongStateError("The operation is at work or has ended: it cannot be cancelled now.")
        operation.refresh_from_db()
        kind_of(operation).failed(operation)
        audit.record(
            f"{operation.kind}.cancelled", actor=actor, subject=subject_of(operation), operation_id=operation.pk
        )


def reopened(steps: list[dict[str, Any]], *names: str) -> list[dict[str, Any]]:
    """The steps, with those of these names to be done again."""
    return [{**state, **AGAIN} if state["name"] in names else state for state in steps]


def wake(operations: Iterable[Operation]) -> list[Any]:
    """Make waiting operations due now, because what they waited for has happened. Returns their ids."""
    ids = [operation.pk for operation in operations]
    Operation.objects.filter(pk__in=ids, status=Operation.Status.WAITING).update(next_attempt_at=timezone.now())
    return ids


def keep_notes(operation: Operation, **values: Any) -> None:
    """Commit what later attempts must know even if this one dies, under the worker's lease."""
    with transaction.atomic(durable=True):
        # The row's own notes, not the copy in hand: staff may have ticked a hand-over group meanwhile.
        current = Operation.objects.select_for_update().get(pk=operation.pk)
        _write(operation, operation.lease, notes={**current.notes, **values})


def drop_credential(operation: Operation) -> None:
    """Delete the administrator's token under the worker's lease, in the caller's transaction."""
    _write(operation, operation.lease, credential_envelope="", credential_expires_at=None)


class _LeaseLostError(Exception):
    """Another worker took the operation over, or a person cancelled it."""


def _walk(operation: Operation, lease: str) -> None:
    try:
        kind = kind_of(operation)
        # An update may have brought a step that the row does not know yet.
        known = {state["name"]: state for state in operation.steps}
        operation.steps = [known.get(step.name) or _fresh(step) for step in kind.steps]
        for step in kind.steps:
            if _state(operation, step.name)["status"] != "done" and not _attempt(operation, step, lease):
                return
        _close(operation, lease, Operation.Status.SUCCEEDED)
    except WrongStateError as refusal:
        _fail(operation, lease, refusal)


def _abandon(operation: Operation, lease: str) -> None:
    """Fail the row and nothing else: whatever would be said to its subject has just broken."""
    with transaction.atomic(durable=True):
        Operation.objects.held(operation.pk, lease).update(
            status=Operation.Status.FAILED, ended_at=timezone.now(), next_attempt_at=None, lease="", leased_until=None,
            credential_envelope="", credential_expires_at=None, error_code="unknown",
            message=f"SyncPortal met an error it does not know. The log has it under {operation.pk}. Resume once it is mended.",
        )  # fmt: skip


def _attempt(operation: Operation, step: Step, lease: str) -> bool:
    """Run one step and commit its outcome; False where the operation now waits or has failed."""
    state = _state(operation, step.name)
    now = timezone.now()
    if _overdue(state):
        _fail(operation, lease, PortalError(f'The step "{step.title}" {TOO_LONG}'))
        return False
    state["started_at"] = state["started_at"] or now.isoformat()
    state.update(status="running", attempts=state["attempts"] + 1, note="")
    with transaction.atomic(durable=True):
        _write(
            operation, lease, steps=operation.steps, leased_until=now + LEASE, started_at=operation.started_at or now
        )
    try:
        note = step.run(operation)
    except PersonNeededError as needed:
        _wait_for_person(operation, lease, state, needed)
        return False
    except EnvelopeError as error:
        key_needed = PersonNeededError(f"{error} Then resume.", who="staff", code="key_missing")
        _wait_for_person(operation, lease, state, key_needed)
        return False
    except NotYetError as not_yet:
        _put_back(operation, lease, state, not_yet)
        return False
    except NotPermittedError as refusal:
        _bear_with(operation, lease, state, refusal)
        return False
    except PortalError as refusal:
        _fail(operation, lease, refusal)
        return False
    except (_LeaseLostError, DatabaseUnavailableError):
        raise
    except Exception:
        logger.exception("Step %s of operation %s broke.", step.name, operation.pk)
        _fail(
            operation,
            lease,
            PortalError(
                f'The step "{step.title}" met an error SyncPortal does not know. The log has it under {operation.pk}.'
            ),
        )
        return False
    state.update(status="done", ended_at=timezone.now().isoformat(), note=note or "")
    with transaction.atomic(durable=True):
        _write(operation, lease, steps=operation.steps, leased_until=timezone.now() + LEASE, message="")
        _history(operation, f"{operation.kind}.{step.name}.done", {"note": note} if note else {})
    return True


def _bear_with(operation: Operation, lease: str, state: dict[str, Any], refusal: NotPermittedError) -> None:
    """A refused permission may be a grant that is still being copied: ask for a while before believing it."""
    if timezone.now() - (parse_datetime(state["started_at"]) or timezone.now()) > FRESH_GRANT:
        _fail(operation, lease, refusal)
    else:
        _put_back(operation, lease, state, NotYetError(str(refusal), code=refusal.code, request_id=refusal.request_id))


def _put_back(operation: Operation, lease: str, state: dict[str, Any], error: NotYetError) -> None:
    now = timezone.now()
    if _overdue(state):
        _fail(operation, lease, PortalError(f"{error} It {TOO_LONG}", code=error.code, request_id=error.request_id))
        return
    backoff = min(FIRST_PAUSE * 2 ** min(state["attempts"] - 1, 10), LONGEST_PAUSE)
    state.update(status="waiting", note=str(error), request_id=error.request_id)
    with transaction.atomic(durable=True):
        _write(
            operation, lease, steps=operation.steps, status=Operation.Status.WAITING, message=str(error),
            error_code=error.code, next_attempt_at=now + (error.retry_after or backoff), lease="", leased_until=None,
        )  # fmt: skip


def _overdue(state: dict[str, Any]) -> bool:
    started_at = parse_datetime(state["started_at"]) if state["started_at"] else None
    return started_at is not None and timezone.now() - started_at > GIVE_UP_AFTER


def _wait_for_person(operation: Operation, lease: str, state: dict[str, Any], needed: PersonNeededError) -> None:
    waits_already = operation.message == str(needed)
    state.update(status="waiting", note=str(needed), started_at=None)  # a person's time does not count as ours
    next_attempt_at = timezone.now() + needed.look_again if needed.look_again else None
    with transaction.atomic(durable=True):
        _write(
            operation, lease, steps=operation.steps, status=Operation.Status.WAITING, message=str(needed),
            error_code=needed.code, waits_for=needed.who, next_attempt_at=next_attempt_at, lease="", leased_until=None,
        )  # fmt: skip
        if not waits_already:
            _history(operation, f"{operation.kind}.waiting", {"waits_for": needed.who, "reason": str(needed)})


def _fail(operation: Operation, lease: str, error: PortalError) -> None:
    current = operation.current_step
    if current:
        current.update(
            status="failed", ended_at=timezone.now().isoformat(), note=str(error), request_id=error.request_id
        )
    parting = kind_of(operation).before_failing
    said = parting(operation) if parting else ""
    operation.message, operation.error_code = f"{error} {said}".strip(), error.code
    _close(operation, lease, Operation.Status.FAILED)


def _close(operation: Operation, lease: str, status: str) -> None:
    """The last commit: outcome, what it means for the subject, history; and the person's token is gone."""
    kind = kind_of(operation)
    with transaction.atomic(durable=True):
        _write(
            operation, lease, steps=operation.steps, status=status, message=operation.message,
            error_code=operation.error_code, ended_at=timezone.now(), next_attempt_at=None, lease="",
            leased_until=None, credential_envelope="", credential_expires_at=None,
        )  # fmt: skip
        (kind.succeeded if status == Operation.Status.SUCCEEDED else kind.failed)(operation)
        _history(operation, f"{operation.kind}.{status}", {"message": operation.message} if operation.message else {})


def _history(operation: Operation, action: str, after: dict[str, Any]) -> None:
    audit.record(action, actor=audit.WORKER, subject=subject_of(operation), operation_id=operation.pk, after=after)


def _write(operation: Operation, lease: str, /, **values: Any) -> None:
    if Operation.objects.held(operation.pk, lease).update(**values) != 1:
        raise _LeaseLostError
    for name, value in values.items():
        setattr(operation, name, value)


def _state(operation: Operation, name: str) -> dict[str, Any]:
    state: dict[str, Any] = next(step for step in operation.steps if step["name"] == name)
    return state


def _fresh(step: Step) -> dict[str, Any]:
    return {"name": step.name, "title": step.title, "request_id": "", **AGAIN}


def _fresh_again(state: dict[str, Any]) -> dict[str, Any]:
    return state if state["status"] == "done" else {**state, **AGAIN}


def forget_expired_credentials() -> int:
    """Delete administrators' tokens that are past their time; the step that needs one asks for a new sign-in."""
    return (
        Operation.objects.filter(credential_expires_at__lt=timezone.now())
        .exclude(credential_envelope="")
        .update(credential_envelope="")
    )
