"""Bulk jobs in every state that their pages show: one at work in two tenants, and one that has ended."""

from datetime import timedelta

from django.utils import timezone

from registrations.models import BulkJob, BulkPart, EntraTenant, Operation, ServiceProvider, UmpInstance
from registrations.services import audit, bulk
from tests import factories
from tests.browser.stage import LONG_PROVIDER

SIX_MINUTES = timedelta(minutes=6)


def add(actor: audit.Actor) -> dict[str, BulkJob]:
    """The jobs by their state, and in `at-work` one operation that waits its turn."""
    at_work = bulk.request([*_instances("finebak.localhost", "office"), *_long_ones()], actor=actor)
    running, paused = at_work.parts.order_by("tenant__name")
    bulk.feed([running, paused])
    _end(running, 3, "succeeded")
    _end(running, 1, "failed", "The UMP refused the values: the redirect URI is not a valid URL.")
    _wait(running)
    _end(paused, 2, "succeeded")
    bulk.pause(paused, actor=actor)
    ended = bulk.request(_instances("finebak.localhost", "shop"), actor=actor)
    (part,) = ended.parts.all()
    bulk.feed([part])
    _end(part, 99, "succeeded")
    bulk.feed([part])
    BulkJob.objects.update(created_at=timezone.now() - SIX_MINUTES)
    return {"at-work": at_work, "ended": ended}


def in_line(job: BulkJob) -> Operation:
    """An operation of the job that waits its turn."""
    return Operation.objects.filter(bulk_item__part__job=job, status=Operation.Status.WAITING, waits_for="")[0]


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
        status="waiting", error_code="quota_spent", next_attempt_at=timezone.now() + timedelta(hours=1),
        message="Waits for its turn: Microsoft's quota for this tenant is used up for now.",
    )  # fmt: skip
    waiting.filter(pk=live[0]).update(
        waits_for="staff", error_code="adoption_needed", next_attempt_at=None,
        message="An application with this unique name is there already, and SyncPortal did not make it.",
    )  # fmt: skip
