"""Which invitations need attention, as data for the start page and the list's filter."""

from datetime import timedelta

from django.db.models import Exists, OuterRef, Q

from onboarding.models import Invitation, SignIn
from registrations.admin.todo import Todo, TodoSource

EXPIRING_WITHIN = timedelta(days=7)


def _refused_for_staff() -> Q:
    """Open invitations whose sign-in Microsoft refused for a reason that only staff can look into, and no later one succeeded."""
    refused = SignIn.objects.filter(invitation=OuterRef("pk"), for_staff=True)
    later = SignIn.objects.filter(
        invitation=OuterRef("invitation"), outcome=SignIn.Outcome.SUCCEEDED, created_at__gt=OuterRef("created_at")
    )
    return Q(Exists(refused.filter(~Exists(later))), status__in=Invitation.OPEN)


INVITATIONS = TodoSource(
    Invitation,
    (
        Todo(
            "refused",
            "Invitations whose sign-in Microsoft refused for an unknown reason, or for one that you must resolve",
            "failed",
            "Open",
            "started_at",
            lambda now: _refused_for_staff(),
        ),
        Todo(
            "expired",
            "Invitations that expired before they were used",
            "expired",
            "Open",
            "expires_at",
            lambda now: Q(status__in=Invitation.UNBEGUN, expires_at__lte=now),
        ),
        Todo(
            "expiring",
            "Invitations that expire within 7 days",
            "expiring",
            "Open",
            "expires_at",
            lambda now: Q(status__in=Invitation.UNBEGUN, expires_at__gt=now, expires_at__lte=now + EXPIRING_WITHIN),
        ),
        Todo(
            "unsent",
            "Invitations that are not sent yet",
            "draft",
            "Send",
            "created_at",
            lambda now: Q(status__in=Invitation.UNBEGUN, email_sent=False, expires_at__gt=now),
        ),
    ),
    related=("service",),
    named=lambda invitation: str(invitation.service),
)
