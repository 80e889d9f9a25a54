"""Sending and revoking many invitations: what the preview says, and what is done to each."""

from collections.abc import Collection, Iterable
from typing import Any

from django.http import HttpRequest

from onboarding.admin.invitation_texts import recipients, revoke_intro, send_intro
from onboarding.models import Invitation
from onboarding.services import invitations, leftovers
from registrations import tasks
from registrations.admin.base import actor_of
from registrations.admin.bulk_acts import BulkAct

NOUNS = ("invitation", "invitations")


def sending(request: HttpRequest, chosen: Iterable[Invitation]) -> BulkAct:
    """Email the links, for the first time or again."""
    notifier = tasks.Notifier()

    def run(invitation: Invitation) -> str:
        notifier.enqueue_on_commit(invitations.send(invitation, actor=actor_of(request), user=request.user).pk)
        return f"The email to {invitation.it_admin_email} is queued."

    def expected(rows: Collection[Invitation]) -> dict[Any, str]:
        return {each.pk: f"{'Again' if each.send_count else 'First time'}, to {each.it_admin_email}" for each in rows}

    return BulkAct(
        action="send_selected",
        verb="Send",
        nouns=NOUNS,
        will="emailed",
        done="queued",
        skipped=invitations.unsendable,
        run=run,
        intro=tuple(send_intro(chosen)),
        expected=expected,
    )


def revoking(request: HttpRequest, chosen: Collection[Invitation]) -> BulkAct:
    """Revoke the links; what remains in customers' tenants is said beforehand."""

    def run(invitation: Invitation) -> str:
        invitations.revoke(invitation, actor=actor_of(request))
        return ""

    remain = any(found.label for found in leftovers.of_many(list(chosen)).values())
    return BulkAct(
        action="revoke_selected",
        verb="Revoke",
        nouns=NOUNS,
        will="revoked",
        done="revoked",
        skipped=invitations.unrevocable,
        run=run,
        intro=tuple(revoke_intro("remains" if remain else "")),
        expected=recipients,
        danger=True,
    )
