"""UMP instances: their generated values, what was created for them, and the actions on them."""

from collections.abc import Collection
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import CharField, Count, Q, QuerySet, Value
from django.db.models.functions import Concat
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import URLPattern, path
from django.utils.safestring import SafeString

from registrations import admin_html, states, tasks
from registrations.admin import identifiers, operation_progress, todo
from registrations.admin.addresses import AddressAdmin
from registrations.admin.base import actor_of, page
from registrations.admin.bulk_acts import BulkAct, BulkActs
from registrations.admin.instance_forms import ChangeAddressForm, UmpInstanceForm
from registrations.admin.state_columns import EmptyLast, state_filter
from registrations.models import ClientSecret, Operation, UmpInstance
from registrations.services import addresses, bulk_jobs, credentials, provisioning, provisioning_plan

ADDRESS = ("provider", "app_name", "delivery", "ump_url")
DERIVED = ["host_text", "redirect_uri_text", "portal_url_text"]
CREDENTIAL = ["ump_tenant_id", "ump_client_id"]


@admin.register(UmpInstance)
class UmpInstanceAdmin(BulkActs, AddressAdmin):
    """Staff enter app name, provider and the UMP's address; everything else is generated or done by operations."""

    form = UmpInstanceForm
    subject_word = "instance"
    says_added = True
    address_fields = ADDRESS
    list_display = ("host_name", "state", "provider", "tenant", "delivery_kind", "secret_expires", "changed")
    list_display_links = ("host_name",)
    list_filter = (todo.todo_filter(todo.INSTANCES), state_filter(states.InstanceState.choices), "provider", "delivery")
    list_select_related = ("provider__tenant",)
    search_fields = ("full_host", "provider__name", "ump_url")
    search_help_text = "Host, service provider or UMP URL; client ID, object ID, key ID or tenant ID"
    actions = ("provision_selected",)
    actions_detail = ("provision", "change_address")
    change_form_outer_before_template = "admin/registrations/umpinstance/facts.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[UmpInstance]:
        """With the state, and the host as one searchable text."""
        rows: QuerySet[UmpInstance] = super().get_queryset(request).select_related("provider__tenant")
        return states.instances(
            rows.annotate(full_host=Concat("app_name", Value("."), "provider__domain", output_field=CharField()))
        )

    def identified_by(self, guid: str) -> Q | None:
        """By its application, a secret, a tenant, or a registration of one of its customers."""
        return Q(pk__in=identifiers.instances(guid).values("pk"))

    def get_fieldsets(self, request: HttpRequest, obj: UmpInstance | None = None) -> Any:
        """What is typed, what follows from it, and the UMP API's credential."""
        may_write = self.has_change_permission(request, obj) if obj else self.has_add_permission(request)
        secret = "ump_client_secret" if may_write else "secret_kept"
        fixed = bool(obj and self.is_fixed(obj))
        return [
            (None, {"fields": ADDRESS, "description": FIXED if fixed else ""}),
            ("Generated values", {"fields": DERIVED, "description": DERIVED_TEXT}),
            ("UMP API credential", {"fields": [*CREDENTIAL, secret, "ump_scope"], "description": CREDENTIAL_TEXT}),
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: UmpInstance | None = None) -> list[str]:
        """Generated values are never typed."""
        return [*super().get_readonly_fields(request, obj), *DERIVED, "secret_kept"]

    def instances_of(self, obj: UmpInstance) -> QuerySet[UmpInstance]:
        """The instance itself."""
        return UmpInstance.objects.filter(pk=obj.pk)

    def has_provision_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Who may provision."""
        return self.may(request, "provision_umpinstance")

    def has_change_address_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Who may change the address to which secrets are sent."""
        return self.may(request, "change_address_umpinstance")

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> Any:
        """None while an operation is live; Change address only if the form cannot do it."""
        if Operation.objects.live().of_subject(object_id).exists():
            return []
        found = super().get_actions_detail(request, object_id)
        delivered = UmpInstance.objects.filter(pk=object_id, delivered_at__isnull=False).exists()
        return [act for act in found if delivered or not act.action_name.endswith("change_address")]

    def save_model(self, request: HttpRequest, obj: UmpInstance, form: Any, change: bool) -> None:
        """Save the edits and the UMP's secret."""
        super().save_model(request, obj, form, change)
        if not change:
            self.message_user(request, "Added. Provision it next.", messages.SUCCESS)
        secret = form.cleaned_data.get("ump_client_secret")
        if secret:
            credentials.store_ump_secret(obj, secret, actor=actor_of(request))

    def get_urls(self) -> list[URLPattern]:
        """With the address that the confirmation page of Provision posts to."""
        view = self.admin_site.admin_view(self.provision_confirmed)
        return [path("provision/", view, name="registrations_umpinstance_provision_confirmed"), *super().get_urls()]

    @page("Provision", permission="provision", icon="rocket_launch", variant="primary")
    def provision(self, request: HttpRequest, instance: UmpInstance) -> HttpResponse:
        """The confirmation page for one instance."""
        return self.provision_page(request, instance)

    @admin.action(description="Provision", permissions=["provision"])
    def provision_selected(self, request: HttpRequest, queryset: QuerySet[UmpInstance]) -> HttpResponse:
        """The preview of the chosen instances, and what it asked for."""
        return self.in_bulk(request, queryset, self._provisioning(request))

    def provision_page(self, request: HttpRequest, instance: UmpInstance) -> HttpResponse:
        """What will change by our rows, what stays, and the values that Entra and the UMP will have."""
        return self.plain_page(
            request,
            "admin/registrations/umpinstance/provision.html",
            title="Provision 1 instance",
            instance=instance,
            state=getattr(instance, "state", instance.status),
            plan=provisioning_plan.of([instance])[instance.pk],
            refusal=provisioning_plan.refusals([instance]).get(instance.pk, ""),
            back=admin_html.change_url(instance),
        )

    def provision_confirmed(self, request: HttpRequest) -> HttpResponse:
        """Request one operation for each instance; a message or a table reports each outcome."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not self.has_provision_permission(request):
            raise PermissionDenied
        try:
            chosen = list(self.get_queryset(request).filter(pk__in=request.POST.getlist("instance")))
        except ValidationError:
            chosen = []
        if not chosen:
            self.message_user(request, "Select at least one instance.", messages.WARNING)
            return HttpResponseRedirect(self.list_address())
        if len(chosen) > 1:
            return self.carry_out(request, chosen, self._provisioning(request))
        (instance,) = chosen
        done = f"{instance.host}: provisioning started."
        self.attempt(request, lambda: self._provision(request, instance, tasks.Notifier()), done)
        return self.back_to(instance)

    def carry_out(self, request: HttpRequest, rows: list[Any], act: BulkAct) -> HttpResponse:
        """Many instances become a bulk job, whose page shows its progress."""
        lines, chosen = self.without_skipped(request, rows, act)
        if len(chosen) <= FEW:
            return super().carry_out(request, rows, act)
        job = bulk_jobs.request(chosen, actor=actor_of(request), user=request.user)
        tasks.start_bulk_operations_on_commit()
        self.message_user(request, f"{counted(chosen)} are being provisioned, a few at a time.", messages.SUCCESS)
        if not lines:
            return self.back_to(job)
        lines += [self.line_of(row, "done", "Queued", "It is part of a bulk job.") for row in chosen]
        return self.show_result(request, act, lines, [("Open the bulk job", admin_html.change_url(job))])

    def _provisioning(self, request: HttpRequest) -> BulkAct:
        notifier = tasks.Notifier()

        def expected(rows: Collection[UmpInstance]) -> dict[Any, str]:
            return {key: plan.summary for key, plan in provisioning_plan.of(rows).items()}

        return BulkAct(
            action="provision_selected",
            verb="Provision",
            nouns=("instance", "instances"),
            will="provisioned",
            done="queued",
            skipped=provisioning_plan.refusals,
            expected=expected,
            intro=(provisioning_plan.CHECKED_IN_BULK, IN_BULK),
            run=lambda instance: self._provision(request, instance, notifier),
        )

    def _provision(self, request: HttpRequest, instance: UmpInstance, notifier: tasks.Notifier) -> str:
        operation = provisioning.request(instance, actor=actor_of(request), user=request.user)
        notifier.enqueue_on_commit(operation.pk)
        return "Provisioning started."

    @page("Change address", permission="change_address", icon="edit_location")
    def change_address(self, request: HttpRequest, instance: UmpInstance) -> HttpResponse:
        """Another UMP URL, app name or delivery after the first delivery."""
        initial = {"app_name": instance.app_name, "ump_url": instance.ump_url, "delivery": instance.delivery}
        form = ChangeAddressForm(request.POST or None, initial=initial)
        if request.method == "POST" and form.is_valid() and self._change_address(request, instance, form):
            return self.back_to(instance)
        return self.confirmation(
            request,
            subject=instance,
            title=f"Change the address of {instance.host}",
            button="Change address",
            form=form,
            danger=True,
            intro=FOLLOWS,
        )

    def _change_address(self, request: HttpRequest, instance: UmpInstance, form: ChangeAddressForm) -> bool:
        values = form.cleaned_data
        done = (
            f"The address is changed. {instance.host} is back to Draft. Enter the UMP API secret again, then provision."
        )
        try:
            return self.attempt(
                request, lambda: addresses.change_instance_address(instance, **values, actor=actor_of(request)), done
            )
        except ValidationError as refusal:
            form.add_error(None, refusal)
            return False

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """With the newest operation, live, and what was created for the instance."""
        extra = made_for(object_id) if object_id else {}
        newest = operation_progress.newest_of(object_id) if object_id else None
        if newest:
            extra.update(operation_progress.describe(newest, request.user))
        return super().changeform_view(request, object_id, form_url, {**extra, **(extra_context or {})})

    @admin.display(description="Host", ordering="full_host")
    def host_name(self, instance: UmpInstance) -> str:
        """The name people use."""
        return instance.host

    @admin.display(description="State", ordering="state")
    def state(self, instance: Any) -> SafeString:
        """The coloured state."""
        return admin_html.badge(instance.state)

    @admin.display(description="Tenant", ordering="provider__tenant__name")
    def tenant(self, instance: UmpInstance) -> str:
        """Where its application is."""
        return str(instance.provider.tenant)

    @admin.display(description="Delivery", ordering="delivery")
    def delivery_kind(self, instance: UmpInstance) -> str:
        """How values get into the UMP, in short."""
        return "API" if instance.delivery == UmpInstance.Delivery.API else "Hand-over sheet"

    @admin.display(description="Secret expires", ordering=EmptyLast("secret_end"))
    def secret_expires(self, instance: Any) -> SafeString:
        """The end of the live secret."""
        return admin_html.expiry(instance.secret_end)

    @admin.display(description="Changed", ordering=EmptyLast("status_changed_at"))
    def changed(self, instance: UmpInstance) -> SafeString:
        """Since when it is in its state."""
        return admin_html.moment(instance.status_changed_at)

    @admin.display(description="Host")
    def host_text(self, instance: UmpInstance) -> SafeString:
        """App name and domain."""
        return admin_html.copyable(instance.host if is_named(instance) else "", derived="host")

    @admin.display(description="Redirect URI")
    def redirect_uri_text(self, instance: UmpInstance) -> SafeString:
        """Where Microsoft sends people back to."""
        return admin_html.copyable(instance.redirect_uri if is_named(instance) else "", derived="redirect")

    @admin.display(description="Customer Authentication Portal URL")
    def portal_url_text(self, instance: UmpInstance) -> SafeString:
        """What the UMP puts before each invitation's id."""
        return admin_html.copyable(instance.portal_url if is_named(instance) else "", derived="portal")

    @admin.display(description="UMP API client secret")
    def secret_kept(self, instance: UmpInstance) -> str:
        """Whether there is one; never which."""
        return "Stored, encrypted" if instance.ump_client_secret_envelope else "Not entered yet"


