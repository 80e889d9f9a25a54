"""Connections, read only: the results of the wizard."""

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString

from onboarding import states
from onboarding.models import Connection, Invitation, Service
from onboarding.services import stored_access
from registrations import admin_html
from registrations.admin import identifiers, operation_progress
from registrations.admin.base import actor_of, page
from registrations.admin.placed import PlacedAdmin, ProviderFilter
from registrations.admin.state_columns import EmptyLast, state_filter

DELETE_STORED = [
    "SyncPortal deletes its encrypted copy. It cannot be shown or handed over again.",
    "The registration in the customer's tenant stays as it is, and the UMP keeps what it was given. To end the access itself, an "
    "administrator of the customer deletes the registration or its secret, or revokes the account's sessions, in Microsoft Entra.",
    "To connect the service again later, create a new invitation.",
]


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
        "stored",
    )
    readonly_fields = ("host", "customer", "state", "application", "connected", "grant", "stored")
    actions_detail = ("delete_stored",)
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

    def has_delete_stored_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Who may delete what is stored: who may revoke an invitation, which deletes it too."""
        return self.may(request, "revoke_invitation")

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> Any:
        """No actions where nothing is stored of a completed connection."""
        connection = self.get_object(request, str(object_id))
        is_completed = connection is not None and connection.invitation.status == Invitation.Status.COMPLETED
        if not connection or not is_completed or not stored_access.label(connection):
            return []
        return super().get_actions_detail(request, object_id)

    @page("Delete stored secret", permission="delete_stored", icon="delete", variant="danger")
    def delete_stored(self, request: HttpRequest, connection: Connection) -> HttpResponse:
        """Delete the stored secret or token of a completed connection."""
        if request.method == "POST":
            done = "What was stored is deleted. The customer's tenant and the UMP are as they were."
            self.attempt(request, lambda: stored_access.delete(connection, actor=actor_of(request)), done)
            return self.back_to(connection)
        stored, registration = stored_access.label(connection), connection.registration
        facts = [
            ("Service", str(connection.invitation.service)),
            ("Host", connection.invitation.service.instance.host),
            ("Stored", stored.capitalize() or "Nothing"),
            *([("Registration", f"{registration.display_name}, {registration.app_id}")] if registration else []),
        ]
        return self.confirmation(
            request,
            subject=connection,
            title=f"Delete the stored {stored or 'secret'} of {connection.invitation.service}",
            button="Delete stored secret",
            intro=DELETE_STORED,
            facts=facts,
            danger=True,
        )

    @admin.display(description="Stored here")
    def stored(self, connection: Connection) -> str:
        """What is stored encrypted of this connection."""
        return stored_access.label(connection).capitalize() or "Nothing"

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
