"""Bulk jobs: provision many instances at the pace that Microsoft allows, with a few live operations at a time.

An item gets its operation in the transaction that marks it as started, so nothing starts twice if two workers process the
same job. The end of an operation starts the next few; the sweep starts what was missed.
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, cast

from django.db import DataError, IntegrityError
from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from registrations import audit, engine
from registrations.errors import PortalError, WrongStateError
from registrations.models import AuditEvent, BulkItem, BulkJob, BulkPart, Operation, UmpInstance
from registrations.services import provisioning

logger = logging.getLogger(__name__)

MAX_LIVE = 48  # live operations of one part: enough to use up the quota, few enough to pause soon
BATCH_SIZE = 8  # operations that start in one transaction, once there is room for so many
RATE_WINDOW = timedelta(minutes=3)
LATE_AFTER = timedelta(seconds=5)  # of being due: a free worker takes it sooner
Status = BulkPart.Status
CANNOT_START = "SyncPortal met an error it does not know."
# Items that may be retried.
RETRYABLE = Q(operation__status=Operation.Status.FAILED) | Q(status=BulkItem.Status.REFUSED)


@dataclass(frozen=True)
class Progress:
    """How far a part is.

    Of the live ones, `waiting` wait for a person, and `late` could have run some seconds ago: their quota is reserved, or
    not needed, and no worker was free. `rate` is how many ended per minute recently, `ends_at` when the rest will.
    """

    total: int
    pending: int
    live: int
    waiting: int
    succeeded: int
    failed: int
    refused: int
    cancelled: int
    late: int
    rate: float
    ends_at: datetime | None

    @property
    def ended(self) -> int:
        """How many need no more work."""
        return self.total - self.pending - self.live

    @property
    def is_limited_by_workers(self) -> bool:
        """Whether more workers would make it faster: as many wait for one as start at once."""
        return self.late >= BATCH_SIZE


def request(instances: Iterable[UmpInstance], *, actor: audit.Actor, user: Any = None) -> BulkJob:
    """Create a job with a part for each tenant and an item for each instance. Raises WrongStateError for an empty choice."""
    chosen = sorted(instances, key=lambda instance: (str(instance.provider.tenant_id), instance.host))
    if not chosen:
        raise WrongStateError("Select at least one instance.")
    with audit.atomic():
        job = BulkJob.objects.create(requested_by=user, requested_by_label=actor.label)
        for tenant, group in groupby(chosen, key=lambda instance: instance.provider.tenant):
            part = BulkPart.objects.create(job=job, tenant=tenant)
            items = [BulkItem(part=part, instance=instance, place=place) for place, instance in enumerate(group)]
            BulkItem.objects.bulk_create(items, batch_size=500)
        audit.record("bulk.requested", actor=actor, subject=job, after={"instances": len(chosen)})
    return job


def start_next(parts: Iterable[BulkPart] | None = None) -> list[Any]:
    """Start as many operations as there is room for, in these or all running parts. Returns their IDs."""
    running = BulkPart.objects.filter(status=Status.RUNNING)
    return _start_in(running if parts is None else running.filter(pk__in=[part.pk for part in parts]))


def _start_in(parts: QuerySet[BulkPart]) -> list[Any]:
    started: list[Any] = []
    for part in parts.select_related("job"):
        try:
            _start_in_part(part, started)
        except Exception:
            # The last resort: an error in one part does not stop the others, and the sweep tries it again.
            logger.exception("No operation of part %s of bulk job %s could be started.", part.pk, part.job_id)
    return started


def _start_in_part(part: BulkPart, started: list[Any]) -> None:
    """Start as many as there is room for. Each is added to the list at once, so that it is enqueued even if the next fails."""
    before = len(started)
    if not _room_in(part):
        return
    while (some := _start_batch(part)) is not None:
        started += some
    if len(started) == before:
        _close_when_done(part)


def after_run(operation_id: Any) -> list[Any]:
    """What the run of an operation means for its bulk job, if it has one. Returns the IDs of the operations that start.

    If its part was cancelled meanwhile, it is cancelled. If it has ended, or waits for a person, others may start.
    """
    known = (
        BulkItem.objects.filter(operation=operation_id)
        .order_by()
        .values_list("status", "part", "operation__status", "operation__waits_for")
    )
    for item_status, part, status, waits_for in known:
        if item_status == BulkItem.Status.CANCELLED:
            finish_cancelled(operation_id)
        elif status in Operation.ENDED or waits_for:
            return _start_in(BulkPart.objects.filter(pk=part, status=Status.RUNNING))
    return []


def pause(part: BulkPart, *, actor: audit.Actor) -> None:
    """Start nothing more; running operations continue. Raises WrongStateError if the part is not running."""
    _move(part, [Status.RUNNING], Status.PAUSED, "bulk.paused", actor)


def resume(part: BulkPart, *, actor: audit.Actor) -> None:
    """Continue a paused part. Raises WrongStateError if it is not paused."""
    _move(part, [Status.PAUSED], Status.RUNNING, "bulk.resumed", actor)


def cancel(part: BulkPart, *, actor: audit.Actor) -> None:
    """Cancel instances that have not started or that wait; running ones once their run ends.

    Raises WrongStateError if the part has ended.
    """
    _move(part, [Status.RUNNING, Status.PAUSED], Status.CANCELLED, "bulk.cancelled", actor)
    part.items.pending().update(status=BulkItem.Status.CANCELLED)
    for item in part.items.live().select_related("operation"):
        try:
            engine.cancel(item.operation, actor=actor)  # type: ignore[arg-type]
        except WrongStateError:  # running: once its run ends
            part.items.live().filter(pk=item.pk).update(status=BulkItem.Status.CANCELLED)
    finish_cancelled()


def retry_failed(part: BulkPart, *, actor: audit.Actor) -> None:
    """Retry what failed or was refused, at the job's pace, with new operations that find what exists already.

    Raises WrongStateError if nothing has failed, or the part was cancelled.
    """
    with audit.atomic():
        current = BulkPart.objects.select_for_update(no_key=True).get(pk=part.pk)
        if current.status == Status.CANCELLED:
            raise WrongStateError("The job was cancelled in this tenant. Start a new job for these instances.")
        stopped = current.items.filter(RETRYABLE).values("pk")
        number = BulkItem.objects.filter(pk__in=stopped).update(
            status=BulkItem.Status.PENDING, operation=None, message=""
        )
        if not number:
            raise WrongStateError("Nothing has failed here.")
        BulkPart.objects.filter(pk=part.pk, status=Status.COMPLETED).update(status=Status.RUNNING, ended_at=None)
        after = {"tenant": str(part.tenant), "instances": number}
        audit.record("bulk.tried_again", actor=actor, subject=part.job, after=after)


def finish_cancelled(operation_id: Any = None) -> None:
    """Cancel operations that were running when their part was cancelled, and are not any more; this one, or all."""
    marked = BulkItem.objects.filter(status=BulkItem.Status.CANCELLED, operation__isnull=False)
    if operation_id:
        marked = marked.filter(operation=operation_id)
    for item in marked.exclude(operation__status=Operation.Status.RUNNING).select_related("operation", "part__tenant"):
        try:
            _finish(item, cast(Operation, item.operation))
        except WrongStateError:
            continue  # a worker runs it again, or a person has resumed it
        except Exception:
            # The last resort, as in `_start_in`.
            logger.exception("Operation %s of a cancelled part could not be cancelled.", item.operation_id)


def _finish(item: BulkItem, operation: Operation) -> None:
    """Locks the operation before the item, as Resume does. Raises WrongStateError if the item is not marked any more."""
    with audit.atomic():
        if operation.is_live:
            engine.cancel(operation, actor=_who_cancelled(item.part))
        # From here on its operation shows how it ended.
        marked = BulkItem.objects.filter(pk=item.pk, status=BulkItem.Status.CANCELLED)
        if not marked.update(status=BulkItem.Status.BEGUN):
            raise WrongStateError("Somebody has resumed it.")


def _who_cancelled(part: BulkPart) -> audit.Actor:
    entry = AuditEvent.objects.filter(
        action="bulk.cancelled", subject_id=str(part.job_id), after__tenant=str(part.tenant)
    ).first()
    return audit.Actor(entry.actor_kind, entry.actor_label, entry.actor_id) if entry else audit.WORKER


def progress(part: BulkPart) -> Progress:
    """How far the part is, in one query."""
    now = timezone.now()
    succeeded, failed = Q(operation__status=Operation.Status.SUCCEEDED), Q(operation__status=Operation.Status.FAILED)
    counts = part.items.aggregate(
        total=Count("pk"),
        pending=Count("pk", filter=Q(status=BulkItem.Status.PENDING)),
        live=Count("pk", filter=Q(operation__status__in=Operation.LIVE)),
        waiting=Count("pk", filter=Q(operation__status__in=Operation.LIVE) & ~Q(operation__waits_for="")),
        succeeded=Count("pk", filter=succeeded),
        failed=Count("pk", filter=failed),
        refused=Count("pk", filter=Q(status=BulkItem.Status.REFUSED)),
        cancelled=Count(
            "pk",
            filter=Q(status=BulkItem.Status.CANCELLED, operation=None)
            | Q(operation__status=Operation.Status.CANCELLED),
        ),
        late=Count(
            "pk",
            filter=Q(
                operation__status__in=[Operation.Status.QUEUED, Operation.Status.WAITING],
                operation__waits_for="",
                operation__next_attempt_at__lt=now - LATE_AFTER,
            ),
        ),
        recently=Count("pk", filter=(succeeded | failed) & Q(operation__ended_at__gt=now - RATE_WINDOW)),
    )
    recently = counts.pop("recently")
    span = min(RATE_WINDOW, now - part.job.created_at) or RATE_WINDOW
    rate = recently / max(span.total_seconds() / 60, 1 / 60)
    left = counts["pending"] + counts["live"] - counts["waiting"]  # how long a person takes is not known
    runs = part.status == Status.RUNNING and rate > 0 and left > 0
    return Progress(**counts, rate=rate, ends_at=now + timedelta(minutes=left / rate) if runs else None)


def _start_batch(part: BulkPart) -> list[Any] | None:
    """Start the next few and return the IDs of their operations: [] if all are refused, None if none is left."""
    with audit.atomic():
        chosen = _next_of(part)
        started = [(item.instance, operation) for item in chosen if (operation := _request_for(item, part))]
    for instance, operation in started:
        # Only what has started gets a reservation, and Redis is asked between the commits.
        engine.postpone(operation, provisioning.reserve(instance))
    return [operation.pk for _, operation in started] if chosen else None


def _next_of(part: BulkPart) -> list[BulkItem]:
    """The items to start in the caller's transaction, in which nobody else starts, pauses or cancels anything of the part."""
    mine = BulkPart.objects.select_for_update(no_key=True, skip_locked=True).filter(pk=part.pk, status=Status.RUNNING)
    if not mine.first():  # another worker has it
        return []
    chosen = part.items.pending().select_related("instance__provider__tenant")[: _room_in(part)]
    # Each one's instance is locked as it starts: in the order of `addresses.lock`, or two workers could deadlock.
    return sorted(chosen, key=lambda item: item.instance_id)