FEW = 10  # more than these become a bulk job
IN_BULK = (
    f"More than {FEW} become a bulk job: a few run at a time, and it can be paused and cancelled, tenant by tenant."
)
FIXED = "Read only while an operation is running, and after the first delivery. After a delivery, use Change address."
DERIVED_TEXT = (
    "Generated from app name and domain. Check the host before you provision: it needs a DNS record that leads to "
    "SyncPortal."
)
CREDENTIAL_TEXT = (
    "SyncPortal signs in to the UMP's API with it. Delivery by API needs it, and so does connecting a customer, whose "
    "registration is handed over by the UMP's API in any case."
)
FOLLOWS = [
    "The next secret goes to the new address. Check it with the service provider first.",
    "The instance goes back to Draft, and its stored UMP API secret is deleted. Enter it again, then provision.",
    "With another app name, links in invitations that were sent before stop working, and the application gets the new "
    "redirect URI when you provision.",
]


def is_named(instance: UmpInstance) -> bool:
    """Whether host and URLs can be derived."""
    return bool(instance.app_name and instance.provider_id)


def counted(instances: list[UmpInstance]) -> str:
    """How many, in words for titles and buttons."""
    return "1 instance" if len(instances) == 1 else f"{len(instances)} instances"


def made_for(object_id: str) -> dict[str, Any]:
    """The registration, the live secret and the number of services of an instance."""
    try:
        instance = states.instances(UmpInstance.objects.select_related("provider__tenant")).filter(pk=object_id).first()
        counts = UmpInstance.objects.filter(pk=object_id).aggregate(services=Count("services"))
    except ValidationError:
        return {}
    if instance is None:
        return {}
    live = ClientSecret.objects.in_use().filter(
        registration__instance=instance, registration__tenant_id=instance.provider.tenant.tenant_id
    )
    secret = states.secrets(live).select_related("registration").first()
    state = instance.state
    return {"live_secret": secret, "service_count": counts["services"], "state": state}
