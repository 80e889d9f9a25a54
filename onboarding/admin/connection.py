"""Connections, read only: the results of the wizard."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString

from onboarding import states
from onboarding.models import Connection
from registrations import admin_html
from registrations.admin import operation_progress
from registrations.admin.base import ReadOnlyAdmin
from registrations.admin.state_columns import EmptyLast, state_filter


@admin.register(Connection)
class ConnectionAdmin(ReadOnlyAdmin):
    """A connection with its registration and its newest operation."""

    list_display = ("service", "state", "way", "admin_username", "connected", "grant")
    list_select_related = ("invitation__service",)
    list_filter = (state_filter(states.ConnectionState.choices), "way")
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

    def get_queryset(self, request: HttpRequest) -> QuerySet[Connection]:
        """With the state."""
        return states.connections(super().get_queryset(request))

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

    @admin.display(description="State", ordering="state")
    def state(self, connection: Any) -> SafeString:
        """The coloured state."""
        return admin_html.badge(connection.state)

    @admin.display(description="Connected", ordering=EmptyLast("connected_at"))
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
