"""What the confirmation pages of invitations say."""

from collections.abc import Collection, Iterable
from typing import Any

from onboarding.models import Invitation
from onboarding.services import invitations, leftovers
from registrations.models import UmpInstance

REMAINS = "Remains in the customer's tenant"
SEND = [
    "The email with the link is sent at once. A link that was sent before stays the same.",
    "Only an administrator of the expected tenant can use it.",
]
COPY = [
    "The next page shows the link. You can copy it again later, as long as it is valid. The history records each time.",
    "Anyone with the link can open the wizard. Only an administrator of the expected tenant can sign in.",
]
NEW_LINK = [
    "The current link stops working at once. The new link is not emailed until you send the invitation.",
    "People who signed in with the current link need the new one to continue. A setup that is running continues.",
]
REVOKE_LEAVES = (
    "What was created in the customer's tenant remains there, and SyncPortal can no longer remove it. An administrator of the "
    "customer can: the page behind the link explains how."
)
REVOKE = ["The link stops working at once. A person in the wizard gets an error page with the next click."]


def copy_intro(invitation: Invitation) -> list[str]:
    """What showing the link does, and that it leads nowhere yet while the instance is not active."""
    warning = invitations.not_active(invitation.service.instance)
    return [warning, *COPY] if warning else COPY


def not_active_intro(instance: UmpInstance) -> list[str]:
    """Why an invitation cannot be sent yet, and what to do first."""
    return [f"{instance.host} is not active. Provision it, then send the invitation."]


def send_intro(chosen: Iterable[Invitation]) -> list[str]:
    """What sending does, and which instances lack the UMP API credential."""
    instances = {invitation.service.instance for invitation in chosen}
    lacking = sorted((each for each in instances if not each.has_ump_credential), key=str)
    return [*(invitations.no_credential(instance) for instance in lacking), *SEND]


def revoke_intro(remains: str) -> list[str]:
    """What revoking does, and who can remove what remains in the customer's tenant."""
    return [*REVOKE, REVOKE_LEAVES] if remains else REVOKE


def recipients(chosen: Collection[Invitation]) -> dict[Any, str]:
    """Who has each link, and what remains in the tenant when it is revoked, by the invitations' keys."""
    remains = leftovers.of_many(chosen)
    return {
        each.pk: f"{each.it_admin_email}. {REMAINS}: {remains[each.pk].label}"
        if remains[each.pk].label
        else each.it_admin_email
        for each in chosen
    }
