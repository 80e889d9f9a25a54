"""What needs attention, as data: the start page counts it, and the lists filter by the same conditions."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db import models
from django.db.models import Case, Exists, F, OuterRef, Q, Subquery, Value, When
from django.db.models.functions import Concat
from django.http import HttpRequest
from django.utils import timezone

from registrations import engine, states
from registrations.models import AuditEvent, ClientSecret, EntraTenant, Operation, ServiceProvider, UmpInstance
from registrations.services import tenant_check
from registrations.states import InstanceState, OperationState, SecretState, TenantState

NEEDY = [*Operation.LIVE, Operation.Status.FAILED]  # the others need nobody, and are many


@dataclass(frozen=True)
class Todo:
    """One reason why rows of a model need attention, and the column that says since when.

    `word` is the badge's, where the rows are in several states.
    """

    key: str
    title: str
    state: str
    since: str
    condition: Q
    word: str = ""


@dataclass(frozen=True)
class TodoSource:
    """What needs attention among the rows of one model. `rows` gives them with their states."""

    model: type[models.Model]
    rows: Callable[[datetime], models.QuerySet[Any]]
    todos: tuple[Todo, ...]
    related: tuple[str, ...] = ()
    named: Callable[[Any], str] = str  # how the start page calls a row, before the host that it adds


def newer_operation() -> Exists:
    """Whether the subject of an operation has a newer one."""
    newer = Operation.objects.filter(subject_id=OuterRef("subject_id"), created_at__gt=OuterRef("created_at"))
    return Exists(newer)


def _of_secret(secret: ClientSecret) -> str:
    """The host, or the name of a registration that a customer has: the start page adds its host."""
    registration = secret.registration
    return str(registration) if registration.instance else registration.display_name


def _listed_elsewhere() -> Q:
    """A failure that is listed with the instances or the tenants already."""
    with_it = [UmpInstance.Status.DRAFT, UmpInstance.Status.FAILED, UmpInstance.Status.ACTIVE]
    instances = UmpInstance.objects.filter(pk=OuterRef("subject_id"), status__in=with_it)
    return Q(Exists(instances)) | Q(kind=tenant_check.KIND)


def _operations(now: datetime) -> models.QuerySet[Any]:
    """Those that may need somebody, with their state, whether they are over for good, and since when they are due or wait."""
    told = AuditEvent.objects.filter(operation_id=OuterRef("pk"), action=Concat(OuterRef("kind"), Value(".waiting")))
    waits = Q(status=Operation.Status.WAITING)
    rows = engine.with_obstacles(Operation.objects.filter(status__in=NEEDY)).annotate(
        due_at=Case(When(status=Operation.Status.RUNNING, then=F("leased_until")), default=F("next_attempt_at")),
        waits_since=Case(When(waits, then=Subquery(told.order_by("-id").values("at")[:1]))),
    )
    return states.operations(rows, now)


def _instances(now: datetime) -> models.QuerySet[Any]:
    """All, with their state, and when the last provisioning of each ended."""
    runs = Operation.objects.filter(subject_id=OuterRef("pk")).order_by("-created_at")
    rows: models.QuerySet[Any] = states.instances(UmpInstance.objects.all(), now)
    rows = rows.annotate(last_run_ended_at=Subquery(runs.values("ended_at")[:1]))
    return rows


INSTANCES = TodoSource(
    UmpInstance,
    _instances,
    (
        Todo(
            "failed",
            "Instances whose provisioning failed",
            "failed",
            "status_changed_at",
            Q(state=InstanceState.FAILED),
        ),
        Todo(
            "no_secret",
            "Active instances without a client secret",
            "no_secret",
            "",  # no row says when it was lost
            Q(state=InstanceState.NO_SECRET),
        ),
        Todo(
            "active_failed",
            "Active instances whose last provisioning failed",
            "active_failed",
            "last_run_ended_at",
            # Whatever its secret does: a secret's end is listed with the secrets.
            Q(status=UmpInstance.Status.ACTIVE, last_run=Operation.Status.FAILED) & ~Q(state=InstanceState.NO_SECRET),
        ),
        Todo(
            "draft",
            "Instances that are not provisioned yet",
            "draft",
            "created_at",
            Q(state=InstanceState.DRAFT),
        ),
    ),
    related=("provider",),
)
OPERATIONS = TodoSource(
    Operation,
    _operations,
    (
        Todo(
            "failed",
            "Operations that failed",
            "failed",
            "ended_at",
            Q(state=OperationState.FAILED, is_over=False) & ~Q(newer_operation()) & ~_listed_elsewhere(),
        ),
        Todo("late", "Operations that no worker runs", "late", "due_at", Q(state=OperationState.LATE)),
        Todo(
            "staff",
            "Operations that wait for staff",
            "waiting",
            "waits_since",
            Q(state=OperationState.WAITING, waits_for=Operation.WaitsFor.STAFF),
        ),
    ),
    named=lambda operation: str(operation.subject_label),
)
SECRETS = TodoSource(
    ClientSecret,
    lambda now: states.secrets(ClientSecret.objects.in_use(), now),
    (
        Todo("expired", "Client secrets that have expired", "expired", "expires_at", Q(state=SecretState.EXPIRED)),
        Todo(
            "expiring",
            f"Client secrets that expire within {states.EXPIRING_WITHIN.days} days",
            "expiring",
            "expires_at",
            Q(state=SecretState.EXPIRING),
        ),
    ),
    related=("registration__instance__provider",),
    named=_of_secret,
)
TENANTS = TodoSource(
    EntraTenant,
    lambda now: states.tenants(EntraTenant.objects.all()),
    (
        Todo("failed", "Entra tenants whose check failed", "failed", "", Q(state=TenantState.FAILED)),
        Todo("missing", "Entra tenants that lack permissions", "missing", "checked_at", Q(state=TenantState.MISSING)),
        Todo(
            "unchecked",
            "Entra tenants that were never checked",
            "unchecked",
            "",
            Q(state=TenantState.UNCHECKED),
        ),
    ),
)
PROVIDERS = TodoSource(
    ServiceProvider,
    lambda now: ServiceProvider.objects.filter(Exists(UmpInstance.objects.filter(provider=OuterRef("pk")))),
    (
        Todo(
            "contact",
            "Service providers without a contact for customers",
            "no_contact",
            "",
            Q(contact_email=""),
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
                return queryset.filter(pk__in=self.source.rows(timezone.now()).filter(each.condition).values("pk"))
        return queryset


def todo_filter(source: TodoSource) -> type[TodoFilter]:
    """The list filter of one model."""
    return type(f"{source.model.__name__}TodoFilter", (TodoFilter,), {"source": source})
