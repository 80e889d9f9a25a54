"""Registrations and their client secrets, read only: names, IDs and dates, never a secret."""

from django.contrib import admin
from django.utils import timezone
from django.utils.safestring import SafeString

from registrations import admin_html
from registrations.admin import todo
from registrations.admin.base import ReadOnlyAdmin
from registrations.models import AppRegistration, ClientSecret


@admin.register(AppRegistration)
class AppRegistrationAdmin(ReadOnlyAdmin):
    """Applications that SyncPortal created, took over, or stores the entered values of."""

    list_display = ("display_name", "instance", "unique_name", "origin", "made", "app_id")
    list_select_related = ("instance__provider",)
    list_filter = ("managed", "adopted")
    search_fields = ("display_name", "unique_name", "app_id", "tenant_id")
    search_help_text = "Name, application ID or tenant ID"
    fields = (
        "display_name",
        "unique_name",
        "instance",
        "tenant",
        "application",
        "object_id",
        "service_principal_id",
        "origin",
        "made",
    )
    readonly_fields = ("tenant", "application", "origin", "made")

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
    list_filter = (todo.todo_filter(todo.SECRETS), "status")
    search_fields = ("registration__display_name", "registration__unique_name", "key_id")
    search_help_text = "Registration or key ID"
    ordering = ("expires_at",)
    fields = ("display_name", "registration", "state", "expires", "revealed", "made", "hint", "key_id")
    readonly_fields = ("state", "expires", "revealed", "made")

    @admin.display(description="State", ordering="status")
    def state(self, secret: ClientSecret) -> SafeString:
        """Its state, and whether it expires soon."""
        if secret.status in ClientSecret.LIVE and secret.expires_at:
            now = timezone.now()
            if secret.expires_at <= now:
                return admin_html.badge("expired")
            if secret.expires_at <= now + todo.EXPIRING_WITHIN:
                return admin_html.badge("expiring")
        return admin_html.badge(secret.status)

    @admin.display(description="Expires", ordering="expires_at")
    def expires(self, secret: ClientSecret) -> SafeString:
        """When Microsoft stops accepting it."""
        return admin_html.moment(secret.expires_at)

    @admin.display(description="Revealed", ordering="revealed_at")
    def revealed(self, secret: ClientSecret) -> SafeString:
        """When a person saw it on the hand-over sheet."""
        return admin_html.moment(secret.revealed_at, "never")

    @admin.display(description="Created", ordering="created_at")
    def made(self, secret: ClientSecret) -> SafeString:
        """When its intent was written."""
        return admin_html.moment(secret.created_at)
