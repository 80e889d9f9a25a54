"""The state of each thing as people see it: the one rule behind every badge, filter, count and preview.

A row's `status` is what was written last. Its state is what is true now: a secret's end passes without a write, and an
operation that waits says more than the instance that it works on. Each function annotates rows with `state`, one of the
words of its `TextChoices`; pages of one row read the same annotation.
"""

from datetime import datetime, timedelta
from typing import Any, TypeVar

from django.db import models
from django.db.models import Case, Exists, F, OuterRef, Q, QuerySet, Subquery, Value, When
from django.db.models.functions import Coalesce
from django.utils import timezone

from registrations.models import (
    AppRegistration,
    BulkItem,
    BulkJob,
    BulkPart,
    ClientSecret,
    EntraTenant,
    Operation,
    UmpInstance,
)

EXPIRING_WITHIN = timedelta(days=60)
LATE_AFTER = timedelta(minutes=10)
CHECK_OF_TENANT = "check_tenant"  # the stored name of the kind

# When a client secret in use ends; None for the others: their end concerns nobody.
END_IN_USE = Case(When(Q(status__in=ClientSecret.LIVE) & ~Q(envelope=""), then=F("expires_at")))

Rows = TypeVar("Rows", bound=models.Model)


class OperationState(models.TextChoices):
    """Of an operation."""

    LATE = "late", "Late"  # due for minutes: the workers or the scheduler do not run, or are far behind
    QUEUED = "queued", "Queued"
    RUNNING = "running", "Running"
    WAITING = "waiting", "Waiting"
    SUCCEEDED = "succeeded", "Succeeded"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"


class SecretState(models.TextChoices):
    """Of a client secret."""

    INTENDED = "intended", "Intended"
    STORED = "stored", "Stored"
    PROVEN = "proven", "Proven"
    DELIVERED = "delivered", "Delivered"
    ENTERED = "entered", "Entered by hand"  # somebody of the staff says so: the UMP cannot be asked
    EXPIRING = "expiring", "Expiring"
    EXPIRED = "expired", "Expired"
    DISCARDED = "discarded", "To be removed"
    DELETED = "deleted", "Value deleted"  # here: what used it was replaced or revoked, so its end concerns nobody
    REMOVED = "removed", "Removed"


class InstanceState(models.TextChoices):
    """Of a UMP instance."""

    DRAFT = "draft", "Draft"
    QUEUED = "queued", "Queued"
    RUNNING = "running", "Running"
    WAITING = "waiting", "Waiting"
    LATE = "late", "Late"
    ACTIVE = "active", "Active"
    LAST_RUN_FAILED = "active_failed", "Active, last run failed"  # it still works, with what was delivered before
    UNVERIFIED = "active_unverified", "Active, not verified"  # its values were entered by hand
    EXPIRING = "expiring", "Expiring"
    EXPIRED = "expired", "Expired"
    NO_SECRET = "no_secret", "No secret"
    FAILED = "failed", "Failed"
    RETIRED = "retired", "Retired"


class RegistrationState(models.TextChoices):
    """Of an app registration."""

    DRAFT = "draft", "Draft"  # its application is not known yet
    ACTIVE = "active", "Active"
    EXPIRING = "expiring", "Expiring"
    EXPIRED = "expired", "Expired"
    NO_SECRET = "no_secret", "No secret"
    UNUSED = "unused", "Not in use"  # the value of its secret was deleted here


class TenantState(models.TextChoices):
    """Of an Entra tenant: what the newest check means."""

    FAILED = "failed", "Failed"
    UNCHECKED = "unchecked", "Not checked"
    MISSING = "missing", "Missing permissions"
    EXCESS = "excess", "Unneeded permissions"
    COMPLETE = "complete", "Complete"


class JobState(models.TextChoices):
    """Of a bulk job, and of its part in one tenant."""

    RUNNING = "running", "Running"
    WAITING = "waiting", "Waiting"  # all that is left waits for people
    PAUSED = "paused", "Paused"
    CANCELLING = "cancelling", "Being cancelled"  # what ran when it was cancelled finishes its run
    CANCELLED = "cancelled", "Cancelled"
    PARTLY_FAILED = "partly_failed", "Ended with failures"
    COMPLETED = "completed", "Completed"


