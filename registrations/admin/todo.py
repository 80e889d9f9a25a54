"""What needs attention, as data: the start page counts it, and the lists filter by the same conditions."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib import admin
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.http import HttpRequest
from django.utils import timezone

from registrations.models import ClientSecret, EntraTenant, Operation, UmpInstance
from registrations.services import tenant_check

EXPIRING_WITHIN = timedelta(days=60)
LATE_AFTER = timedelta(minutes=10)


@dataclass(frozen=True)
class Todo:
    """One reason why rows of a model need attention, and the column that says since when."""

    key: str
    title: str
    state: str
    button: str
    since: str
    condition: Callable[[datetime], Q]


@dataclass(frozen=True)
class TodoSource:
    """What needs attention among the rows of one model."""

    model: type[models.Model]
    todos: tuple[Todo, ...]
    related: tuple[str, ...] = ()
    named: Callable[[Any], str] = str  # how the start page calls a row


def _newer_operation() -> Exists:
    newer = Operation.objects.filter(subject_id=OuterRef("subject_id"), created_at__gt=OuterRef("created_at"))
    return Exists(newer)


def _failed_last() -> Exists:
    """The newest operation of the row failed."""
    failed = Operation.objects.filter(subject_id=OuterRef("pk"), status=Operation.Status.FAILED)
    return Exists(failed.filter(~_newer_operation()))


def _listed_elsewhere() -> Q:
    """A failure that is listed with the instances or the tenants already."""
    instances = UmpInstance.objects.filter(pk=OuterRef("subject_id"), status=UmpInstance.Status.FAILED)
    return Q(Exists(instances)) | Q(kind=tenant_check.KIND)


def _is_late(now: datetime) -> Q:
    """Due for minutes: the workers or the scheduler do not run, or are far behind."""
    limit = now - LATE_AFTER
    due = Q(status__in=[Operation.Status.QUEUED, Operation.Status.WAITING], next_attempt_at__lt=limit)
    return due | Q(status=Operation.Status.RUNNING, leased_until__lt=limit)


INSTANCES = TodoSource(
    UmpInstance,
    (
        Todo(
            "failed",
            "Instances whose provisioning failed",
            "failed",
            "Open",
            "status_changed_at",
            lambda now: Q(status=UmpInstance.Status.FAILED),
        ),
        Todo(
            "draft",
            "Instances that are not provisioned yet",
            "draft",
            "Provision",
            "created_at",
            lambda now: Q(status=UmpInstance.Status.DRAFT),
        ),
    ),
    related=("provider",),
)
OPERATIONS = TodoSource(
    Operation,
    (
        Todo(
            "failed",
            "Operations that failed",
            "failed",
            "Open",
            "ended_at",
            lambda now: Q(status=Operation.Status.FAILED) & ~Q(_newer_operation()) & ~_listed_elsewhere(),
        ),
        Todo("late", "Operations that no worker runs", "late", "Open", "created_at", _is_late),
        Todo(
            "staff",
            "Operations that wait for staff",
            "waiting",
            "Open",
            "created_at",
            lambda now: Q(status=Operation.Status.WAITING, waits_for=Operation.WaitsFor.STAFF),
        ),
    ),
    named=lambda operation: str(operation.subject_label),
)
SECRETS = TodoSource(
    ClientSecret,
    (
        Todo(
            "expired",
            "Client secrets that have expired",
            "expired",
            "Open",
            "expires_at",
            lambda now: Q(status__in=ClientSecret.LIVE, expires_at__lte=now),
        ),
        Todo(
            "expiring",
            "Client secrets that expire within 60 days",
            "expiring",
            "Open",
            "expires_at",
            lambda now: Q(status__in=ClientSecret.LIVE, expires_at__gt=now, expires_at__lte=now + EXPIRING_WITHIN),
        ),
    ),
    related=("registration__instance__provider",),
    named=lambda secret: str(secret.registration),
)
TENANTS = TodoSource(
    EntraTenant,
    (
        Todo("failed", "Entra tenants whose check failed", "failed", "Open", "", lambda now: Q(_failed_last())),
        Todo(
            "missing",
            "Entra tenants that lack permissions",
            "missing",
            "Open",
            "checked_at",
            lambda now: Q(checked_at__isnull=False) & ~Q(missing_permissions=[]) & ~Q(_failed_last()),
        ),
        Todo(
            "unchecked",
            "Entra tenants that were never checked",
            "unchecked",
            "Check",
            "",
            lambda now: Q(checked_at__isnull=True) & ~Q(_failed_last()),
        ),
    ),
)


class TodoFilter(admin.SimpleListFilter):
    """Filters a list by what needs attention; the start page links here."""

    title = "needs attention"
    parameter_name = "needs"
    source: TodoSource

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[Any, str]]:
        """Each reason of the model."""
        return [(each.key, each.title) for each in self.source.todos]

    def queryset(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> models.QuerySet[Any]:
        """The rows with the chosen reason; an unknown one changes nothing."""
        for each in self.source.todos:
            if each.key == self.value():
                return queryset.filter(each.condition(timezone.now()))
        return queryset


def todo_filter(source: TodoSource) -> type[TodoFilter]:
    """The list filter of one model."""
    return type(f"{source.model.__name__}TodoFilter", (TodoFilter,), {"source": source})
