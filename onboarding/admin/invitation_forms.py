"""The form of an invitation: it accepts only the customer's tenant, and one open invitation for each service."""

import json
from typing import Any

from django import forms
from django.utils import timezone
from unfold.widgets import UnfoldBooleanWidget

from onboarding.models import Invitation, Service
from onboarding.services import invitations
from registrations.admin.base import inner_widget
from registrations.errors import WrongStateError
from registrations.models import UmpInstance


class InvitationForm(forms.ModelForm):  # type: ignore[type-arg]
    """The expected tenant is the customer's: it is filled in from the service and cannot differ."""

    again = forms.BooleanField(label="Invite again although connected", required=False, widget=UnfoldBooleanWidget)

    class Meta:
        model = Invitation
        fields = ["service", "tenant_id", "it_admin_email", "m365_admin_email", "expires_at"]
        labels = {"expires_at": "Expires at (UTC)"}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.instance._state.adding:
            del self.fields["again"]
        if "service" in self.fields:
            inner_widget(self.fields["service"]).attrs["data-of-services"] = json.dumps(_of_services())
            self.fields["tenant_id"].required = False
            self.fields["tenant_id"].help_text = "Leave it empty to use the customer's tenant."

    def clean(self) -> dict[str, Any]:
        """Only the customer's own tenant is accepted."""
        values = super().clean() or self.cleaned_data
        service, tenant_id = values.get("service"), values.get("tenant_id")
        if service and tenant_id and tenant_id != service.customer.tenant_id:
            self.add_error("tenant_id", f"The tenant of {service.customer} is {service.customer.tenant_id}.")
        if service and not tenant_id and not self.has_error("tenant_id"):
            values["tenant_id"] = service.customer.tenant_id
        self._refuse_second_invitation(service or getattr(self.instance, "service", None), values)
        return values

    def _refuse_second_invitation(self, service: Service | None, values: dict[str, Any]) -> None:
        is_new = self.instance._state.adding
        is_open = is_new or values.get("expires_at", timezone.now()) > timezone.now()
        if service is None or not is_open:
            return
        try:
            invitations.refuse_second(service, except_for=None if is_new else self.instance)
        except WrongStateError as refusal:
            self.add_error("service" if "service" in self.fields else None, str(refusal))
            return
        provider = service.instance.provider
        if is_new and not provider.contact_email and invitations.is_first_of(provider):
            self.add_error("service" if "service" in self.fields else None, invitations.no_contact(provider))
        if is_new and invitations.is_connected(service) and not values.get("again"):
            self.add_error("again", f"{service} is already connected. Select this to reconnect it.")


def _of_services() -> dict[str, dict[str, str]]:
    """For the page's script: each service's tenant and instance, and what to say of instances that are not active."""
    services = list(Service.objects.values_list("pk", "customer__tenant_id", "instance_id"))
    inactive = UmpInstance.objects.exclude(status=UmpInstance.Status.ACTIVE).select_related("provider")
    return {
        "tenants": {str(pk): str(tenant_id) for pk, tenant_id, _ in services},
        "instances": {str(pk): str(instance_id) for pk, _, instance_id in services},
        "warnings": {str(each.pk): invitations.not_active(each) for each in inactive},
    }