def operations(rows: QuerySet[Operation], now: datetime | None = None) -> QuerySet[Any]:
    """With the state of each operation."""
    late = When(is_late(now or timezone.now()), then=Value(OperationState.LATE))
    return rows.annotate(state=Case(late, default=F("status"), output_field=models.CharField()))


def is_late(now: datetime) -> Q:
    """Operations that have been due for minutes, or whose worker died and nobody took over."""
    limit = now - LATE_AFTER
    due = Q(status__in=[Operation.Status.QUEUED, Operation.Status.WAITING], next_attempt_at__lt=limit)
    return due | Q(status=Operation.Status.RUNNING, leased_until__lt=limit)


def secrets(rows: QuerySet[ClientSecret], now: datetime | None = None) -> QuerySet[Any]:
    """With `state`, and `ends_at`: when a secret in use ends. One that is to be removed, or whose value is deleted, is not in use."""
    live = Q(status__in=ClientSecret.LIVE)
    to_remove = Q(status=ClientSecret.Status.SUPERSEDED)
    return rows.annotate(
        ends_at=END_IN_USE,
        state=Case(
            When((live | to_remove) & Q(envelope=""), then=Value(SecretState.DELETED)),
            *_by_end("expires_at", SecretState.EXPIRED, SecretState.EXPIRING, now, live),
            When(to_remove, then=Value(SecretState.DISCARDED)),
            When(
                entered_by_hand("registration__instance__")
                & Q(status=ClientSecret.Status.DELIVERED, revealed_at__isnull=False),
                then=Value(SecretState.ENTERED),
            ),
            default=F("status"),
            output_field=models.CharField(),
        ),
    )


def instances(rows: QuerySet[UmpInstance], now: datetime | None = None) -> QuerySet[Any]:
    """With `state`, and `secret_end`: when the live secret of the instance's sync app ends.

    An operation that has not ended tells more than the status that it will change: after Resume, a failed instance waits. An
    active instance stays active while it is provisioned again, but not beyond its secret's end; if that run fails, it says so
    until a newer run has another outcome.
    """
    at_work = Q(status__in=UNFINISHED, live_operation__isnull=False)
    active = Q(status=UmpInstance.Status.ACTIVE)
    ours = {
        "registration__instance": OuterRef("pk"),
        "registration__tenant_id": OuterRef("provider__tenant__tenant_id"),
    }
    runs = Operation.objects.filter(subject_id=OuterRef("pk"))
    live = operations(runs.live(), now)
    has_expired, is_expiring = _by_end("secret_end", InstanceState.EXPIRED, InstanceState.EXPIRING, now, active)
    return rows.annotate(
        last_run=Subquery(runs.order_by("-created_at").values("status")[:1]),
        has_secret=Exists(ClientSecret.objects.in_use().filter(**ours)),
        secret_end=_secret_end(**ours),
        live_operation=Subquery(live.order_by().values("state")[:1]),
    ).annotate(
        state=Case(
            When(at_work, then=F("live_operation")),
            When(status=UmpInstance.Status.PROVISIONING, then=Value(InstanceState.RUNNING)),
            has_expired,
            When(active & Q(has_secret=False, live_operation=None), then=Value(InstanceState.NO_SECRET)),
            When(active & Q(last_run=Operation.Status.FAILED), then=Value(InstanceState.LAST_RUN_FAILED)),
            is_expiring,
            When(active & entered_by_hand(), then=Value(InstanceState.UNVERIFIED)),
            default=F("status"),
            output_field=models.CharField(),
        )
    )


def entered_by_hand(path: str = "") -> Q:
    """Instances whose UMP cannot be asked what it holds: a person says that the values were entered. `path` leads to them."""
    return Q(**{f"{path}delivery": UmpInstance.Delivery.HANDOVER})


def registrations(rows: QuerySet[AppRegistration], now: datetime | None = None) -> QuerySet[Any]:
    """With `state`, and `secret_end`: when the secret in use ends."""
    ours = {"registration": OuterRef("pk")}
    return rows.annotate(
        has_secret=Exists(ClientSecret.objects.in_use().filter(**ours)),
        has_deleted=Exists(ClientSecret.objects.live().filter(envelope="", **ours)),
        secret_end=_secret_end(**ours),
    ).annotate(
        state=Case(
            When(app_id="", then=Value(RegistrationState.DRAFT)),
            *_by_end("secret_end", RegistrationState.EXPIRED, RegistrationState.EXPIRING, now, Q()),
            When(has_secret=False, has_deleted=True, then=Value(RegistrationState.UNUSED)),
            When(has_secret=False, then=Value(RegistrationState.NO_SECRET)),
            default=Value(RegistrationState.ACTIVE),
            output_field=models.CharField(),
        )
    )


