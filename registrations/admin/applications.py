"""Registrations and their client secrets, read only: names, IDs and dates, never a secret."""

from typing import Any

from django.contrib import admin
from django.db.models import F, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from registrations import admin_html, states
from registrations.admin import todo
from registrations.admin.base import ReadOnlyAdmin
from registrations.admin.state_columns import EmptyLast, state_filter
from registrations.models import AppRegistration, ClientSecret


@admin.register(AppRegistration)
class AppRegistrationAdmin(ReadOnlyAdmin):
    """Applications that SyncPortal created, took over, or stores the entered values of."""

    list_display = ("display_name", "state", "instance", "unique_name", "origin", "secret_expires", "made", "app_id")
    list_select_related = ("instance__provider",)
    list_filter = (state_filter(states.RegistrationState.choices), "managed", "adopted")
    search_fields = ("display_name", "unique_name", "app_id", "tenant_id")
    search_help_text = "Name, application ID or tenant ID"
    fields = (
        "display_name",
        "state",
        "unique_name",
        "instance",
        "tenant",
        "application",
        "object_id",
        "service_principal_id",
        "origin",
        "secret_expires",
        "made",
    )
    readonly_fields = ("state", "tenant", "application", "origin", "secret_expires", "made")

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

    @admin.display(description="Origin", ordering="adopted")
    def origin(self, registration: AppRegistration) -> str:
        """Who created it."""
        if not registration.managed:
            return "The customer's own"
        return "Taken over" if registration.adopted else "Created by SyncPortal"

    @admin.display(description="Tenant ID")
    def tenant(self, registration: AppRegistration) -> SafeString:
        """Where it is."""
        return admin_html.copyable(registration.tenant_id)

    @admin.display(description="Application (client) ID")
    def application(self, registration: AppRegistration) -> SafeString:
        """What Microsoft calls it."""
        return admin_html.copyable(registration.app_id)

    @admin.display(description="Created", ordering="created_at")
    def made(self, registration: AppRegistration) -> SafeString:
        """When its intent was written."""
        return admin_html.moment(registration.created_at)


@admin.register(ClientSecret)
class ClientSecretAdmin(ReadOnlyAdmin):
    """When secrets expire, and their state."""

    list_display = ("registration", "state", "expires", "revealed", "made", "hint", "key_id")
    list_select_related = ("registration",)
    list_filter = (todo.todo_filter(todo.SECRETS), state_filter(states.SecretState.choices))
    search_fields = ("registration__display_name", "registration__unique_name", "key_id")
    search_help_text = "Registration or key ID"
    ordering = (F("expires_at").asc(nulls_last=True),)
    fields = ("display_name", "registration", "state", "expires", "revealed", "made", "hint", "key_id")
    readonly_fields = ("state", "expires", "revealed", "made")

    def get_queryset(self, request: HttpRequest) -> QuerySet[ClientSecret]:
        """With the state."""
        return states.secrets(super().get_queryset(request))

    @admin.display(description="State", ordering="state")
    def state(self, secret: Any) -> SafeString:
        """Its state, and whether it expires soon."""
        return admin_html.badge(secret.state)

    @admin.display(description="Expires", ordering=EmptyLast("expires_at"))
    def expires(self, secret: ClientSecret) -> SafeString:
        """When Microsoft stops accepting it."""
        return admin_html.expiry(secret.expires_at)

    @admin.display(description="Revealed", ordering=EmptyLast("revealed_at"))
    def revealed(self, secret: ClientSecret) -> SafeString:
        """When a person saw it on the hand-over sheet."""
        return admin_html.moment(secret.revealed_at, "never")

    @admin.display(description="Created", ordering="created_at")
    def made(self, secret: ClientSecret) -> SafeString:
        """When its intent was written."""
        return admin_html.moment(secret.created_at)
