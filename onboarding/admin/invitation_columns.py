"""The columns of the documented Pending Invitations list, and what became of the sign-ins."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
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

    @admin.display(description="Invitation Email, M365 Admin Email", ordering="it_admin_email")
    def invitation_email(self, invitation: Invitation) -> SafeString:
        """The recipient of the link, and below who is asked to consent, unless that is the same person."""
        return stacked(map(admin_html.email, dict.fromkeys([invitation.it_admin_email, invitation.m365_admin_email])))

    @admin.display(description="Email Sent, Email Invitation Sent Count", ordering="send_count")
    def was_sent(self, invitation: Invitation) -> SafeString:
        """Whether the current link was emailed, how often an email was tried, and when it was sent last."""
        said = f"{'Yes' if invitation.email_sent else 'No'}, {invitation.send_count}"
        return stacked([said, admin_html.moment(invitation.sent_at, "")])

    @admin.display(description="Created at, Expires at", ordering="expires_at")
    def expires(self, invitation: Invitation) -> SafeString:
        """When it was created, and below when the link expires; not for a completed or revoked invitation."""
        ends = invitation.expires_at if invitation.status in Invitation.OPEN else None
        return stacked([admin_html.moment(invitation.created_at), admin_html.expiry(ends)])

    @admin.display(description="Device Authenticated, sign-ins", ordering=EmptyLast("started_at"))
    def started(self, invitation: Any) -> SafeString:
        """Whether the customer's administrator has signed in, when and who; before that, whether and when Start was pressed."""
        authenticated_at, started_at = invitation.authenticated_at, invitation.started_at
        lines: list[str]
        if authenticated_at:
            lines = [
                format_html("Yes, {}", admin_html.moment(authenticated_at)),
                admin_html.email(invitation.signed_in_as or ""),
            ]
        else:
            lines = ["No", format_html("started {}", admin_html.moment(started_at)) if started_at else ""]
        lines += [f"{invitation.refusals} refused"] if invitation.refusals else []
        return stacked(lines)

    @admin.display(description="Auth URL")
    def auth_url(self, invitation: Invitation) -> SafeString:
        """A button that posts, because the history records each view of the link."""
        if invitation.status not in Invitation.OPEN or invitation.is_expired:
            return format_html("{}", "–")
        address = reverse("admin:onboarding_invitation_copy_link", args=[invitation.pk])
        return format_html(
            '<button type="submit" class="copy" formaction="{}" aria-label="Copy link">'
            '<span class="material-symbols-outlined" aria-hidden="true">link</span> Copy</button>',
            address,
        )


def stacked(lines: Iterable[str]) -> SafeString:
    """Values of one cell, each on a line of its own."""
    found = format_html_join("", "<span>{}</span>", ((line,) for line in lines if line))
    return format_html('<span class="stacked">{}</span>', found)
