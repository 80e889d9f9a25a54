"""The queue: request, resume, cancel, prioritise and wake operations, and find those that are due. The row is the queue."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, models
from django.utils import timezone

from registrations import audit, places
from registrations.engine import registry, runner
from registrations.engine.retry_schedule import LONGEST_RESERVATION
from registrations.errors import QuotaSpentError, WrongStateError
from registrations.models import BulkItem, Operation
from registrations.models.notes import Notes
from registrations.models.steps import StepState, reset_steps

CANCELLABLE = [Operation.Status.QUEUED, Operation.Status.WAITING]
LONGEST_LABEL = 255  # the width of the column; a host may be longer


def request(
    kind_name: str,
    subject: models.Model,
    *,
    actor: audit.Actor,
    user: Any = None,
    notes: Notes | None = None,
    credential: tuple[str, datetime] | None = None,
    priority: str = "",
) -> Operation:
    """Write a queued operation and its history entry in one transaction.

    `priority` defaults to that of the kind. Raises WrongStateError if the subject has a live operation already: a double
    click is a message, not a duplicate.
    """
    kind = registry.kinds[kind_name]
    operation = Operation(
        kind=kind.name,
        priority=priority or kind.priority,
        subject_type=subject._meta.model_name or "",
        subject_id=subject.pk,
        subject_label=_label_of(subject),
        steps=[runner.fresh(step) for step in kind.steps],
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


def _label_of(subject: models.Model) -> str:
    """Its name with its host: several hosts have customers of the same name."""
    about = audit.Subject.of(subject)
    place = places.of([(about.type, about.id)]).get((about.type, about.id), places.Place())
    return places.with_host(about.label, place.host, LONGEST_LABEL)


def due(limit: int = 200) -> list[Any]:
    """IDs of operations whose time has come: those of bulk jobs last, the oldest first."""
    is_bulk = models.Case(models.When(priority=Operation.Priority.BULK, then=1), default=0)
    found = Operation.objects.due(timezone.now()).order_by(is_bulk, "next_attempt_at")
    return list(found.values_list("pk", flat=True)[:limit])


def priorities_of(ids: Iterable[Any]) -> dict[Any, str]:
    """The priority of each operation."""
    return dict(Operation.objects.filter(pk__in=list(ids)).values_list("pk", "priority"))


def postpone(operation: Operation, wait: timedelta) -> None:
    """Let a bulk operation that has not started wait until its reservation."""
    if wait:
        not_started = Operation.objects.filter(
            pk=operation.pk, status=Operation.Status.QUEUED, priority=Operation.Priority.BULK, started_at__isnull=True
        )
        not_started.update(next_attempt_at=timezone.now() + min(wait, LONGEST_RESERVATION))


def waits_of(ids: Iterable[Any]) -> dict[Any, timedelta]:
    """How long until each of these operations is due."""
    now, times = timezone.now(), Operation.objects.filter(pk__in=list(ids)).values_list("pk", "next_attempt_at")
    return {pk: max(due - now, timedelta()) if due else timedelta() for pk, due in times}


def wait_of(operation_id: Any) -> timedelta | None:
    """How long until a waiting or queued operation is due; None if it waits for a person alone, or has ended."""
    statuses = [Operation.Status.WAITING, Operation.Status.QUEUED]
    row = Operation.objects.filter(pk=operation_id, status__in=statuses)
    next_attempt_at = row.values_list("next_attempt_at", flat=True).first()
    return max(next_attempt_at - timezone.now(), timedelta()) if next_attempt_at else None


def resume(operation: Operation, *, actor: audit.Actor) -> None:
    """Queue a failed or waiting operation again, at the step where it stopped.

    For some error codes the kind starts earlier steps over (`Kind.retry_from`). Raises WrongStateError for an operation that
    runs or has ended otherwise. Whoever offers it to people asks for obstacles before (`with_obstacles`).
    """
    with audit.atomic():
        # The row's own steps, not the caller's copy: a worker may have finished some since the page was opened.
        current = Operation.objects.select_for_update(no_key=True).get(pk=operation.pk)
        try:
            with audit.atomic():
                changed = Operation.objects.filter(pk=operation.pk, status__in=registry.RESUMABLE).update(
                    status=Operation.Status.QUEUED,
                    next_attempt_at=timezone.now(),
                    message="",
                    error_code="",
                    waits_for="",
                    ended_at=None,
                    steps=_steps_to_retry(current),
                )
        except IntegrityError:
            raise WrongStateError("A newer operation of the same subject has not ended yet.") from None
        if not changed:
            raise WrongStateError("Only a failed or waiting operation can be resumed.")
        # Somebody waits for it now, even if it was part of a bulk job that was cancelled meanwhile.
        BulkItem.objects.filter(operation=operation.pk, status=BulkItem.Status.CANCELLED).update(
            status=BulkItem.Status.BEGUN
        )
        bulk = Operation.objects.filter(pk=operation.pk, priority=Operation.Priority.BULK)
        bulk.update(priority=Operation.Priority.INTERACTIVE)
        kind = registry.kinds.get(operation.kind)
        if kind and kind.resumed:
            kind.resumed(operation)
        subject = registry.history_subject(operation)
        audit.record(f"{operation.kind}.resumed", actor=actor, subject=subject, operation_id=operation.pk)


def _steps_to_retry(operation: Operation) -> list[StepState]:
    kind = registry.kinds.get(operation.kind)
    names = kind.retry_from.get(operation.error_code, ()) if kind else ()
    unfinished = [step.name for step in operation.steps if not step.is_done]
    return reset_steps(operation.steps, *unfinished, *names)


def prioritise(operation: Operation) -> bool:
    """A person opened a bulk operation: from now on it runs before the others. False if it did already.

    A wait for its reservation ends now. There is no history entry: nothing is done that would not be done anyway.
    """
    same = Operation.objects.filter(pk=operation.pk)
    bulk = same.live().filter(priority=Operation.Priority.BULK)
    if not bulk.update(priority=Operation.Priority.INTERACTIVE):
        return False
    waits_for_quota = models.Q(status=Operation.Status.WAITING, error_code=QuotaSpentError.CODE)
    # One that a stopped worker handed back waits for calls that may still arrive.
    not_started = models.Q(status=Operation.Status.QUEUED, started_at__isnull=True)
    same.filter(waits_for_quota | not_started).update(next_attempt_at=timezone.now())
    return True


def cancel(operation: Operation, *, actor: audit.Actor) -> None:
    """End a queued or waiting operation. Raises WrongStateError if it is running or has ended."""
    with audit.atomic():
        changed = Operation.objects.filter(pk=operation.pk, status__in=CANCELLABLE).update(
            status=Operation.Status.CANCELLED,
            ended_at=timezone.now(),
            next_attempt_at=None,
            waits_for="",
            credential_envelope="",
            credential_expires_at=None,
            error_code="",
            message=f"Cancelled by {actor.label}. What was created stays.",
        )
        if not changed:
            raise WrongStateError("The operation is running or has ended: it cannot be cancelled now.")
        operation.refresh_from_db()
        registry.kind_of(operation).failed(operation)
        subject = registry.history_subject(operation)
        audit.record(f"{operation.kind}.cancelled", actor=actor, subject=subject, operation_id=operation.pk)


def wake(operations: Iterable[Operation]) -> list[Any]:
    """Make waiting operations due now, because what they waited for has happened. Returns their IDs."""
    ids = [operation.pk for operation in operations]
    Operation.objects.filter(pk__in=ids, status=Operation.Status.WAITING).update(next_attempt_at=timezone.now())
    return ids
