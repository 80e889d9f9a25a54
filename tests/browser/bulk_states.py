"""Bulk jobs in every state that their pages show: running in two tenants, slow, ended, and cancelled during an operation."""

from datetime import timedelta

from django.utils import timezone

from registrations import audit
from registrations.models import BulkJob, BulkPart, EntraTenant, Operation, ServiceProvider, UmpInstance
from registrations.services import bulk_jobs
from tests import factories
from tests.browser.stage import LONG_PROVIDER

SIX_MINUTES = timedelta(minutes=6)


def add(actor: audit.Actor) -> dict[str, BulkJob]:
    """Create the jobs and return them by state. Operations of the running one wait for Microsoft's quota."""
    running_job = bulk_jobs.request(
        [*_instances("finebak.localhost", "office"), *_instances_with_long_names()], actor=actor
    )
    running, paused = running_job.parts.order_by("tenant__name")
    bulk_jobs.start_next([running, paused])
    _end(running, 3, "succeeded")
    _end(running, 1, "failed", "The UMP refused the values: the redirect URI is not a valid URL.")
    _let_wait(running)
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
    _end(
        part, 1, "failed", "Microsoft refused to create the application: the tenant's quota of 250 objects is used up."
    )
    _wait_at_the_second_step(part)
    _run_one(part)
    bulk_jobs.cancel(part, actor=actor)
    slow = bulk_jobs.request(_instances("finebak.localhost", "branch"), actor=actor)
    started = Operation.objects.filter(pk__in=bulk_jobs.start_next(slow.parts.all()))
    started.update(next_attempt_at=timezone.now() - timedelta(seconds=30))  # and no worker is free
    BulkJob.objects.update(created_at=timezone.now() - SIX_MINUTES)
    return {"running": running_job, "ended": ended, "cancelled": cancelled, "slow": slow}


def waiting_operation(job: BulkJob) -> Operation:
    """An operation of the job that waits for Microsoft's quota."""
    return Operation.objects.filter(bulk_item__part__job=job, status=Operation.Status.WAITING, waits_for="")[0]


def cancelled_operation(job: BulkJob) -> Operation:
    """An operation of the job that waited for staff when the job was cancelled."""
    return Operation.objects.filter(bulk_item__part__job=job, status=Operation.Status.CANCELLED)[0]


def running_operation(job: BulkJob) -> Operation:
    """An operation of the job that a worker runs, after it waited for staff."""
    return Operation.objects.get(bulk_item__part__job=job, status=Operation.Status.RUNNING)


def _instances(domain: str, word: str) -> list[UmpInstance]:
    provider = ServiceProvider.objects.get(domain=domain)
    return [
        factories.make_instance(
            provider=provider, app_name=f"{word}{number}", ump_url=f"https://{word}{number}.{domain}/tenantui"
        )
        for number in range(8)
    ]


def _instances_with_long_names() -> list[UmpInstance]:
    tenant = EntraTenant.objects.get(name=LONG_PROVIDER)
    return _instances(tenant.service_providers.get().domain, "filiale")


def _end(part: BulkPart, count: int, status: str, message: str = "") -> None:
    live = list(part.items.live().values_list("operation", flat=True)[:count])
    now = timezone.now()
    Operation.objects.filter(pk__in=live).update(
        status=status, message=message, started_at=now, ended_at=now, next_attempt_at=None
    )


def _let_wait(part: BulkPart) -> None:
    """Let the rest wait: one for staff, the others for Microsoft's quota, and none due while the pages are tested."""
    live = list(part.items.live().values_list("operation", flat=True))
    waiting = Operation.objects.filter(pk__in=live)
    waiting.update(
        status="waiting",
        error_code="quota_spent",
        next_attempt_at=timezone.now() + timedelta(hours=1),
        message="Waiting for Microsoft's quota of this tenant, which is used up for now.",
    )
    waiting.filter(pk=live[0]).update(
        waits_for="staff",
        error_code="adoption_needed",
        next_attempt_at=None,
        message="An application with this unique name already exists, and SyncPortal did not create it.",
    )


def _wait_at_the_second_step(part: BulkPart) -> None:
    """Let the rest wait for staff, with the values that the engine writes."""
    note = "An application with this unique name already exists, and SyncPortal did not create it."
    now = timezone.now()
    for operation in Operation.objects.filter(bulk_item__part=part, status=Operation.Status.QUEUED):
        factories.change(operation.steps[0], status="done", started_at=now, ended_at=now, attempts=1)
        factories.change(operation.steps[1], status="waiting", note=note, attempts=1, request_id="0b54a9d2-6f0c-4ddf")
        operation.status, operation.waits_for, operation.message = Operation.Status.WAITING, "staff", note
        operation.error_code, operation.started_at, operation.next_attempt_at = "adoption_needed", now, None
        operation.save()


def _run_one(part: BulkPart) -> None:
    """Let a worker run one of those that waited; its row keeps the message of the wait."""
    operation = part.items.live()[0].operation
    assert operation
    factories.change(operation.steps[1], status="running", note="", started_at=timezone.now())
    operation.status, operation.waits_for, operation.lease = Operation.Status.RUNNING, "", "a worker's"
    operation.leased_until = timezone.now() + timedelta(hours=1)
    operation.save()
