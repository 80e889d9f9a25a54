"""Small pieces of HTML that many of the staff's pages show: states, instants, values to copy, links to objects."""

import math
import re
from datetime import datetime, timedelta
from typing import Any

from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from registrations.clients.rate_limit.costs import READ_UNITS, WRITES
from registrations.clients.rate_limit.local import Remaining

EMAIL_BREAKS = re.compile(r"(?<=@)|(?=\.)")
# Design language, section 1: a state is a colour, an icon and a word, the same everywhere.
STATES: dict[str, tuple[str, str, str]] = {
    "draft": ("neutral", "edit_note", "Draft"),
    "not_invited": ("neutral", "edit_note", "Not invited"),
    "queued": ("neutral", "schedule", "Queued"),
    "pending": ("neutral", "radio_button_unchecked", "Pending"),
    "intended": ("neutral", "schedule", "Intended"),
    "running": ("blue", "autorenew", "Running"),
    "started": ("blue", "play_circle", "Started"),
    "sent": ("blue", "mail", "Sent"),
    "identified": ("blue", "badge", "Signed in"),
    "stored": ("blue", "lock", "Stored"),
    "proven": ("blue", "verified", "Proven"),
    "entered": ("blue", "edit", "Entered by hand"),
    "unverified": ("blue", "help", "Not verified"),
    "active_unverified": ("blue", "help", "Active, not verified"),
    "unsent": ("amber", "unsubscribe", "New link not sent"),
    "paused": ("amber", "pause_circle", "Paused"),
    "waiting": ("amber", "hourglass_top", "Waiting"),
    "cancelling": ("amber", "hourglass_bottom", "Being cancelled"),
    "skipped": ("amber", "skip_next", "Skipped"),
    "expiring": ("amber", "timer", "Expiring"),
    "secret_expiring": ("amber", "timer", "Connected, secret expiring"),
    "discarded": ("amber", "delete_sweep", "To be removed"),
    "excess": ("amber", "warning", "Unneeded permissions"),
    "unchecked": ("amber", "help", "Not checked"),
    "active_failed": ("amber", "warning", "Active, last run failed"),
    "active": ("green", "check_circle", "Active"),
    "done": ("green", "check_circle", "Done"),
    "succeeded": ("green", "check_circle", "Succeeded"),
    "completed": ("green", "check_circle", "Completed"),
    "connected": ("green", "check_circle", "Connected"),
    "delivered": ("green", "check_circle", "Delivered"),
    "complete": ("green", "check_circle", "Complete"),
    "failed": ("red", "error", "Failed"),
    "partly_failed": ("red", "error", "Ended with failures"),
    "refused": ("red", "block", "Refused"),
    "expired": ("red", "timer_off", "Expired"),
    "secret_expired": ("red", "timer_off", "Connected, secret expired"),
    "no_contact": ("red", "contact_support", "No contact"),
    "no_secret": ("red", "key_off", "No secret"),
    "missing": ("red", "error", "Missing permissions"),
    "late": ("red", "alarm", "Late"),
    "cancelled": ("grey", "block", "Cancelled"),
    "revoked": ("grey", "block", "Revoked"),
    "replaced": ("grey", "published_with_changes", "Replaced"),
    "retired": ("grey", "inventory_2", "Retired"),
    "unused": ("grey", "link_off", "Not in use"),
    "deleted": ("grey", "key_off", "Value deleted"),
    "removed": ("grey", "delete", "Removed"),
}


def badge(state: str, word: str = "") -> SafeString:
    """The state as icon, word and colour; an unknown state is shown as it is."""
    colour, icon, usual = STATES.get(state, ("neutral", "help", state.capitalize()))
    return format_html(
        '<span class="state state-{}"><span class="material-symbols-outlined" aria-hidden="true">{}</span>{}</span>',
        colour,
        icon,
        word or usual,
    )


