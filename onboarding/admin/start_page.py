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

from onboarding.admin import todo
from registrations import elements
from registrations.admin import attention
from registrations.admin.attention import Need, Watch
from registrations.models import Operation, UmpInstance

WATCHED = (
    attention.OPERATIONS,
    attention.INSTANCES,
    attention.SECRETS,
    attention.TENANTS,
    todo.INVITATIONS,
)
SEVERITY = ["late", "failed", "missing", "expired", "waiting", "expiring", "unchecked", "draft"]
SHOWN = 3
DAYS = 14


@dataclass(frozen=True)
class Line:
    """One line of the list: what, which rows, since when, and a link to them."""

    title: str
    count: int
    state: str
    badge: SafeString
    whose: str
    since: SafeString | str
    button: str
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
    lines = [line for watch in WATCHED if _may_see(request, watch) for line in _lines(watch, now)]
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


def _may_see(request: HttpRequest, watch: Watch) -> bool:
    opts = watch.model._meta
    return request.user.has_perm(f"{opts.app_label}.view_{opts.model_name}")


def _lines(watch: Watch, now: datetime) -> list[Line]:
    rows = watch.model._default_manager.all()
    counts = rows.aggregate(**{need.key: Count("pk", filter=need.condition(now)) for need in watch.needs})
    oldest = rows.aggregate(
        **{need.key: Min(need.since, filter=need.condition(now)) for need in watch.needs if need.since}
    )
    return [_line(watch, need, counts[need.key], oldest.get(need.key), now) for need in watch.needs if counts[need.key]]


def _line(watch: Watch, need: Need, count: int, oldest: datetime | None, now: datetime) -> Line:
    opts = watch.model._meta
    rows = watch.model._default_manager.select_related(*watch.related).filter(need.condition(now))
    names = [watch.named(row) for row in rows.order_by(need.since or "pk")[:SHOWN]]
    more = f" and {count - len(names)} more" if count > len(names) else ""
    return Line(
        title=need.title,
        count=count,
        state=need.state,
        badge=elements.badge(need.state),
        whose=", ".join(names) + more,
        since=_since(oldest, now),
        button=need.button,
        address=f"{reverse(f'admin:{opts.app_label}_{opts.model_name}_changelist')}?needs={need.key}",
    )


def _since(oldest: datetime | None, now: datetime) -> SafeString | str:
    if oldest is None:
        return ""
    return format_html("the first {}" if oldest > now else "since {}", elements.moment(oldest))


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
