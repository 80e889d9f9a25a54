"""Bulk jobs: provision many instances at the pace that Microsoft allows, with a few operations at work at a time.

An item gets its operation in the transaction that marks it begun, so a job that is fed twice at once begins nothing
twice. Whoever ends an operation feeds the next few; the sweep feeds what was forgotten.
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

AT_WORK = 48  # operations of one part that are live at a time: enough to use up the quota, few enough to pause soon
AT_ONCE = 8  # are begun in one transaction, once there is room for so many
RATE_OVER = timedelta(minutes=3)  # the rate is counted over this long
Status = BulkPart.Status
CANNOT_BEGIN = "SyncPortal met an error it does not know."
# Items that may be tried again.
STOPPED = Q(operation__status=Operation.Status.FAILED) | Q(status=BulkItem.Status.REFUSED)


@dataclass(frozen=True)
class Progress:
    """How far a part is.

    Of the live ones `waiting` wait for a person. `rate` is what ended per minute of late, `ends_at` when the rest will.
    """

    total: int
    pending: int
    live: int
    waiting: int
    succeeded: int
    failed: int
    refused: int
    cancelled: int
    rate: float
    ends_at: datetime | None

    @property
    def ended(self) -> int:
        """How many need no more work."""
        return self.total - self.pending - self.live


def request(instances: Iterable[UmpInstance], *, actor: audit.Actor, user: Any = None) -> BulkJob:
    """Write a job with a part for each tenant and an item for each instance. Raises WrongStateError for none at all."""
    chosen = sorted(instances, key=lambda instance: (str(instance.provider.tenant_id), instance.host))
    if not chosen:
        raise WrongStateError("Choose at least one instance.")
    with audit.atomic():
        job = BulkJob.objects.create(requested_by=user, requested_by_label=actor.label)
        for tenant, group in groupby(chosen, key=lambda instance: instance.provider.tenant):
            part = BulkPart.objects.create(job=job, tenant=tenant)
            items = [BulkItem(part=part, instance=instance, place=place) for place, instance in enumerate(group)]
            BulkItem.objects.bulk_create(items, batch_size=500)
        audit.record("bulk.requested", actor=actor, subject=job, after={"instances": len(chosen)})
    return job


def feed(parts: Iterable[BulkPart] | None = None) -> list[Any]:
    """Begin as many items as may be at work, in these or all running parts. Returns the ids of the new operations."""
    running = BulkPart.objects.filter(status=Status.RUNNING)
    return _feed(running if parts is None else running.filter(pk__in=[part.pk for part in parts]))


def _feed(parts: QuerySet[BulkPart]) -> list[Any]:
    begun: list[Any] = []
    for part in parts.select_related("job"):
        try:
            _feed_part(part, begun)
        except Exception:
            # The last resort: what is wrong with one part holds up no other, and the sweep tries it again.
            logger.exception("Part %s of bulk job %s cannot be fed.", part.pk, part.job_id)
    return begun


def _feed_part(part: BulkPart, begun: list[Any]) -> None:
    """Begin as many as there is room for. What has begun is added to the list at once: it is rung for whatever comes next."""
    before = len(begun)
    if not _room_in(part):
        return
    while (some := _begin_some(part)) is not None:
        begun += some
    if len(begun) == before:
        _close_when_done(part)


def after_turn(operation_id: Any) -> list[Any]:
    """What a turn with an operation of a job means for the job. Returns the ids of the operations that it begins.

    One whose part was cancelled meanwhile is cancelled. One that has ended, or waits for a person, makes room for others.
    """
    known = (
        BulkItem.objects.filter(operation=operation_id)
        .order_by()
        .values_list("status", "part", "operation__status", "operation__waits_for")
    )
    for item_status, part, status, waits_for in known:
        if item_status == BulkItem.Status.CANCELLED:
            settle_cancelled(operation_id)
        elif status in Operation.ENDED or waits_for:
            return _feed(BulkPart.objects.filter(pk=part, status=Status.RUNNING))
    return []


def pause(part: BulkPart, *, actor: audit.Actor) -> None:
    """Begin nothing more; what is at work goes on. Raises WrongStateError where the part does not run."""
    _move(part, [Status.RUNNING], Status.PAUSED, "bulk.paused", actor)


def resume(part: BulkPart, *, actor: audit.Actor) -> None:
    """Begin again where it was paused. Raises WrongStateError where it is not paused."""
    _move(part, [Status.PAUSED], Status.RUNNING, "bulk.resumed", actor)


def cancel(part: BulkPart, *, actor: audit.Actor) -> None:
    """Give up what was not begun, and what waits; what a worker has in hand, once its turn ends.

    Raises WrongStateError after the part's end.
    """
    _move(part, [Status.RUNNING, Status.PAUSED], Status.CANCELLED, "bulk.cancelled", actor)
    part.items.pending().update(status=BulkItem.Status.CANCELLED)
    for item in part.items.live().select_related("operation"):
        try:
            engine.cancel(item.operation, actor=actor)  # type: ignore[arg-type]
        except WrongStateError:  # at work: once its turn ends
            part.items.live().filter(pk=item.pk).update(status=BulkItem.Status.CANCELLED)
    settle_cancelled()


def try_again(part: BulkPart, *, actor: audit.Actor) -> None:
    """Let what failed or was refused begin once more, at the job's pace, each by an operation that finds what is there.

    Raises WrongStateError where nothing has, or the part was cancelled.
    """
    with audit.atomic():
        current = BulkPart.objects.select_for_update(no_key=True).get(pk=part.pk)
        if current.status == Status.CANCELLED:
            raise WrongStateError("The job was cancelled in this tenant. Choose the instances anew.")
        stopped = current.items.filter(STOPPED).values("pk")
        number = BulkItem.objects.filter(pk__in=stopped).update(
            status=BulkItem.Status.PENDING, operation=None, message=""
        )
        if not number:
            raise WrongStateError("Nothing has failed here.")
        BulkPart.objects.filter(pk=part.pk, status=Status.COMPLETED).update(status=Status.RUNNING, ended_at=None)
        told = {"tenant": str(part.tenant), "instances": number}
        audit.record("bulk.tried_again", actor=actor, subject=part.job, after=told)


def settle_cancelled(operation_id: Any = None) -> None:
    """Cancel what was in a worker's hands when its part was cancelled, and waits now; this one, or all."""
    marked = BulkItem.objects.filter(status=BulkItem.Status.CANCELLED, operation__isnull=False)
    if operation_id:
        marked = marked.filter(operation=operation_id)
    for item in marked.exclude(operation__status=Operation.Status.RUNNING).select_related("operation", "part__tenant"):
        try:
            _settle(item, cast(Operation, item.operation))
        except WrongStateError:
            continue  # a worker has it again, or a person wants it after all
        except Exception:
            # The last resort, as in `_feed`.
            logger.exception("Operation %s of a cancelled part cannot be settled.", item.operation_id)