def remaining(left: Remaining) -> str:
    """What is left of Microsoft's quota, in one sentence."""
    who = "all processes together" if left.shared else "this process alone, because Redis does not answer"
    writes, reads = (
        f"{left.writes:,.0f} of {WRITES.size:,.0f} writes",
        f"{left.units:,.0f} of {READ_UNITS.size:,.0f} reads",
    )
    said = f"{writes} and {reads} are left, counted by {who}."
    pause = math.ceil(left.blocked.total_seconds())
    return f"{said} Microsoft asked for a pause of {pause} s more." if pause else said


def moment(value: datetime | None, empty: str = "–") -> SafeString:
    """A relative time with the exact instant on hover."""
    if value is None:
        return format_html("{}", empty)
    exact = value.astimezone(timezone.get_default_timezone()).strftime("%Y-%m-%d %H:%M UTC")
    return format_html('<time datetime="{}" title="{}">{}</time>', value.isoformat(), exact, relative(value))


def expiry(value: datetime | None, empty: str = "–") -> SafeString:
    """When something ends, or that it has ended: "in 23 days", "expired 2 days ago"."""
    if value is None or value > timezone.now():
        return moment(value, empty)
    return format_html("expired {}", moment(value))


def relative(value: datetime) -> str:
    """How far away an instant is, rounded down: "in 23 days", "5 minutes ago"."""
    distance = value - timezone.now()
    words = length(abs(distance))
    if abs(distance) < timedelta(minutes=1):
        return "just now" if distance <= timedelta(0) else "in less than a minute"
    return f"{words} ago" if distance < timedelta(0) else f"in {words}"


def length(span: timedelta) -> str:
    """A span in its largest unit, rounded down: "23 days", "4 s"."""
    seconds = span.total_seconds()
    if seconds < 10:
        return f"{seconds:.1f} s"
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            count = math.floor(seconds / size)
            return f"{count} {unit}" if count == 1 else f"{count} {unit}s"
    return f"{math.floor(seconds)} s"


def copyable(value: str, *, derived: str = "") -> SafeString:
    """A value in monospace with a copy button; `derived` names what the add form fills in while one types."""
    return format_html(
        '<span class="copyable"{}><code>{}</code><button type="button" class="copy" data-copy="{}"{}>'
        '<span class="material-symbols-outlined" aria-hidden="true">content_copy</span> Copy</button></span>',
        format_html(' data-derived="{}"', derived) if derived else "",
        value or "–",
        value,
        "" if value else SafeString(" disabled"),
    )


def email(address: str) -> SafeString:
    """An e-mail address that breaks behind @ and before a dot, and nowhere else."""
    return format_html_join(SafeString("<wbr>"), "{}", ((part,) for part in EMAIL_BREAKS.split(address)))


def listed(values: list[str], state: str) -> SafeString:
    """Names under a coloured badge, one a line."""
    rows = format_html_join("", "<li><code>{}</code></li>", ((value,) for value in values))
    return format_html('{}<ul class="plain-list">{}</ul>', badge(state), rows)


def refreshed(name: str, content: SafeString) -> SafeString:
    """Content that the page brings up to date when an operation that it shows has ended."""
    return format_html('<div data-refresh="{}">{}</div>', name, content)


def change_url(subject: models.Model) -> str:
    """The address of the subject's page."""
    return reverse(f"admin:{subject._meta.app_label}_{subject._meta.model_name}_change", args=[subject.pk])


def link_to(subject: models.Model) -> SafeString:
    """The subject's name as a link to its page."""
    return format_html('<a class="text-link" href="{}">{}</a>', change_url(subject), subject)


def address_of(model_name: str, pk: Any, request: HttpRequest) -> str:
    """The address of the page of a row known by model name and id alone; "" where no page shows it to this reader."""
    for model, pages in admin.site._registry.items():
        if model._meta.model_name == model_name and pk and pages.has_view_permission(request):
            return reverse(f"admin:{model._meta.app_label}_{model_name}_change", args=[pk])
    return ""
