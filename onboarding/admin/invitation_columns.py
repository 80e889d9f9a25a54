"""The columns of the documented Pending Invitations list, and what became of the sign-ins."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from onboarding.models import Invitation
from registrations import admin_html
from registrations.admin.base import PortalAdmin
from registrations.admin.state_columns import EmptyLast


class SignInFilter(admin.SimpleListFilter):
    """Filters by what people did with the link."""

    title = "sign-ins"
    parameter_name = "sign_ins"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[Any, str]]:
        """From no visit to a sign-in; a person who was refused may have signed in later."""
        return [
            ("none", "Nobody has started"),
            ("started", "Somebody pressed Start"),
            ("refused", "Somebody was refused"),
            ("signed_in", "An administrator signed in"),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Invitation]) -> QuerySet[Invitation]:
        """The rows; an unknown choice changes nothing."""
        conditions: dict[str | None, dict[str, Any]] = {
            "none": {"started_at__isnull": True},
            "started": {"started_at__isnull": False},
            "refused": {"refusals__gt": 0},
            "signed_in": {"authenticated_at__isnull": False},
        }
        return queryset.filter(**conditions.get(self.value(), {}))


class InvitationColumns(PortalAdmin):
    """What the list shows of each invitation."""

    @admin.display(description="ID", ordering="service__short_name")
    def short_name(self, invitation: Invitation) -> str:
        """The service's short name, as the UMP's list shows it."""
        return invitation.service.short_name

    @admin.display(description="Full Name", ordering="service__full_name")
    def full_name(self, invitation: Invitation) -> str:
        """The service's full name."""
        return invitation.service.full_name

    @admin.display(description="State", ordering="state")
    def state(self, invitation: Any) -> SafeString:
        """The coloured state."""
        return admin_html.badge(invitation.state)

    @admin.display(description="Invitation Email", ordering="it_admin_email")
    def invitation_email(self, invitation: Invitation) -> SafeString:
        """The recipient of the link."""
        return admin_html.email(invitation.it_admin_email)

    @admin.display(description="M365 Admin Email", ordering="m365_admin_email")
    def m365_email(self, invitation: Invitation) -> SafeString:
        """Who is asked to consent."""
        return admin_html.email(invitation.m365_admin_email)

    @admin.display(description="Email Sent", ordering="email_sent", boolean=True)
    def was_sent(self, invitation: Invitation) -> bool:
        """Whether the current link was emailed."""
        return invitation.email_sent

    @admin.display(description="Email Invitation Sent Count", ordering="send_count")
    def sent_count(self, invitation: Invitation) -> int:
        """Attempts to email it."""
        return invitation.send_count

    @admin.display(description="Created at", ordering="created_at")
    def created(self, invitation: Invitation) -> SafeString:
        """When it was created."""
        return admin_html.moment(invitation.created_at)

    @admin.display(description="Expires at", ordering="expires_at")
    def expires(self, invitation: Invitation) -> SafeString:
        """When the link expires; empty for a completed or revoked invitation."""
        return admin_html.expiry(invitation.expires_at if invitation.status in Invitation.OPEN else None)

    @admin.display(description="Started", ordering=EmptyLast("started_at"))
    def started(self, invitation: Invitation) -> SafeString:
        """When somebody pressed Start for the first time."""
        return admin_html.moment(invitation.started_at)

    @admin.display(description="Refused sign-ins", ordering="refusals")
    def refused(self, invitation: Any) -> int:
        """How many sign-ins were refused."""
        return int(invitation.refusals)

    @admin.display(description="Signed in as", ordering=EmptyLast("signed_in_as"))
    def signed_in(self, invitation: Any) -> SafeString:
        """The administrator who signed in last."""
        return admin_html.email(invitation.signed_in_as or "–")

    @admin.display(description="Device Authenticated", ordering=EmptyLast("authenticated_at"), boolean=True)
    def device_authenticated(self, invitation: Invitation) -> bool:
        """Whether the customer's administrator has signed in."""
        return invitation.authenticated_at is not None

    @admin.display(description="Auth URL")
    def auth_url(self, invitation: Invitation) -> SafeString:
        """A button that posts, because the history records each view of the link."""
        if invitation.status not in Invitation.OPEN or invitation.is_expired:
            return format_html("{}", "–")
        address = reverse("admin:onboarding_invitation_copy_link", args=[invitation.pk])
        return format_html(
            '<button type="submit" class="copy" formaction="{}">'
            '<span class="material-symbols-outlined" aria-hidden="true">link</span> Copy link</button>',
            address,
        )
