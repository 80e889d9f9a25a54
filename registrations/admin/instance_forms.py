"""The forms of a UMP instance: its settings, and the change of its address after the first delivery."""

import json
from typing import Any

from django import forms
from django.conf import settings
from unfold.widgets import (
    UnfoldAdminPasswordWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from registrations.admin.base import SecretForm, inner_widget
from registrations.clean_text import Kind
from registrations.form_fields import HostField, TextField, UrlField
from registrations.models import ServiceProvider, UmpInstance
from registrations.models.fields import DNS_LABEL, validate_dns_label
from registrations.models.tenants import PORTAL_PATH, REDIRECT_PATH

STORED = "A secret is stored, encrypted. It is never shown again. Enter a new one to replace it."
NOT_STORED = "The secret's value, not its ID. It is stored encrypted and never shown again."
APP_NAME = (
    "1 to 63 characters: letters from a to z, digits and hyphens, with no hyphen at either end. For example: umptoken. It is the "
    "first part of the host."
)
API_FIELDS = {
    "ump_tenant_id": "UMP API tenant ID",
    "ump_client_id": "UMP API client ID",
    "ump_scope": "UMP API scope",
    "ump_client_secret": "UMP API client secret",
}


class UmpInstanceForm(SecretForm):
    """The instance, and a UMP secret that can be written but not read."""

    reenter_field = "ump_client_secret"

    ump_client_secret = TextField(
        what=Kind.SECRET,
        label="UMP API client secret",
        required=False,
        max_length=500,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}, render_value=False),
    )

    class Meta:
        model = UmpInstance
        fields = ["provider", "app_name", "delivery", "ump_url", "ump_tenant_id", "ump_client_id", "ump_scope"]
        help_texts = {"ump_scope": "api://APPLICATION-ID/.default", "app_name": APP_NAME}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "ump_client_secret" in self.fields:
            kept = self.instance.ump_client_secret_envelope
            self.fields["ump_client_secret"].help_text = STORED if kept else NOT_STORED
        if "ump_url" in self.fields:
            # The admin's own widget shows the value as a link: a refused address must not be one to click on.
            self.fields["ump_url"].widget = UnfoldAdminTextInputWidget(attrs={"type": "url"})
        if "provider" in self.fields:
            inner_widget(self.fields["provider"]).attrs["data-derivation"] = derivation()

    def clean(self) -> dict[str, Any]:
        """Delivery by API needs the API's credential; with the hand-over sheet it is complete or absent."""
        values = super().clean() or self.cleaned_data
        given = {name: values.get(name, getattr(self.instance, name, "")) for name in API_FIELDS}
        given["ump_client_secret"] = values.get("ump_client_secret") or self.instance.ump_client_secret_envelope
        by_api = values.get("delivery", self.instance.delivery) == UmpInstance.Delivery.API
        why = "delivery by API needs it" if by_api else "the UMP's credential needs all of its parts"
        if by_api or any(given.values()):
            for name, label in API_FIELDS.items():
                if not given[name] and name in self.fields and not self.has_error(name):
                    self.add_error(name, f"The {label} is missing: {why}.")
        return values


class ChangeAddressForm(forms.Form):
    """Another UMP URL, app name or delivery, and why."""

    app_name = HostField(
        max_length=63, validators=[validate_dns_label], widget=UnfoldAdminTextInputWidget(), help_text=APP_NAME
    )
    ump_url = UrlField(label="UMP base URL", max_length=255, widget=UnfoldAdminTextInputWidget())
    delivery = forms.ChoiceField(choices=UmpInstance.Delivery.choices, widget=UnfoldAdminSelectWidget())
    reason = TextField(
        what=Kind.TEXT,
        max_length=500,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text="It is stored in the history.",
    )


def derivation() -> str:
    """What the add form needs to show host and URLs while one types, as JSON: providers' domains and the URL parts."""
    domains = {str(pk): domain for pk, domain in ServiceProvider.objects.values_list("pk", "domain")}
    parts = {"portal": PORTAL_PATH, "redirect": REDIRECT_PATH, "localhost_port": settings.PORTAL_LOCALHOST_PORT}
    parts["label"] = DNS_LABEL.pattern
    return json.dumps({"domains": domains, **parts})
