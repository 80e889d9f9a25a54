"""Which invitations need attention, as data for the start page and the list's filter."""

from django.db.models import Q

from onboarding import states
from onboarding.models import Invitation
from onboarding.states import InvitationState
from registrations.admin.todo import Todo, TodoSource

INVITATIONS = TodoSource(
    Invitation,
    lambda now: states.invitations(Invitation.objects.filter(status__in=Invitation.UNBEGUN), now),
    (
        Todo(
            "refused",
            "Invitations whose last sign-in was refused",
            "refused",
            "started_at",
            Q(state=InvitationState.REFUSED),
        ),
        Todo(
            "expired",
            "Invitations that expired before they were used",
            "expired",
            "expires_at",
            Q(state=InvitationState.EXPIRED),
        ),
        Todo(
            "expiring",
            f"Invitations that expire within {states.EXPIRING_WITHIN.days} days",
            "expiring",
            "expires_at",
            Q(state=InvitationState.EXPIRING),
        ),
        Todo(
            "unsent",
            "Invitations that are not sent yet",
            "draft",
            "created_at",
            Q(state__in=[InvitationState.DRAFT, InvitationState.UNSENT]),
            "Send",
            "onboarding.send_invitation",
        ),
    ),
    related=("service",),
    named=lambda invitation: str(invitation.service),
)