def tenants(rows: QuerySet[EntraTenant]) -> QuerySet[Any]:
    """With the state of each tenant: a check that failed says more than the outcome of an earlier one."""
    checks = Operation.objects.filter(subject_id=OuterRef("pk"), kind=CHECK_OF_TENANT).order_by("-created_at")
    ended = checks.filter(status__in=[Operation.Status.FAILED, Operation.Status.SUCCEEDED])
    return rows.annotate(
        newest_check=Subquery(checks.values("status")[:1]),
        last_check=Subquery(ended.values("status")[:1]),
        last_check_at=Case(
            When(last_check=Operation.Status.FAILED, then=Subquery(ended.values("ended_at")[:1])),
            default=F("checked_at"),
        ),
    ).annotate(
        state=Case(
            When(newest_check=Operation.Status.FAILED, then=Value(TenantState.FAILED)),
            When(checked_at=None, then=Value(TenantState.UNCHECKED)),
            When(~Q(missing_permissions=[]), then=Value(TenantState.MISSING)),
            When(~Q(excess_permissions=[]), then=Value(TenantState.EXCESS)),
            default=Value(TenantState.COMPLETE),
            output_field=models.CharField(),
        )
    )


def parts(rows: QuerySet[BulkPart]) -> QuerySet[Any]:
    """With the state of each part of a bulk job."""
    found = [When(condition, then=Value(state.value)) for state, condition in _of_parts().items()]
    return rows.annotate(state=Case(*found, default=F("status"), output_field=models.CharField()))


def jobs(rows: QuerySet[BulkJob]) -> QuerySet[Any]:
    """With the state of each bulk job: the first of `JobState` that any of its parts has."""
    # As numbers, not by the parts' `state`: each comparison with that would repeat its subqueries.
    order = {state: place for place, state in enumerate(JobState)}
    ranks = [When(condition, then=Value(order[state])) for state, condition in _of_parts().items()]
    ranks += [When(status=status, then=Value(order[JobState(status)])) for status in BulkPart.Status.values]
    first = parts(BulkPart.objects.filter(job=OuterRef("pk"))).order_by(Case(*ranks))
    return rows.annotate(state=Coalesce(Subquery(first.values("state")[:1]), Value(JobState.COMPLETED.value)))


def _of_parts() -> dict[JobState, Any]:
    """The states that a part's status does not tell."""
    items = BulkItem.objects.filter(part=OuterRef("pk")).order_by()
    live = items.live()
    idle = ~Exists(items.pending()) & ~Exists(live.filter(operation__waits_for="")) & Exists(live)
    failed = items.filter(Q(operation__status=Operation.Status.FAILED) | Q(status=BulkItem.Status.REFUSED))
    finishing = live.filter(status=BulkItem.Status.CANCELLED)
    return {
        JobState.WAITING: Q(status=BulkPart.Status.RUNNING) & idle,
        JobState.CANCELLING: Q(status=BulkPart.Status.CANCELLED) & Exists(finishing),
        JobState.PARTLY_FAILED: Q(status=BulkPart.Status.COMPLETED) & Exists(failed),
    }


UNFINISHED = [UmpInstance.Status.DRAFT, UmpInstance.Status.PROVISIONING, UmpInstance.Status.FAILED]


def _secret_end(**whose: Any) -> Subquery:
    return Subquery(ClientSecret.objects.in_use().filter(**whose).order_by("-created_at").values("expires_at")[:1])


def _by_end(column: str, expired: str, expiring: str, now: datetime | None, among: Q) -> list[When]:
    """Expired from that instant on, and expiring within EXPIRING_WITHIN before it."""
    now = now or timezone.now()
    return [
        When(among & Q(**{f"{column}__lte": now}), then=Value(expired)),
        When(among & Q(**{f"{column}__lte": now + EXPIRING_WITHIN}), then=Value(expiring)),
    ]
