"""Registrations and their client secrets, read only: names, IDs and dates, never a secret."""

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from registrations import admin_html, states
from registrations.admin import identifiers, todo
from registrations.admin.placed import PlacedAdmin, ProviderFilter
from registrations.admin.state_columns import EmptyLast, state_filter
from registrations.models import AppRegistration, ClientSecret


class WhereFilter(admin.SimpleListFilter):
    """Sync apps are in service providers' tenants, the other registrations in customers' tenants."""

    title = "tenant"
    parameter_name = "in"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[Any, str]]:
        """Whose tenant."""
        return [("provider", "Service provider's"), ("customer", "Customer's")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Those in the chosen kind of tenant."""
        if self.value() not in ("provider", "customer"):
            return queryset
        return queryset.filter(instance__isnull=self.value() == "customer")


@admin.register(AppRegistration)
class AppRegistrationAdmin(PlacedAdmin):
    """Applications that SyncPortal created, took over, or stores the entered values of."""

    list_display = (
        "host",
        "display_name",
        "state",
        "customer",
        "origin",
        "secret_expires",
        "made",
        "ids",
    )
    list_display_links = ("host", "display_name")
    list_select_related = ("instance__provider",)
    list_filter = (state_filter(states.RegistrationState.choices), WhereFilter, ProviderFilter, "managed", "adopted")
    search_fields = ("place_host", "place_customer", "display_name", "unique_name", "app_id", "object_id", "tenant_id")
    search_help_text = "Host, customer or name; client ID, object ID, key ID or tenant ID"
    ordering = ("-created_at",)
    fields = (
        "display_name",
        "state",
        "unique_name",
        "host",
        "customer",
        "instance",
        "tenant",
        "application",
        "object",
        "service_principal",
        "origin",
        "secret_expires",
        "made",
    )
    readonly_fields = (
        "host",
        "customer",
        "state",
        "tenant",
        "application",
        "object",
        "service_principal",
        "origin",
        "secret_expires",
        "made",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[AppRegistration]:
        """With the state, and the end of the live secret."""
        return states.registrations(super().get_queryset(request))

    @admin.display(description="State", ordering="state")
    def state(self, registration: Any) -> SafeString:
        """Whether it can be used: its secret's end decides."""
        return admin_html.badge(registration.state)

    @admin.display(description="Secret expires", ordering=EmptyLast("secret_end"))
    def secret_expires(self, registration: Any) -> SafeString:
        """The end of the live secret."""
        return admin_html.expiry(registration.secret_end)

    def get_fields(self, request: HttpRequest, obj: AppRegistration | None = None) -> Any:
        """A sync app has an instance, another registration a customer."""
        left_out = {"host", "customer"} if obj and obj.instance_id else {"instance"}
        return [name for name in self.fields if name not in left_out]

    def history_of(self, obj: AppRegistration) -> Q:
        """All that belongs to it, and entries of its instance alone that name its application or one of its keys."""
        keys = [key_id for key_id in obj.secrets.values_list("key_id", flat=True) if key_id]
        named = Q(after__key_id__in=keys)
        if obj.app_id:
            named |= Q(after__app_id=obj.app_id)
        return Q(context__registration_id=obj.pk) | _of_instance_alone(obj) & named

    def identified_by(self, guid: str) -> Q | None:
        """By each of its IDs and those of its secrets."""
        return Q(pk__in=identifiers.registrations(guid).values("pk"))

    @admin.display(description="Origin", ordering="adopted")
    def origin(self, registration: AppRegistration) -> str:
        """Who created it."""
        if not registration.managed:
            return "The customer's own"
        return "Taken over" if registration.adopted else "Created by SyncPortal"

    @admin.display(description="Application (client) ID, Tenant ID", ordering="app_id")
    def ids(self, registration: AppRegistration) -> SafeString:
        """What Microsoft calls it, and below where it is."""
        app_id = registration.app_id or "–"
        return format_html(
            '<span class="stacked"><span>{}</span><span>{}</span></span>', app_id, registration.tenant_id
        )

    @admin.display(description="Tenant ID")
    def tenant(self, registration: AppRegistration) -> SafeString:
        """Where it is."""
        return admin_html.copyable(registration.tenant_id)

    @admin.display(description="Application (client) ID")
    def application(self, registration: AppRegistration) -> SafeString:
        """What Microsoft calls it."""
        return admin_html.copyable(registration.app_id)

    @admin.display(description="Object ID")
    def object(self, registration: AppRegistration) -> SafeString | str:
        """The application's own ID in its tenant."""
        return admin_html.copyable(registration.object_id) if registration.object_id else "–"

    @admin.display(description="Service principal object ID")
    def service_principal(self, registration: AppRegistration) -> SafeString | str:
        """The ID of its service principal in its tenant."""
        return admin_html.copyable(registration.service_principal_id) if registration.service_principal_id else "–"

    @admin.display(description="Created", ordering="created_at")
    def made(self, registration: AppRegistration) -> SafeString:
        """When its intent was written."""
        return admin_html.moment(registration.created_at)


@admin.register(ClientSecret)
class ClientSecretAdmin(PlacedAdmin):
    """When secrets expire, and their state."""

    list_display = ("host", "customer", "state", "expires", "revealed", "made", "hint", "key_id")
    list_select_related = ("registration__instance__provider",)
    list_filter = (todo.todo_filter(todo.SECRETS), state_filter(states.SecretState.choices), ProviderFilter)
    search_fields = (
        "place_host",
        "place_customer",
        "registration__display_name",
        "registration__unique_name",
        "key_id",
    )
    search_help_text = "Host, customer or registration; client ID, object ID, key ID or tenant ID"
    ordering = (states.END_IN_USE.asc(nulls_last=True),)
    fields = (
        "display_name",
        "host",
        "customer",
        "registration",
        "client_id",
        "state",
        "end",
        "revealed",
        "made",
        "hint",
        "key",
    )
    readonly_fields = ("host", "customer", "client_id", "state", "end", "revealed", "made", "key")

    def get_queryset(self, request: HttpRequest) -> QuerySet[ClientSecret]:
        """With the state and what its name is made of, and without the envelope: no page needs it."""
        rows: QuerySet[ClientSecret] = super().get_queryset(request)
        return states.secrets(rows.select_related("registration__instance__provider").defer("envelope"))

    def identified_by(self, guid: str) -> Q | None:
        """By its registration's IDs."""
        return Q(registration__in=identifiers.registrations(guid).values("pk"))

    def history_of(self, obj: ClientSecret) -> Q:
        """Those of its registration that name its key; without a key, those of its time about a secret without one."""
        of_registration = Q(context__registration_id=obj.registration_id)
        if obj.key_id:
            return (of_registration | _of_instance_alone(obj.registration)) & Q(after__key_id=obj.key_id)
        return of_registration & Q(action__startswith="secret.") & _without_key() & _between(obj, _next_of(obj))

    @admin.display(description="State", ordering="state")
    def state(self, secret: Any) -> SafeString:
        """Its state, and whether it expires soon."""
        return admin_html.badge(secret.state)

    @admin.display(description="Expires", ordering=EmptyLast("ends_at"))
    def expires(self, secret: Any) -> SafeString:
        """When the one in use ends; the end of another asks nobody to act."""
        return admin_html.expiry(secret.ends_at)

    @admin.display(description="Expires")
    def end(self, secret: Any) -> SafeString:
        """When Microsoft stops accepting it, in use or not."""
        return admin_html.expiry(secret.expires_at)

    @admin.display(description="Revealed", ordering=EmptyLast("revealed_at"))
    def revealed(self, secret: ClientSecret) -> SafeString:
        """When a person saw it on the hand-over sheet."""
        return admin_html.moment(secret.revealed_at, "never")

    @admin.display(description="Created", ordering="created_at")
    def made(self, secret: ClientSecret) -> SafeString:
        """When its intent was written."""
        return admin_html.moment(secret.created_at)

    @admin.display(description="Key ID")
    def key(self, secret: ClientSecret) -> SafeString | str:
        """What Microsoft calls it; nobody knows it of a secret that a customer entered."""
        return admin_html.copyable(secret.key_id) if secret.key_id else "–"


def _of_instance_alone(registration: AppRegistration) -> Q:
    """Entries that were placed at the instance and not at the registration, as a revealed secret's were at first."""
    if registration.instance_id is None:
        return Q(pk=None)
    return Q(context__instance_id=registration.instance_id, context__registration_id=None)


def _without_key() -> Q:
    """Entries about a secret whose key ID nobody knows: a customer entered it."""
    return ~Q(after__has_key="key_id") | Q(after__key_id="")


def _next_of(secret: ClientSecret) -> ClientSecret | None:
    """The secret without a key that took its place; a registration has one after the other."""
    later = ClientSecret.objects.filter(
        registration=secret.registration_id, key_id="", created_at__gt=secret.created_at
    )
    return later.order_by("created_at").first()


def _between(secret: ClientSecret, following: ClientSecret | None) -> Q:
    since = Q(at__gte=secret.created_at)
    return since & Q(at__lt=following.created_at) if following else since
