"""The history: read only for everybody, in sentences."""

import json
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from registrations import admin_html, places
from registrations.admin import audit_phrases, object_history
from registrations.admin.base import ReadOnlyAdmin
from registrations.models import AuditEvent, UmpInstance


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnlyAdmin):
    """Newest first; each entry folds out to before and after."""

    list_title = "History"
    list_display = ("sentence", "when", "source", "details", "operation_link")
    list_display_links = ("sentence",)
    list_filter = (object_history.ObjectFilter, "actor_kind", "action", "at")
    search_fields = ("subject_label", "context__host", "actor_label", "=subject_id", "=operation_id", "reason")
    search_help_text = "Who, host, or what it is about"
    list_per_page = 100
    date_hierarchy = "at"
    change_form_template = "admin/registrations/auditevent/change_form.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[AuditEvent]:
        """By the chain's own order."""
        return super().get_queryset(request).select_related("context").order_by("-id")

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        """Object pages link to the entries about their object."""
        return lookup in ("subject_id__exact", "operation_id__exact") or super().lookup_allowed(lookup, value, request)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Under the object's name, if it is the history of one."""
        answer = super().changelist_view(request, extra_context)
        context = getattr(answer, "context_data", None) or {}
        for chosen in context["cl"].filter_specs if "cl" in context else ():
            if isinstance(chosen, object_history.ObjectFilter) and chosen.name:
                context.update(title=f"History of {chosen.name}", about=chosen.found[1] if chosen.found else None)
        return answer

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """One entry with all that it says."""
        extra = dict(extra_context or {})
        event = self.get_object(request, object_id)
        if event is not None:
            extra.update(
                event=event,
                subject=subject_of(event),
                sentence=self.sentence(event),
                changes=changes(event),
                subject_address=admin_html.address_of(event.subject_type, event.subject_id, request),
                operation_address=admin_html.address_of("operation", event.operation_id, request),
            )
        return super().change_view(request, object_id, form_url, extra)

    def name_of(self, obj: AuditEvent) -> str:
        """Its sentence."""
        return f"{obj.actor_label} {audit_phrases.phrase(obj.action, subject_of(obj))}"

    @admin.display(description="What happened", ordering="action")
    def sentence(self, event: AuditEvent) -> SafeString:
        """Who did what to what, and why."""
        reason = " (already existed)" if existed(event) else ""
        reason += f" (reason: {event.reason})" if event.reason else ""
        return format_html(
            "<strong>{}</strong> {}{}",
            event.actor_label,
            audit_phrases.phrase(event.action, subject_of(event)),
            reason,
        )

    @admin.display(description="When", ordering="id")
    def when(self, event: AuditEvent) -> SafeString:
        """The exact instant, because order matters here."""
        exact = event.at.strftime("%Y-%m-%d %H:%M:%S UTC")
        return format_html(
            '<time datetime="{}" title="{}">{}</time>', event.at.isoformat(), admin_html.relative(event.at), exact
        )

    @admin.display(description="From", ordering="ip_address")
    def source(self, event: AuditEvent) -> str:
        """The address the person worked from."""
        return event.ip_address or "–"

    @admin.display(description="Details")
    def details(self, event: AuditEvent) -> SafeString:
        """Before and after, folded."""
        rows = changes(event)
        if not rows:
            return format_html("{}", "–")
        lines = format_html_join("", "<li>{}: <del>{}</del> {}</li>", rows)
        return format_html(
            '<details class="folded"><summary>Details</summary><ul class="plain-list">{}</ul></details>', lines
        )

    @admin.display(description="Operation")
    def operation_link(self, event: AuditEvent) -> SafeString:
        """The operation it belongs to."""
        if not event.operation_id:
            return format_html("{}", "–")
        address = reverse("admin:registrations_operation_change", args=[event.operation_id])
        return format_html('<a class="text-link" href="{}">Steps</a>', address)


EXISTED = ("Already exists", "Found as it must be.", "Found; corrected")  # notes of steps, of earlier versions too


def existed(event: AuditEvent) -> bool:
    """Whether a step recorded that what it creates was there already."""
    return event.action.endswith(".done") and str(event.after.get("note", "")).startswith(EXISTED)


def subject_of(event: AuditEvent) -> str:
    """The subject's name with its host. Entries of before its names had one get it from where they belong.

    An instance's name is its host, which may have been another one then.
    """
    is_host = event.subject_type == UmpInstance._meta.model_name
    return event.subject_label if is_host else places.with_host(event.subject_label, event.host, LONGEST)


LONGEST = 600  # a label and a host, uncut


def changes(event: AuditEvent) -> list[tuple[str, str, str]]:
    """Name, before and after of each value that the entry holds."""
    names = list(dict.fromkeys([*event.before, *event.after]))
    return [
        (audit_phrases.words(name), as_text(event.before.get(name, "")), as_text(event.after.get(name, "")))
        for name in names
    ]


def as_text(value: Any) -> str:
    """A value of the entry for people."""
    if isinstance(value, list):
        return ", ".join(str(item) for item in value) or "none"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else str(value)
