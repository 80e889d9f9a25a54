"""Advice as data: who acts, and how. Texts for people are made from it, and a test follows each to its end."""

from dataclasses import dataclass
from enum import Enum


class Who(Enum):
    """The person whom an advice sends to act."""

    SAME = "same"  # the person who was refused
    ANOTHER = "another"  # somebody with an account that the setup accepts; they start at the invitation
    ORGANISATION = "organisation"  # somebody in the organisation changes something; then the same person tries again
    PROVIDER = "provider"  # the service provider; staff find it under "Needs attention"


@dataclass(frozen=True)
class Advice:
    """Who acts, and the sentences that say how.

    Texts may use {provider}, {customer}, {app}, {consenting_roles} and {needed_role}. The last one is filled from the roles
    that the wizard checks, so that nobody is sent to a role that is refused then.
    """

    who: Who
    text: str


AGAIN = Advice(Who.SAME, "Go back to the invitation and sign in again.")
ACCEPT = Advice(Who.SAME, "Sign in again and choose Accept.")
CONFIRM = Advice(Who.SAME, "Sign in again and choose Continue when Microsoft asks about the application.")
MULTI_FACTOR = Advice(Who.SAME, "Sign in again and complete the additional verification that Microsoft requires.")
REGISTER_METHODS = Advice(Who.SAME, "Complete the registration on Microsoft’s page, then sign in again.")
PASSWORD = Advice(Who.SAME, "Set a new password on Microsoft’s page, then sign in again.")
WAIT = Advice(Who.SAME, "Wait a few minutes and try again.")
AGAIN_THEN_SEND = Advice(
    Who.SAME, "Sign in again. If it happens again, send the details below to your contact at {provider}."
)
OTHER_ACCOUNT = Advice(
    Who.ANOTHER, "Sign in again with an administrator’s account of {customer}. Required role: {needed_role}."
)
WAIT_OR_OTHER_ACCOUNT = Advice(
    Who.ANOTHER, "Wait, or sign in with another account that has the required role: {needed_role}."
)
RISK = Advice(
    Who.ANOTHER,
    "Ask your security team to check the account, or sign in with another account that has the required role: {needed_role}.",
)
APPROVAL = Advice(
    Who.ANOTHER,
    "Forward the invitation to an administrator who may accept them, or sign in as one. Required role: {needed_role}.",
)
APPROVAL_WORKFLOW = Advice(
    Who.ANOTHER,
    "Ask for approval on Microsoft’s page, or ask the administrators who review these requests. Then forward the invitation to "
    "an administrator who can do the setup and needs no approval. Required role: {needed_role}.",
)
APPROVAL_WORKFLOW_TOKEN = Advice(
    Who.ORGANISATION,
    "Sign in again and ask for approval on Microsoft’s page. Sign in again once an administrator has approved it. An account that "
    "may accept the permissions itself needs no approval. Required role: {needed_role}.",
)
DEVICE = Advice(
    Who.ORGANISATION,
    "Use a device that your organisation manages, or ask your security team to allow this application.",
)
POLICY = Advice(
    Who.ORGANISATION,
    "Use a network and device that your organisation allows, or ask your security team for an exception. They can find "
    "the sign-in by the correlation ID below.",
)
ASSIGN = Advice(
    Who.ORGANISATION, "Ask for this account to be assigned to the application in Entra, then sign in again."
)
ENABLE = Advice(Who.ORGANISATION, "Enable it in Microsoft Entra under Enterprise applications, then sign in again.")
ENABLE_SERVICE = Advice(
    Who.ORGANISATION,
    "Check in the Microsoft 365 admin center that no subscription has lapsed, and in Microsoft Entra under Enterprise applications "
    "that the service is enabled. Then sign in again.",
)
SUBSCRIPTION = Advice(
    Who.ORGANISATION,
    "Check with {provider} that your organisation has the Microsoft 365 subscription that the phone service needs. Then sign "
    "in again.",
)
SIGN_IN_SERVER = Advice(
    Who.ORGANISATION,
    "Ask your IT department to check that server. They can find the sign-in by the correlation ID below.",
)
UNAVAILABLE_TENANT = Advice(
    Who.ORGANISATION,
    "Check in the Microsoft 365 admin center that the organisation’s subscription is active. Then sign in again.",
)
PARTNER = Advice(
    Who.ANOTHER, "Ask the partner’s administrator, or sign in with an account of {customer}: {needed_role}."
)
PROVIDER = Advice(
    Who.PROVIDER, "You cannot resolve this yourself. Send the details below to your contact at {provider}."
)
CLOCK = Advice(
    Who.PROVIDER,
    "You cannot resolve this yourself. Ask your contact at {provider} to set the clock of SyncPortal’s server by NTP.",
)
UNKNOWN = Advice(
    Who.PROVIDER,
    "Try again. If it happens again, send the details below to your contact at {provider}, who can see this refusal too.",
)
