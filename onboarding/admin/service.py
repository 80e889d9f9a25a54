"""Services: a customer's phone service on one UMP instance."""

import json
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString

from onboarding import states, validators
from onboarding.models import Invitation, Service
from registrations import admin_html, places
from registrations.admin.base import PortalAdmin
from registrations.admin.state_columns import state_filter
from registrations.models.fields import is_guid

AS_IN_UMP = "It must match the short name in the UMP."


class ServiceForm(forms.ModelForm):  # type: ignore[type-arg]
    """A service. The page checks the short name's rules while typing, the form checks them again."""

    class Meta:
        model = Service
        fields = ["customer", "instance", "service_type", "full_name", "short_name", "ump_customer_guid"]

    def __init__(self, data: Any = None, *args: Any, **kwargs: Any) -> None:
        if data and data.get("customer") and not is_guid(str(data["customer"])):
            # Django's autocomplete would look for it when it shows the refused form, and fail: it is refused as empty.
            data = data.copy()
            data["customer"] = ""
        super().__init__(data, *args, **kwargs)
        if "short_name" in self.fields:
            self.fields["short_name"].widget.attrs["data-name-rules"] = json.dumps(name_rules())
            self.fields["short_name"].help_text = f"{validators.SHORT_NAME_RULE} {AS_IN_UMP}"
        if "instance" in self.fields:
            # Each choice shows its host, which needs the provider's row too.
            field = self.fields["instance"]
            field.queryset = field.queryset.select_related("provider")  # type: ignore[attr-defined]


@admin.register(Service)
class ServiceAdmin(PortalAdmin):
    """Customer, instance and short name are read only after the first invitation."""

    form = ServiceForm
    fields = ("customer", "instance", "service_type", "full_name", "short_name", "ump_customer_guid")
    list_display = ("full_name", "state", "customer", "instance", "service_type", "short_name")
    list_filter = (state_filter(states.SERVICE_STATES), "service_type", "instance__provider")
    list_select_related = ("customer", "instance__provider")
    search_fields = ("full_name", "short_name", "customer__name", "place_host", "ump_customer_guid")
    search_help_text = "Full name, short name, customer or host"
    autocomplete_fields = ("customer",)
    change_form_outer_after_template = "admin/onboarding/service/invitations.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Service]:
        """With the state, and the host as one searchable text."""
        return states.services(super().get_queryset(request).annotate(**places.annotations(Service)))

    def get_readonly_fields(self, request: HttpRequest, obj: Service | None = None) -> list[str]:
        """Fields that an existing invitation depends on are read only."""
        invited = obj and obj.invitations.exists()
        return ["customer", "instance", "short_name"] if invited else []

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Add the service's invitations below the form."""
        extra = dict(extra_context or {})
        service = self.get_object(request, object_id) if object_id else None
        if service:
            invitations = states.invitations(service.invitations.order_by("-created_at"))
            extra["invitations"] = [(each, admin_html.badge(each.state)) for each in invitations]
            extra["opens"] = Invitation.OPEN
            is_open = any(each.status in Invitation.OPEN and not each.is_expired for each in invitations)
            extra["may_invite"] = request.user.has_perm("onboarding.add_invitation") and not is_open
        return super().changeform_view(request, object_id, form_url, extra)

    @admin.display(description="Connection", ordering="state")
    def state(self, service: Any) -> SafeString:
        """Connected if any invitation was completed; otherwise the state of the newest invitation."""
        return admin_html.badge(service.state)


def name_rules() -> list[dict[str, Any]]:
    """The documented rules as data for the page: a sentence, and what to test."""
    tests: list[dict[str, Any]] = [
        {"min": validators.MIN_LENGTH, "max": validators.MAX_LENGTH},
        {"without": validators.FORBIDDEN},
        {"reserved": validators.RESERVED},
    ]
    sentences = [sentence for sentence, _ in validators.rule_results("")]
    rules = [{"sentence": sentence, **test} for sentence, test in zip(sentences, tests, strict=True)]
    dns = "letters, digits and hyphens only, with no hyphen at either end"
    return [*rules, {"sentence": dns, "pattern": validators.DNS_SAFE.pattern}]
