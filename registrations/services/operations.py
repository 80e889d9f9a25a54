"""The engine: request, run, resume, cancel, wake. It knows steps, not what they mean.

The row is the queue. A worker holds a lease (`leases`) and walks the steps (`walking`); every write it makes to the row is guarded by
that lease; every step is committed before the next begins; the network is used between those commits, never inside one.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, cast

from django.db import IntegrityError, models
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from registrations import audit
from registrations.errors import QuotaSpentError, WrongStateError
from registrations.models import BulkItem, Operation
from registrations.services import kinds, leases, outcomes, walking

# The engine's parts, under the names by which the kinds know them.
Kind, Step = kinds.Kind, kinds.Step
register, kind_of, subject_of, about = kinds.register, kinds.kind_of, kinds.subject_of, kinds.about
run = walking.run
LEASE, AGAIN = leases.LEASE, walking.AGAIN

BULK = Operation.Lane.BULK
LONGEST_LINE = timedelta(minutes=1)  # that a queued row waits for its turn; longer than a stopped worker's work settles
LONGEST_WAIT = timedelta(hours=1)  # of a row that waits for time: what Retry-After may ask for
LONGEST_LABEL = 255  # the width of the column; a host may be longer
INSTANCE_NOTE = "instance"  # a note: the UMP instance whose address must not change while the operation lives


def request(
    kind_name: str,
    subject: models.Model,
    *,
    actor: audit.Actor,
    user: Any = None,
    notes: dict[str, Any] | None = None,
    credential: tuple[str, datetime] | None = None,
    lane: str = "",
) -> Operation:
    """Write a queued operation and its history entry in one transaction.

    `lane` is its kind's own where none is given. Raises WrongStateError where the subject has a live operation already:
    a double click is a message, not a duplicate.
    """
    kind = kinds.known[kind_name]
    operation = Operation(
        kind=kind.name,
        lane=lane or kind.lane,
        subject_type=subject._meta.model_name or "",
        subject_id=subject.pk,
        subject_label=str(subject)[:LONGEST_LABEL],
        steps=[walking.fresh(step) for step in kind.steps],
        notes=notes or {},
        next_attempt_at=timezone.now(),
        requested_by=user,
        requested_by_label=actor.label,
    )
    if credential:
        operation.seal("credential_envelope", credential[0])
        operation.credential_expires_at = credential[1]
    try:
        with audit.atomic():
            operation.save(force_insert=True)
            audit.record(f"{kind.name}.requested", actor=actor, subject=subject, operation_id=operation.pk)
    except IntegrityError:
        raise WrongStateError(
            f"{subject} has an operation that has not ended yet. Open it to see what it waits for."
        ) from None
    return operation


def due(limit: int = 200) -> list[Any]:
    """Ids of operations whose time has come: those of bulk jobs last, the oldest first."""
    is_bulk = models.Case(models.When(lane=BULK, then=1), default=0)
    found = Operation.objects.due(timezone.now()).order_by(is_bulk, "next_attempt_at")
    return list(found.values_list("pk", flat=True)[:limit])


def lanes_of(ids: Iterable[Any]) -> dict[Any, str]:
    """The lane of each operation."""
    return dict(Operation.objects.filter(pk__in=list(ids)).values_list("pk", "lane"))


def delay(operation: Operation, wait: timedelta) -> None:
    """Let an operation of a bulk job that nobody has begun wait for its turn."""
    if wait:
        mine = Operation.objects.filter(pk=operation.pk, status=Operation.Status.QUEUED, lane=BULK)
        due = timezone.now() + min(wait, LONGEST_LINE)
        mine.filter(started_at__isnull=True).update(next_attempt_at=due)


def waits_of(ids: Iterable[Any]) -> dict[Any, timedelta]:
    """How long until each of these operations is due."""
    now, times = timezone.now(), Operation.objects.filter(pk__in=list(ids)).values_list("pk", "next_attempt_at")
    return {pk: max(due - now, timedelta()) if due else timedelta() for pk, due in times}


def mend_times() -> int:
    """Pull times that lie further ahead than any we write: the clock was set back, and nothing may wait for hours."""
    now = timezone.now()
    leased = Operation.objects.filter(status=Operation.Status.RUNNING, leased_until__gt=now + LEASE)
    in_line = models.Q(lane=BULK, next_attempt_at__gt=now + LONGEST_LINE)
    at_once = ~models.Q(lane=BULK) & models.Q(next_attempt_at__gt=now + leases.SETTLE)
    queued = Operation.objects.filter(in_line | at_once, status=Operation.Status.QUEUED)
    return leased.update(leased_until=now + LEASE) + queued.update(next_attempt_at=now) + _mend_waits(now)


def _mend_waits(now: datetime) -> int:
    """Waits that began in the future last as long as they were meant to, from now on."""
    waiting = Operation.objects.filter(
        status=Operation.Status.WAITING, next_attempt_at__gt=now + outcomes.LONGEST_PAUSE
    )
    mended = 0
    for operation in waiting.only("steps", "next_attempt_at", "error_code"):
        state, due = operation.current_step or {}, cast(datetime, operation.next_attempt_at)
        began = parse_datetime(state.get("waits_since") or "")
        if began and began > now + leases.CLOCKS_DIFFER:
            pause = min(max(due - began, timedelta()), LONGEST_WAIT)
            state["waits_since"] = now.isoformat()
        elif due > now + LONGEST_WAIT:
            pause = LONGEST_WAIT
        else:
            continue
        # Whoever resumed or cancelled it meanwhile has changed its time.
        same = Operation.objects.filter(pk=operation.pk, status=Operation.Status.WAITING, next_attempt_at=due)
        mended += same.update(next_attempt_at=now + pause, steps=operation.steps)
    return mended


def pause_of(operation_id: Any) -> timedelta | None:
    """How long until an operation that waits, or was given back, is due; None where it waits for a person alone, or has ended."""
    waits = [Operation.Status.WAITING, Operation.Status.QUEUED]
    row = Operation.objects.filter(pk=operation_id, status__in=waits)
    next_attempt_at = row.values_list("next_attempt_at", flat=True).first()
    return max(next_attempt_at - timezone.now(), timedelta()) if next_attempt_at else None


def resume(operation: Operation, *, actor: audit.Actor) -> None:
    """Queue a failed or waiting operation again, at the step where it stopped. Raises WrongStateError otherwise.

    Where its kind says so, by the code that it stopped with, steps that were done are begun anew.
    """
    with audit.atomic():
        # The row's own steps, not the caller's copy: a worker may have finished some since the page was opened.
        current = Operation.objects.select_for_update(no_key=True).get(pk=operation.pk)
        steps = [state if state["status"] == "done" else {**state, **AGAIN} for state in current.steps]
        kind = kinds.known.get(current.kind)
        steps = reopened(steps, *(kind.reopens.get(current.error_code, ()) if kind else ()))
        try:
            with audit.atomic():
                changed = Operation.objects.filter(
                    pk=operation.pk, status__in=[Operation.Status.FAILED, Operation.Status.WAITING]
                ).update(
                    status=Operation.Status.QUEUED,
                    next_attempt_at=timezone.now(),
                    message="",
                    error_code="",
                    waits_for="",
                    ended_at=None,
                    steps=steps,
                )
        except IntegrityError:
            raise WrongStateError("A newer operation of the same subject has not ended yet.") from None
        if not changed:
            raise WrongStateError("Only a failed or waiting operation can be resumed.")
        # Somebody waits for it now, even where it began as one of many, and those were cancelled meanwhile.
        BulkItem.objects.filter(operation=operation.pk, status=BulkItem.Status.CANCELLED).update(
            status=BulkItem.Status.BEGUN
        )
        Operation.objects.filter(pk=operation.pk, lane=Operation.Lane.BULK).update(lane=Operation.Lane.INTERACTIVE)
        audit.record(
            f"{operation.kind}.resumed", actor=actor, subject=kinds.about(operation), operation_id=operation.pk
        )


def put_first(operation: Operation) -> bool:
    """A person looks at an operation of a bulk job: from now on it goes before the others. False where it did already.

    What it waits for its turn with is due now. No entry in the history: nothing is done that would not be done anyway.
    """
    mine = Operation.objects.filter(pk=operation.pk)
    if not mine.live().filter(lane=Operation.Lane.BULK).update(lane=Operation.Lane.INTERACTIVE):
        return False
    in_line = models.Q(status=Operation.Status.WAITING, error_code=QuotaSpentError.CODE)
    # One that a stopped worker gave back waits for what that one may still have sent.
    not_begun = models.Q(status=Operation.Status.QUEUED, started_at__isnull=True)
    mine.filter(in_line | not_begun).update(next_attempt_at=timezone.now())
    return True


def cancel(operation: Operation, *, actor: audit.Actor) -> None:
    """End a queued or waiting operation. Raises WrongStateError where it runs or has ended."""
    with audit.atomic():
        changed = Operation.objects.filter(
            pk=operation.pk, status__in=[Operation.Status.QUEUED, Operation.Status.WAITING]
        ).update(
            status=Operation.Status.CANCELLED,
            ended_at=timezone.now(),
            next_attempt_at=None,
            waits_for="",
            credential_envelope="",
            credential_expires_at=None,
            error_code="",
            message=f"Cancelled by {actor.label}. What was made stays.",
        )
        if not changed:
            raise WrongStateError("The operation is at work or has ended: it cannot be cancelled now.")
        operation.refresh_from_db()
        kind_of(operation).failed(operation)
        audit.record(
            f"{operation.kind}.cancelled", actor=actor, subject=kinds.about(operation), operation_id=operation.pk
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
    with audit.atomic(durable=True):
        # The row's own notes, not the copy in hand: staff may have ticked a hand-over group meanwhile.
        current = Operation.objects.select_for_update(no_key=True).get(pk=operation.pk)
        outcomes.write(operation, operation.lease, notes={**current.notes, **values})


def require_lease(operation: Operation) -> None:
    """Guard what a step writes outside its operation, in the step's transaction: a worker that was overtaken stops here."""
    outcomes.write(operation, operation.lease, leased_until=timezone.now() + LEASE)


def drop_credential(operation: Operation) -> None:
    """Delete the administrator's token under the worker's lease, in the caller's transaction."""
    outcomes.write(operation, operation.lease, credential_envelope="", credential_expires_at=None)


def forget_expired_credentials() -> int:
    """Delete administrators' tokens that are past their time; the step that needs one asks for a new sign-in."""
    return (
        Operation.objects.filter(credential_expires_at__lt=timezone.now())
        .exclude(credential_envelope="")
        .update(credential_envelope="")
    )
