"""The start page: what needs attention, each count a link to its rows."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Min, Q
from django.db.models.functions import TruncDate
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from onboarding.admin.todo import INVITATIONS
from registrations import admin_html, places
from registrations.admin import todo
from registrations.admin.todo import Todo, TodoSource
from registrations.models import Operation, UmpInstance

WATCHED = (
    todo.OPERATIONS,
    todo.INSTANCES,
    todo.SECRETS,
    todo.TENANTS,
    todo.PROVIDERS,
    INVITATIONS,
)
SEVERITY = [
    "late",
    "failed",
    "no_secret",
    "missing",
    "no_contact",
    "expired",
    "refused",
    "active_failed",
    "waiting",
    "expiring",
    "unchecked",
    "draft",
]
SHOWN = 3
DAYS = 14
LONGEST_NAME = 600  # a name and a host, uncut


@dataclass(frozen=True)
class Line:
    """One line of the list: what, which rows, since when, and a link to them."""

    title: str
    count: int
    state: str
    badge: SafeString
    whose: str
    since: SafeString | str
    address: str


@dataclass(frozen=True)
class Day:
    """The operations that finished on one day; heights in percent of the busiest day."""

    date: Any
    succeeded: int
    failed: int
    succeeded_height: int
    failed_height: int


def context(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Unfold's dashboard callback: adds the list, its time, and the operations of the last days."""
    now = timezone.now()
    lines = [line for source in WATCHED if _may_see(request, source) for line in _lines(source, now)]
    lines.sort(key=lambda line: SEVERITY.index(line.state))
    days = _days(now) if request.user.has_perm("registrations.view_operation") else []
    first = _first_steps(request) if not lines and not UmpInstance.objects.exists() else []
    return {**context, "title": "Start", "lines": lines, "checked_at": now, "days": days, "first_steps": first}


def _first_steps(request: HttpRequest) -> list[tuple[str, str]]:
    steps = (
        ("entratenant", "Add an Entra tenant"),
        ("serviceprovider", "Add a service provider"),
        ("umpinstance", "Add a UMP instance"),
    )
    return [
        (title, reverse(f"admin:registrations_{name}_add"))
        for name, title in steps
        if request.user.has_perm(f"registrations.add_{name}")
    ]


def _may_see(request: HttpRequest, source: TodoSource) -> bool:
    opts = source.model._meta
    return request.user.has_perm(f"{opts.app_label}.view_{opts.model_name}")


def _lines(source: TodoSource, now: datetime) -> list[Line]:
    rows = source.rows(now)
    counts = rows.aggregate(**{f"{each.key}_count": Count("pk", filter=each.condition) for each in source.todos})
    dated = [each for each in source.todos if each.since]
    oldest = rows.aggregate(**{f"{each.key}_since": Min(each.since, filter=each.condition) for each in dated})
    return [
        _line(source, each, counts[f"{each.key}_count"], oldest.get(f"{each.key}_since"), now)
        for each in source.todos
        if counts[f"{each.key}_count"]
    ]


def _line(source: TodoSource, each: Todo, count: int, oldest: datetime | None, now: datetime) -> Line:
    opts = source.model._meta
    rows = source.rows(now).select_related(*source.related).filter(each.condition)
    names = _names(source, list(rows.order_by(each.since or "pk")[:SHOWN]))
    more = f" and {count - len(names)} more" if count > len(names) else ""
    return Line(
        title=each.title,
        count=count,
        state=each.state,
        badge=admin_html.badge(each.state, each.word),
        whose="; ".join(names) + more,
        since=_since(oldest, now, count),
        address=f"{reverse(f'admin:{opts.app_label}_{opts.model_name}_changelist')}?needs={each.key}",
    )


def _names(source: TodoSource, rows: list[Any]) -> list[str]:
    """What the rows are called, each with the host that tells it from others of its name."""
    keys = [(source.model._meta.model_name or "", str(row.pk)) for row in rows]
    found = places.of(keys)
    hosts = [found.get(key, places.Place()).host for key in keys]
    return [places.with_host(source.named(row), host, LONGEST_NAME) for row, host in zip(rows, hosts, strict=True)]


def _since(oldest: datetime | None, now: datetime, count: int) -> SafeString | str:
    if oldest is None:
        return ""
    first = "the first " if oldest > now else "the oldest "
    return format_html("{}{}", first if count > 1 else "", admin_html.moment(oldest))


def _days(now: datetime) -> list[Day]:
    first = now.date() - timedelta(days=DAYS - 1)
    ended = (
        Operation.objects.filter(ended_at__date__gte=first)
        .annotate(day=TruncDate("ended_at"))
        .values("day")
        .order_by("day")
        .annotate(succeeded=Count("pk", filter=Q(status="succeeded")), failed=Count("pk", filter=Q(status="failed")))
    )
    counts = {row["day"]: (row["succeeded"], row["failed"]) for row in ended}
    busiest = max((sum(pair) for pair in counts.values()), default=0) or 1
    return [_day(first + timedelta(days=offset), counts, busiest) for offset in range(DAYS)]


def _day(date: Any, counts: dict[Any, tuple[int, int]], busiest: int) -> Day:
    succeeded, failed = counts.get(date, (0, 0))
    return Day(date, succeeded, failed, round(100 * succeeded / busiest), round(100 * failed / busiest))
