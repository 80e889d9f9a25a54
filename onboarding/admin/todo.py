"""Which invitations need attention, as data for the start page and the list's filter."""

from django.db.models import Exists, OuterRef, Q

from onboarding import states
from onboarding.models import Invitation, SignIn
from onboarding.states import InvitationState
from registrations.admin.todo import Todo, TodoSource


def _refused_for_staff() -> Q:
    """Open invitations whose sign-in Microsoft refused for a reason that only staff can look into, and no later one succeeded."""
    refused = SignIn.objects.filter(invitation=OuterRef("pk"), for_staff=True)
    later = SignIn.objects.filter(
        invitation=OuterRef("invitation"), outcome=SignIn.Outcome.SUCCEEDED, created_at__gt=OuterRef("created_at")
    )
    return Q(Exists(refused.filter(~Exists(later))))


INVITATIONS = TodoSource(
    Invitation,
    lambda now: states.invitations(Invitation.objects.filter(status__in=Invitation.OPEN), now),
    (
        Todo(
            "refused",
            "Invitations whose last sign-in was refused",
            "refused",
            "started_at",
            Q(state=InvitationState.REFUSED) & ~_refused_for_staff(),
        ),
        Todo(
            "for_staff",
            "Invitations whose sign-in was refused for a reason that you must resolve",
            "failed",
            "started_at",
            _refused_for_staff(),
        ),
        Todo(
            "expired",
            "Invitations that expired before they were used",
            "expired",
            "expires_at",
            Q(state=InvitationState.EXPIRED) & ~_refused_for_staff(),
        ),
        Todo(
            "expiring",
            f"Invitations that expire within {states.EXPIRING_WITHIN.days} days",
            "expiring",
            "expires_at",
            Q(state=InvitationState.EXPIRING) & ~_refused_for_staff(),
        ),
        Todo(
            "unsent",
            "Invitations that are not sent yet",
            "draft",
            "created_at",
            Q(state__in=[InvitationState.DRAFT, InvitationState.UNSENT]) & ~_refused_for_staff(),
            "Send",
            "onboarding.send_invitation",
        ),
    ),
    related=("service",),
    named=lambda invitation: str(invitation.service),
)
