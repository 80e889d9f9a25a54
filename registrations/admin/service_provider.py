"""Service providers: a domain and a tenant, fixed once something was delivered."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from registrations.admin import todo
from registrations.admin.addresses import AddressAdmin
from registrations.admin.base import actor_of, page
from registrations.clean_text import Kind
from registrations.form_fields import HostField, TextField
from registrations.models import EntraTenant, ServiceProvider, UmpInstance
from registrations.models.fields import validate_domain
from registrations.services import addresses

FIXED = (
    "Domain and tenant are read only while an operation is running, and after the first delivery. After a delivery, use "
    "Change address."
)


CONTACT = ["contact_name", "contact_email", "contact_phone"]
WHO_READS_IT = (
    "Who customers of this provider can contact. Shown in every invitation email and on every page of the wizard."
)


class ChangeDomainForm(forms.Form):
    """Another domain or tenant, and why."""

    domain = HostField(max_length=240, validators=[validate_domain], widget=UnfoldAdminTextInputWidget())
    tenant = forms.ModelChoiceField(EntraTenant.objects.all(), label="Entra tenant", widget=UnfoldAdminSelectWidget())
    reason = TextField(
        what=Kind.TEXT,
        max_length=500,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text="It is stored in the history.",
    )


@admin.register(ServiceProvider)
class ServiceProviderAdmin(AddressAdmin):
    """Domain and tenant decide where applications are created, and which hosts SyncPortal serves."""

    subject_word = "provider"
    list_display = ("name", "domain", "tenant", "instance_count")
    ordering = ("name",)  # said here, because Django drops the order of a model whose rows are counted
    list_filter = (todo.todo_filter(todo.PROVIDERS), "tenant")
    list_select_related = ("tenant",)
    search_fields = ("name", "domain")
    search_help_text = "Name or domain"
    address_fields = ("domain", "tenant")
    actions_detail = ("change_address",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[ServiceProvider]:
        """With the number of instances."""
        rows: QuerySet[ServiceProvider] = super().get_queryset(request).annotate(instance_total=Count("instances"))
        return rows

    @admin.display(description="UMP instances", ordering="instance_total")
    def instance_count(self, provider: Any) -> int:
        """How many UMP instances belong to it."""
        return int(provider.instance_total)

    def instances_of(self, obj: ServiceProvider) -> QuerySet[UmpInstance]:
        """All of the provider's."""
        return UmpInstance.objects.filter(provider=obj)

    def get_fieldsets(self, request: HttpRequest, obj: ServiceProvider | None = None) -> Any:
        """With the reason if the address is read only."""
        fixed = bool(obj and self.is_fixed(obj))
        return [
            (None, {"fields": ["name", "domain", "tenant"], "description": FIXED if fixed else ""}),
            ("Contact for customers", {"fields": CONTACT, "description": WHO_READS_IT}),
        ]

    def has_change_address_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """The same permission as for an instance's address."""
        return self.may(request, "change_address_umpinstance")

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> Any:
        """Offered only if the form cannot do it."""
        provider = self.get_object(request, str(object_id))
        return super().get_actions_detail(request, object_id) if provider and self.was_delivered(provider) else []

    @page("Change address", permission="change_address", icon="edit_location")
    def change_address(self, request: HttpRequest, provider: ServiceProvider) -> HttpResponse:
        """Another domain or tenant after the first delivery."""
        initial = {"domain": provider.domain, "tenant": provider.tenant_id}
        form = ChangeDomainForm(request.POST or None, initial=initial)
        if request.method == "POST" and form.is_valid() and self._change(request, provider, form):
            return self.back_to(provider)
        return self.confirmation(
            request,
            subject=provider,
            title=f"Change the address of {provider}",
            button="Change address",
            form=form,
            danger=True,
            intro=what_follows(provider),
        )

    def _change(self, request: HttpRequest, provider: ServiceProvider, form: ChangeDomainForm) -> bool:
        values = form.cleaned_data
        done = f"The address of {provider} is changed. Enter the UMP API secrets again, then provision."
        try:
            return self.attempt(
                request,
                lambda: addresses.change_provider_address(provider, **values, actor=actor_of(request)),
                done,
            )
        except ValidationError as refusal:
            form.add_error(None, refusal.messages)
            return False


def what_follows(provider: ServiceProvider) -> list[str]:
    """What a change means, in sentences."""
    hosts = ", ".join(str(instance) for instance in provider.instances.select_related("provider"))
    return [
        f"These hosts change with it: {hosts}.",
        "Each of them goes back to Draft, and its stored UMP API secret is deleted. Enter it again.",
        "A UMP base URL that is not under the new domain is emptied.",
        "Links in invitations that were sent before stop working at the old host.",
        "With another tenant, new applications are created there. The old ones stay until you remove them.",
    ]