def _settle(item: BulkItem, operation: Operation) -> None:
    """The operation before the item, as Resume takes them. Raises WrongStateError where the mark is gone."""
    with audit.atomic():
        if operation.is_live:
            engine.cancel(operation, actor=_who_cancelled(item.part))
        # From here on its operation says how it ended.
        marked = BulkItem.objects.filter(pk=item.pk, status=BulkItem.Status.CANCELLED)
        if not marked.update(status=BulkItem.Status.BEGUN):
            raise WrongStateError("Somebody wants it after all.")


def _who_cancelled(part: BulkPart) -> audit.Actor:
    told = AuditEvent.objects.filter(
        action="bulk.cancelled", subject_id=str(part.job_id), after__tenant=str(part.tenant)
    ).first()
    return audit.Actor(told.actor_kind, told.actor_label, told.actor_id) if told else audit.WORKER


def progress(part: BulkPart) -> Progress:
    """How far the part is, in one query."""
    now = timezone.now()
    succeeded, failed = Q(operation__status="succeeded"), Q(operation__status="failed")
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
            filter=Q(status=BulkItem.Status.CANCELLED, operation=None) | Q(operation__status="cancelled"),
        ),
        lately=Count("pk", filter=(succeeded | failed) & Q(operation__ended_at__gt=now - RATE_OVER)),
    )
    lately = counts.pop("lately")
    span = min(RATE_OVER, now - part.job.created_at) or RATE_OVER
    rate = lately / max(span.total_seconds() / 60, 1 / 60)
    left = counts["pending"] + counts["live"] - counts["waiting"]  # nobody knows when a person comes
    runs = part.status == Status.RUNNING and rate > 0 and left > 0
    return Progress(**counts, rate=rate, ends_at=now + timedelta(minutes=left / rate) if runs else None)


