"""Connections, read only: the results of the wizard."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString

from onboarding.models import Connection
from registrations import admin_html
from registrations.admin import operation_progress
from registrations.admin.base import ReadOnlyAdmin


@admin.register(Connection)
class ConnectionAdmin(ReadOnlyAdmin):
    """A connection with its registration and its newest operation."""

    list_display = ("service", "state", "way", "admin_username", "connected", "grant")
    list_select_related = ("invitation__service",)
    list_filter = ("status", "way")
    search_fields = ("invitation__service__full_name", "invitation__service__short_name", "admin_username")
    fields = (
        "invitation",
        "state",
        "way",
        "admin_name",
        "admin_username",
        "registration_name",
        "registration",
        "application",
        "connected",
        "grant",
    )
    readonly_fields = ("state", "application", "connected", "grant")
    change_form_outer_before_template = "admin/registrations/newest_operation.html"

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Add the newest operation, which updates itself."""
        newest = operation_progress.newest_of(object_id) if object_id else None
        live = operation_progress.describe(newest, request.user) if newest else {}
        return super().changeform_view(request, object_id, form_url, {**live, **(extra_context or {})})

    @admin.display(description="Service", ordering="invitation__service__full_name")
    def service(self, connection: Connection) -> str:
        """The connected service."""
        return str(connection.invitation.service)

    @admin.display(description="State", ordering="status")
    def state(self, connection: Connection) -> SafeString:
        """The coloured state."""
        return admin_html.badge(connection.status)

    @admin.display(description="Connected", ordering="connected_at")
    def connected(self, connection: Connection) -> SafeString:
        """When the connection was completed."""
        return admin_html.moment(connection.connected_at)

    @admin.display(description="Temporary permissions")
    def grant(self, connection: Connection) -> str:
        """Whether the temporary permissions were revoked."""
        return {True: "Revoked", False: "Could not be revoked"}.get(connection.grant_removed, "–")  # type: ignore[arg-type]

    @admin.display(description="Application (client) ID")
    def application(self, connection: Connection) -> SafeString:
        """The registration's application (client) ID."""
        return admin_html.copyable(connection.registration.app_id if connection.registration else "")