def _room_in(part: BulkPart) -> int:
    """How many may start now. Fewer than BATCH_SIZE only if nothing is live: the end of each live one starts more."""
    live = part.items.live().filter(operation__waits_for="").count()
    room = min(MAX_LIVE - live, BATCH_SIZE)
    return room if room == BATCH_SIZE or not live else 0


def _request_for(item: BulkItem, part: BulkPart) -> Operation | None:
    """The operation of an item, requested in the caller's transaction; None if it is refused."""
    actor = audit.Actor("staff" if part.job.requested_by_id else "system", part.job.requested_by_label)
    mine = BulkItem.objects.filter(pk=item.pk)
    try:
        operation = provisioning.request(
            item.instance, actor=actor, user=part.job.requested_by, priority=Operation.Priority.BULK
        )
    except PortalError as refusal:
        mine.update(status=BulkItem.Status.REFUSED, message=str(refusal))
        return None
    except (DataError, IntegrityError):
        # A mistake of ours, or invalid data: the next attempt would meet it again, and hold up the other items.
        logger.exception("Item %s of bulk job %s could not be started.", item.pk, part.job_id)
        mine.update(status=BulkItem.Status.REFUSED, message=f"{CANNOT_START} The log has it under {item.pk}.")
        return None
    mine.update(status=BulkItem.Status.BEGUN, operation=operation)
    return operation


def _close_when_done(part: BulkPart) -> None:
    if part.items.pending().exists() or part.items.live().exists():
        return
    with audit.atomic():
        # Checked again under the lock: somebody may have just retried what failed.
        running = BulkPart.objects.select_for_update(no_key=True).filter(pk=part.pk, status=Status.RUNNING).first()
        if running is None or part.items.pending().exists() or part.items.live().exists():
            return
        BulkPart.objects.filter(pk=part.pk).update(status=Status.COMPLETED, ended_at=timezone.now())
        audit.record("bulk.completed", actor=audit.WORKER, subject=part.job, after={"tenant": str(part.tenant)})


def _move(part: BulkPart, before: list[str], after: str, action: str, actor: audit.Actor) -> None:
    ended = {"ended_at": timezone.now()} if after == Status.CANCELLED else {}
    with audit.atomic():
        if not BulkPart.objects.filter(pk=part.pk, status__in=before).update(status=after, **ended):
            raise WrongStateError("The job was changed meanwhile. Check its state and try again.")
        audit.record(action, actor=actor, subject=part.job, after={"tenant": str(part.tenant)})
