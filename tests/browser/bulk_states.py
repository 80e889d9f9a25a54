"""Bulk jobs in every state that their pages show: at work in two tenants, ended, and cancelled while one was at work."""

from datetime import timedelta

from django.utils import timezone

from registrations import audit
from registrations.models import BulkJob, BulkPart, EntraTenant, Operation, ServiceProvider, UmpInstance
from registrations.services import bulk_jobs
from tests import factories
from tests.browser.stage import LONG_PROVIDER

SIX_MINUTES = timedelta(minutes=6)


def add(actor: audit.Actor) -> dict[str, BulkJob]:
    """The jobs by their state, and in `at-work` one operation that waits its turn."""
    at_work = bulk_jobs.request([*_instances("finebak.localhost", "office"), *_long_ones()], actor=actor)
    running, paused = at_work.parts.order_by("tenant__name")
    bulk_jobs.start_next([running, paused])
    _end(running, 3, "succeeded")
    _end(running, 1, "failed", "The UMP refused the values: the redirect URI is not a valid URL.")
    _wait(running)
    _end(paused, 2, "succeeded")
    bulk_jobs.pause(paused, actor=actor)
    ended = bulk_jobs.request(_instances("finebak.localhost", "shop"), actor=actor)
    (part,) = ended.parts.all()
    bulk_jobs.start_next([part])
    _end(part, 99, "succeeded")
    bulk_jobs.start_next([part])
    cancelled = bulk_jobs.request(_instances("finebak.localhost", "depot"), actor=actor)
    (part,) = cancelled.parts.all()
    bulk_jobs.start_next([part])
    _end(part, 2, "succeeded")
    _end(part, 1, "failed", "Microsoft refused to make the application: the tenant's quota of 250 objects is used up.")
    _stop_at_the_second_step(part)
    _work_on_one(part)
    bulk_jobs.cancel(part, actor=actor)
    BulkJob.objects.update(created_at=timezone.now() - SIX_MINUTES)
    return {"at-work": at_work, "ended": ended, "cancelled": cancelled}


def in_line(job: BulkJob) -> Operation:
    """An operation of the job that waits its turn."""
    return Operation.objects.filter(bulk_item__part__job=job, status=Operation.Status.WAITING, waits_for="")[0]


def cancelled(job: BulkJob) -> Operation:
    """An operation of the job that waited for a person when it was cancelled."""
    return Operation.objects.filter(bulk_item__part__job=job, status=Operation.Status.CANCELLED)[0]


def at_work(job: BulkJob) -> Operation:
    """An operation of the job that a worker has, after it waited for a person."""
    return Operation.objects.get(bulk_item__part__job=job, status=Operation.Status.RUNNING)


def _instances(domain: str, word: str) -> list[UmpInstance]:
    provider = ServiceProvider.objects.get(domain=domain)
    return [
        factories.make_instance(
            provider=provider, app_name=f"{word}{number}", ump_url=f"https://{word}{number}.{domain}/tenantui"
        )
        for number in range(8)
    ]


def _long_ones() -> list[UmpInstance]:
    tenant = EntraTenant.objects.get(name=LONG_PROVIDER)
    return _instances(tenant.service_providers.get().domain, "filiale")


def _end(part: BulkPart, count: int, status: str, message: str = "") -> None:
    live = list(part.items.live().values_list("operation", flat=True)[:count])
    now = timezone.now()
    Operation.objects.filter(pk__in=live).update(
        status=status, message=message, started_at=now, ended_at=now, next_attempt_at=None
    )


def _wait(part: BulkPart) -> None:
    """What is left waits: one for a person, the others for their turn. Not due while the pages are looked at."""
    live = list(part.items.live().values_list("operation", flat=True))
    waiting = Operation.objects.filter(pk__in=live)
    waiting.update(
        status="waiting",
        error_code="quota_spent",
        next_attempt_at=timezone.now() + timedelta(hours=1),
        message="Waiting for Microsoft's quota: it is used up for this tenant at the moment.",
    )
    waiting.filter(pk=live[0]).update(
        waits_for="staff",
        error_code="adoption_needed",
        next_attempt_at=None,
        message="An application with this unique name is there already, and SyncPortal did not make it.",
    )


def _stop_at_the_second_step(part: BulkPart) -> None:
    """What is left waits for a person, as the engine writes it."""
    note = "An application with this unique name is there already, and SyncPortal did not make it."
    now = timezone.now()
    for operation in Operation.objects.filter(bulk_item__part=part, status=Operation.Status.QUEUED):
        factories.change(operation.steps[0], status="done", started_at=now, ended_at=now, attempts=1)
        factories.change(operation.steps[1], status="waiting", note=note, attempts=1, request_id="0b54a9d2-6f0c-4ddf")
        operation.status, operation.waits_for, operation.message = Operation.Status.WAITING, "staff", note
        operation.error_code, operation.started_at, operation.next_attempt_at = "adoption_needed", now, None
        operation.save()


def _work_on_one(part: BulkPart) -> None:
    """A worker has one of those that waited: the row still has the words of the wait."""
    operation = part.items.live()[0].operation
    assert operation
    factories.change(operation.steps[1], status="running", note="", started_at=timezone.now())
    operation.status, operation.waits_for, operation.lease = Operation.Status.RUNNING, "", "a worker's"
    operation.leased_until = timezone.now() + timedelta(hours=1)
    operation.save()
