"""Which invitations need attention, as data for the start page and the list's filter."""

from datetime import timedelta

from django.db.models import Q

from onboarding.models import Invitation
from registrations.admin.todo import Todo, TodoSource

EXPIRING_WITHIN = timedelta(days=7)

INVITATIONS = TodoSource(
    Invitation,
    (
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
