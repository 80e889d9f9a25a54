"""Connections, read only: the results of the wizard."""

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString

from onboarding import states
from onboarding.models import Connection, Service
from registrations import admin_html
from registrations.admin import identifiers, operation_progress
from registrations.admin.placed import PlacedAdmin, ProviderFilter
from registrations.admin.state_columns import EmptyLast, state_filter


@admin.register(Connection)
class ConnectionAdmin(PlacedAdmin):
    """A connection with its registration and its newest operation."""

    list_display = ("service", "host", "customer", "state", "way", "admin_username", "connected", "grant")
    list_select_related = ("invitation__service",)
    list_filter = (state_filter(states.ConnectionState.choices), "way", ProviderFilter)
    search_fields = (
        "invitation__service__full_name",
        "invitation__service__short_name",
        "place_host",
        "place_customer",
        "admin_username",
    )
    search_help_text = "Service, host, customer or administrator; client ID, object ID, key ID or tenant ID"
    ordering = ("-created_at",)
    fields = (
        "invitation",
        "host",
        "customer",
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
    readonly_fields = ("host", "customer", "state", "application", "connected", "grant")
    change_form_outer_before_template = "admin/registrations/newest_operation.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Connection]:
        """With the state."""
        return states.connections(super().get_queryset(request))

    def identified_by(self, guid: str) -> Q | None:
        """By its registration, or the customer's tenant."""
        return Q(registration__in=identifiers.registrations(guid).values("pk")) | Q(invitation__tenant_id=guid)

    def history_of(self, obj: Connection) -> Q:
        """All that concerns its invitation, whose result it is."""
        return Q(context__invitation_id=obj.invitation_id)

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


def _with_registration(guid: str) -> QuerySet[Any, Any]:
    found = Connection.objects.filter(registration__in=identifiers.registrations(guid).values("pk"))
    return found.order_by().values("pk")


def _for_tenant(guid: str) -> QuerySet[Any, Any]:
    return Connection.objects.filter(invitation__tenant_id=guid).order_by().values("pk")


def _instances_of_customer(guid: str) -> QuerySet[Any, Any]:
    return Service.objects.filter(customer__tenant_id=guid).order_by().values("instance")


identifiers.operation_subjects += [_with_registration, _for_tenant]
identifiers.instances_of_app.append(_instances_of_customer)