def _begin_some(part: BulkPart) -> list[Any] | None:
    """Begin the next few and return the ids of their operations: [] where all are refused, None where there is no next."""
    with audit.atomic():
        chosen = _next_of(part)
        begun = [(item.instance, operation) for item in chosen if (operation := _requested(item, part))]
    for instance, operation in begun:
        # A place in the line only for what has begun, and Redis is asked between the commits.
        engine.postpone(operation, provisioning.reserve(instance))
    return [operation.pk for _, operation in begun] if chosen else None


def _next_of(part: BulkPart) -> list[BulkItem]:
    """The items to begin in the caller's transaction, in which nobody else begins, pauses or cancels anything of the part."""
    mine = BulkPart.objects.select_for_update(no_key=True, skip_locked=True).filter(pk=part.pk, status=Status.RUNNING)
    if not mine.first():  # or somebody is at it
        return []
    chosen = part.items.pending().select_related("instance__provider__tenant")[: _room_in(part)]
    # Each one's instance is locked as it is begun: in the order of `custody.lock`, or two could wait for each other.
    return sorted(chosen, key=lambda item: item.instance_id)


def _room_in(part: BulkPart) -> int:
    """How many may begin at once now. Fewer than AT_ONCE only where nothing is at work: each one that is feeds again at its end."""
    live = part.items.live().filter(operation__waits_for="").count()
    room = min(AT_WORK - live, AT_ONCE)
    return room if room == AT_ONCE or not live else 0


def _requested(item: BulkItem, part: BulkPart) -> Operation | None:
    """The operation of an item, in the caller's transaction; None where it is refused."""
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
        # A mistake of ours, or a row that does not fit: the next feed would meet it again, and all beside it.
        logger.exception("Item %s of bulk job %s cannot be begun.", item.pk, part.job_id)
        mine.update(status=BulkItem.Status.REFUSED, message=f"{CANNOT_BEGIN} The log has it under {item.pk}.")
        return None
    mine.update(status=BulkItem.Status.BEGUN, operation=operation)
    return operation


def _close_when_done(part: BulkPart) -> None:
    if part.items.pending().exists() or part.items.live().exists():
        return
    with audit.atomic():
        # Looked at again under the lock: somebody may have just let what failed be tried again.
        running = BulkPart.objects.select_for_update(no_key=True).filter(pk=part.pk, status=Status.RUNNING).first()
        if running is None or part.items.pending().exists() or part.items.live().exists():
            return
        BulkPart.objects.filter(pk=part.pk).update(status=Status.COMPLETED, ended_at=timezone.now())
        audit.record("bulk.completed", actor=audit.WORKER, subject=part.job, after={"tenant": str(part.tenant)})


def _move(part: BulkPart, before: list[str], after: str, action: str, actor: audit.Actor) -> None:
    ended = {"ended_at": timezone.now()} if after == Status.CANCELLED else {}
    with audit.atomic():
        if not BulkPart.objects.filter(pk=part.pk, status__in=before).update(status=after, **ended):
            raise WrongStateError("The job was changed meanwhile. Look again.")
        audit.record(action, actor=actor, subject=part.job, after={"tenant": str(part.tenant)})
