"""Entra tenants and the credential that SyncPortal works with in each."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminPasswordWidget

from registrations import admin_html, connections, states, tasks
from registrations.admin import operation_progress, todo
from registrations.admin.addresses import AddressAdmin
from registrations.admin.base import SecretForm, actor_of, page
from registrations.admin.bulk_acts import BulkAct, BulkActs
from registrations.admin.state_columns import EmptyLast, state_filter
from registrations.clean_text import Kind
from registrations.errors import WrongStateError
from registrations.form_fields import TextField
from registrations.models import EntraTenant, Operation, UmpInstance
from registrations.services import credentials, tenant_check

STORED = "A secret is stored, encrypted. It is never shown again. Enter a new one to replace it."
NOT_STORED = "The secret's value, not its ID. It is stored encrypted and never shown again."
REPLACED = (
    "The old client secret was replaced. If the check of the new one fails, SyncPortal cannot work in this tenant until you "
    "enter a valid secret."
)
QUOTA = ("Microsoft's quota", {"fields": ["quota"]})
CHECKS = [
    "SyncPortal signs in to the tenant with the stored secret and reads which permissions it has.",
    "Nothing is changed in the tenant.",
]
CHECKED_AGAIN = {"tenant_id", "client_id", "client_secret"}


class EntraTenantForm(SecretForm):
    """The tenant, and a secret that can be written but not read."""

    reenter_field = "client_secret"

    client_secret = TextField(
        what=Kind.SECRET,
        required=False,
        max_length=500,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}, render_value=False),
    )

    class Meta:
        model = EntraTenant
        fields = ["name", "tenant_id", "subscription", "client_id"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "client_secret" in self.fields:
            self.fields["client_secret"].help_text = STORED if self.instance.client_secret_envelope else NOT_STORED


@admin.register(EntraTenant)
class EntraTenantAdmin(BulkActs, AddressAdmin):
    """Saving a credential requests a check; its outcome is shown here."""

    form = EntraTenantForm
    subject_word = "tenant"
    address_fields = ("tenant_id",)
    list_display = ("name", "state", "subscription", "providers", "checked", "tenant_id")
    list_filter = (todo.todo_filter(todo.TENANTS), state_filter(states.TenantState.choices), "subscription")
    search_fields = ("name", "tenant_id", "client_id")
    search_help_text = "Name, tenant ID or application ID"
    actions = ("check_selected",)
    actions_detail = ("check_credential",)
    change_form_outer_before_template = "admin/registrations/newest_operation.html"

    def get_fieldsets(self, request: HttpRequest, obj: EntraTenant | None = None) -> Any:
        """The tenant, the credential, and the last check."""
        found = [("Check", {"fields": ["checked", "missing", "excess"]}), QUOTA] if obj else []
        own = ["client_id", "client_secret"] if self.may_write(request, obj) else ["client_id", "secret_kept"]
        return [
            (None, {"fields": ["name", "tenant_id", "subscription"]}),
            ("Credential", {"fields": own, "description": needed_permissions()}),
            *found,
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: EntraTenant | None = None) -> list[str]:
        """What the check found is never typed."""
        return [*super().get_readonly_fields(request, obj), "checked", "missing", "excess", "secret_kept", "quota"]

    def instances_of(self, obj: EntraTenant) -> QuerySet[UmpInstance]:
        """Those of all service providers whose applications are in the tenant."""
        return UmpInstance.objects.filter(provider__tenant=obj)

    def may_write(self, request: HttpRequest, obj: EntraTenant | None) -> bool:
        """Whether the person sees a form rather than the values."""
        return self.has_change_permission(request, obj) if obj else self.has_add_permission(request)

    def get_queryset(self, request: HttpRequest) -> QuerySet[EntraTenant]:
        """With the state, and the names of the service providers, in one query more."""
        return states.tenants(super().get_queryset(request).prefetch_related("service_providers"))

    def has_check_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Those who may edit the credential may have it checked."""
        return self.has_change_permission(request)

    def save_model(self, request: HttpRequest, obj: EntraTenant, form: Any, change: bool) -> None:
        """Save the edits and the secret, and request a check."""
        super().save_model(request, obj, form, change)
        secret = form.cleaned_data.get("client_secret")
        if secret:
            if change and obj.client_secret_envelope and obj.checked_at:
                self.message_user(request, REPLACED, messages.WARNING)
            credentials.store_tenant_secret(obj, secret, actor=actor_of(request))
        elif change and CHECKED_AGAIN & set(form.changed_data):
            credentials.reset_check(obj)
        if CHECKED_AGAIN & set(form.changed_data) and obj.client_secret_envelope:
            self.ask_for_check(request, obj)

    def ask_for_check(self, request: HttpRequest, tenant: EntraTenant) -> bool:
        """Queue a check and enqueue it; a message says if that is refused."""
        if not tenant.client_secret_envelope:
            self.message_user(request, f"{tenant} has no secret yet. Enter it, then check.", messages.ERROR)
            return False
        try:
            operation = tenant_check.request(tenant, actor=actor_of(request), user=request.user)
        except WrongStateError as refusal:
            self.message_user(request, str(refusal), messages.WARNING)
            return False
        tasks.enqueue_on_commit(operation.pk)
        return True

    @page("Check credential", permission="check", icon="fact_check")
    def check_credential(self, request: HttpRequest, tenant: EntraTenant) -> HttpResponse:
        """Obtain a token and compare the permissions; nothing is changed in the tenant."""
        if request.method == "POST":
            if self.ask_for_check(request, tenant):
                self.message_user(request, "The check started.", messages.SUCCESS)
            return self.back_to(tenant)
        return self.confirmation(
            request,
            subject=tenant,
            title=f"Check the credential of {tenant}",
            button="Check credential",
            intro=CHECKS,
            facts=[("Tenant ID", tenant.tenant_id), ("Application (client) ID", tenant.client_id)],
        )

    @admin.action(description="Check credential", permissions=["check"])
    def check_selected(self, request: HttpRequest, queryset: QuerySet[EntraTenant]) -> HttpResponse:
        """Ask for a check of each chosen tenant, after a preview."""
        notifier = tasks.Notifier()

        def run(tenant: EntraTenant) -> str:
            notifier.enqueue_on_commit(tenant_check.request(tenant, actor=actor_of(request), user=request.user).pk)
            return "The check started."

        act = BulkAct(
            action="check_selected",
            verb="Check",
            nouns=("credential", "credentials"),
            will="checked",
            done="queued",
            skipped=tenant_check.refusals,
            run=run,
            intro=tuple(CHECKS),
        )
        return self.in_bulk(request, queryset, act)

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """With the newest check, live."""
        newest = operation_progress.newest_of(object_id) if object_id else None
        live = operation_progress.describe(newest, request.user) if newest else {}
        return super().changeform_view(request, object_id, form_url, {**live, **(extra_context or {})})

    @admin.display(description="Calls left now")
    def quota(self, tenant: EntraTenant) -> str:
        """How much of the quota is left, by our own count."""
        return admin_html.remaining(connections.rate_limit_of(tenant).remaining())

    @admin.display(description="State", ordering="state")
    def state(self, tenant: Any) -> SafeString:
        """What the last check means."""
        counted = f"{len(tenant.missing_permissions)} missing" if tenant.state == states.TenantState.MISSING else ""
        return admin_html.badge(tenant.state, counted)

    @admin.display(description="Service providers")
    def providers(self, tenant: EntraTenant) -> str:
        """Whose tenant it is."""
        return ", ".join(provider.name for provider in tenant.service_providers.all()) or "–"

    @admin.display(description="Last check", ordering=EmptyLast("last_check_at"))
    def checked(self, tenant: Any) -> SafeString:
        """When the last check was, also a failed one."""
        when = admin_html.moment(tenant.last_check_at, "never")
        if tenant.last_check == Operation.Status.FAILED:
            when = format_html("failed, {}", when)
        return admin_html.refreshed("checked", when)

    @admin.display(description="Missing permissions")
    def missing(self, tenant: EntraTenant) -> SafeString:
        """What it needs and does not have."""
        return outcome("missing", tenant.missing_permissions, tenant)

    @admin.display(description="Unneeded permissions")
    def excess(self, tenant: EntraTenant) -> SafeString:
        """What it has and does not need."""
        return outcome("excess", tenant.excess_permissions, tenant)

    @admin.display(description="Client secret")
    def secret_kept(self, tenant: EntraTenant) -> str:
        """Whether there is one; never which."""
        return "Stored, encrypted" if tenant.client_secret_envelope else "Not entered yet"


def outcome(state: str, found: list[str], tenant: EntraTenant) -> SafeString:
    """Names under their badge; "None" where a check found none, a dash before the first check."""
    nothing = format_html("{}", "None" if tenant.checked_at else "–")
    return admin_html.refreshed(state, admin_html.listed(found, state) if found else nothing)


def needed_permissions() -> SafeString:
    """What the application must be granted, with the reasons."""
    needed = "; ".join(f"{name} ({reason})" for name, reason in tenant_check.REQUIRED.items())
    wanted = "; ".join(f"{name} ({reason})" for name, reason in tenant_check.OPTIONAL.items())
    return format_html(
        "The application needs these Graph application permissions: {}. If possible: {}.", needed, wanted
    )
