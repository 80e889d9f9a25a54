"""Which invitations need attention, as data for the start page and the list's filter."""

from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery

from onboarding import states
from onboarding.models import Invitation, SignIn
from onboarding.states import InvitationState
from registrations.admin.todo import Todo, TodoSource
from registrations.models import UmpInstance


def _rows(now: datetime) -> QuerySet[Any]:
    """The open invitations with their state, and when a sign-in was refused for a reason that only staff can look into.

    `for_staff_at` is None where there was none, or a later one succeeded.
    """
    refused = SignIn.objects.refused().filter(invitation=OuterRef("pk"), for_staff=True)
    later = SignIn.objects.filter(
        invitation=OuterRef("invitation"), outcome=SignIn.Outcome.SUCCEEDED, created_at__gt=OuterRef("created_at")
    )
    unresolved = refused.filter(~Exists(later)).order_by("-created_at")
    opened = states.invitations(Invitation.objects.filter(status__in=Invitation.OPEN), now)
    rows: QuerySet[Any] = opened.annotate(for_staff_at=Subquery(unresolved.values("redeemed_at")[:1]))
    return rows


ACTIVE = UmpInstance.Status.ACTIVE  # the others are listed themselves: nobody can send their invitations yet
NOT_FOR_STAFF = Q(for_staff_at=None)  # each invitation stands in one line
INVITATIONS = TodoSource(
    Invitation,
    _rows,
    (
        Todo(
            "for_staff",
            "Invitations whose sign-in was refused for a reason that you must resolve",
            "refused",
            "for_staff_at",
            ~NOT_FOR_STAFF,
        ),
        Todo(
            "refused",
            "Invitations whose last sign-in was refused",
            "refused",
            "refused_at",
            Q(state=InvitationState.REFUSED) & NOT_FOR_STAFF,
        ),
        Todo(
            "expired",
            "Invitations that expired before they were used",
            "expired",
            "expires_at",
            Q(state=InvitationState.EXPIRED) & NOT_FOR_STAFF,
        ),
        Todo(
            "expiring",
            f"Invitations that expire within {states.EXPIRING_WITHIN.days} days",
            "expiring",
            "expires_at",
            Q(state=InvitationState.EXPIRING) & NOT_FOR_STAFF,
        ),
        Todo(
            "unsent",
            "Invitations that are not sent yet",
            "draft",
            "created_at",
            Q(state__in=[InvitationState.DRAFT, InvitationState.UNSENT], service__instance__status=ACTIVE)
            & NOT_FOR_STAFF,
            word="Not sent",
        ),
    ),
    related=("service",),
    named=lambda invitation: str(invitation.service),
)
