"""Every error page of the wizard as data: what happened, what to do, and where the button leads.

Texts may use {provider}, {customer}, {host}, {app} (the sync app's name), {wait} (how long) and {facts} (what one case adds).
They blame nobody, and name the cause wherever it is known. {needed_role} is the role that the chosen method needs.
"""

from dataclasses import dataclass
from enum import Enum

from onboarding.explanations import GENERIC, Who
from onboarding.explanations.aadsts import CLOCKS, NEEDS_APPROVAL
from onboarding.explanations.advice import APPROVAL, CLOCK


class ButtonTarget(Enum):
    """Where the button of an error page leads."""

    INVITATION = "invitation"
    REGISTRATION = "registration"
    PROGRESS = "progress"
    PORTAL = "portal"  # the page that says to open the link in the email
    CONTACT = "contact"  # an email to the sender of the invitation


class GrantOutcome(Enum):
    """What happened to the permissions that a person accepted in a second sign-in that was then refused."""

    NOTHING = "nothing"
    REVOKED = "revoked"
    NOT_REVOKED = "not_revoked"
    IN_USE = "in_use"
    KEPT = "kept"
    UNKNOWN = "unknown"


BACK = ("Back to the invitation", ButtonTarget.INVITATION)
HOW_TO_CONTINUE = "How to continue"
NEW_LINK = "Ask for a new invitation"


@dataclass(frozen=True)
class ErrorPage:
    """One error page."""

    key: str
    status: int
    title: str
    sentence: str
    next_step: str
    button: str = HOW_TO_CONTINUE
    target: ButtonTarget = ButtonTarget.PORTAL
    effect: str = ""  # what has changed so far, or that nothing has
    who: Who = Who.SAME  # whom the next step sends to act
    shows_codes: bool = False  # openly, not folded away


UNCHANGED = "This sign-in changed nothing in your organisation."
NOTHING_CREATED = "No registration was created in your organisation."
CONSENTED = (
    "No registration was created. Microsoft may now list {app} under Enterprise applications of the organisation that "
    "you signed in to, because you allowed it to sign you in and read your profile. You can delete it there."
)
SAVED = "Your progress is saved."
ASK = "Ask your contact at {provider} to send a new invitation."

REMOVE = "In Microsoft Entra, under Enterprise applications, delete {app}."
GRANT_SENTENCES = {
    GrantOutcome.REVOKED: "The permissions that you accepted a moment ago were revoked.",
    GrantOutcome.NOT_REVOKED: "The permissions that you accepted a moment ago could not be revoked. Remove them yourself: "
    + REMOVE,
    GrantOutcome.IN_USE: "The setup that is running uses the permissions that you accepted. It revokes them when it finishes.",
    GrantOutcome.KEPT: "The permissions that you accepted remain, because a delegated token of your organisation needs them.",
    GrantOutcome.UNKNOWN: "If you accepted permissions on Microsoft’s page, they may still be in place. A setup revokes them "
    "when it finishes. To remove them yourself: " + REMOVE,
}

ERRORS = {
    page.key: page
    for page in (
        ErrorPage(
            "unknown_link",
            404,
            "Unknown link",
            "The address is incomplete, or a newer link has replaced it.",
            "Copy the whole link from the newest invitation email, or ask your contact at {provider} for a new one.",
            button=NEW_LINK,
            target=ButtonTarget.CONTACT,
        ),
        ErrorPage(
            "expired_link",
            410,
            "This invitation has expired",
            "Invitations expire after some weeks, for security.",
            ASK,
            effect=NOTHING_CREATED,
            button=NEW_LINK,
            target=ButtonTarget.CONTACT,
        ),
        ErrorPage(
            "revoked_link",
            410,
            "This invitation was withdrawn",
            "{provider} has withdrawn it, and its link no longer works.",
            "If you expected to connect {customer}, ask your contact at {provider} for a new one.",
            button=NEW_LINK,
            target=ButtonTarget.CONTACT,
        ),
        ErrorPage(
            "replaced_link",
            410,
            "This link was replaced",
            "{provider} created a new link for this invitation. Everything started with the old link has ended.",
            "Open the link in the newest invitation email, or ask your contact at {provider} for it.",
            button=NEW_LINK,
            target=ButtonTarget.CONTACT,
        ),
        ErrorPage(
            "used_link",
            410,
            "This invitation has been used",
            "{customer} is already connected.",
            "There is nothing left to do. If you did not do this, tell your contact at {provider}.",
            "Show what was created",
            ButtonTarget.PROGRESS,
        ),
        ErrorPage(
            "instance_not_active",
            503,
            "Not ready yet",
            "{provider} is still setting up this address.",
            "Open the link again later, or ask your contact at {provider} when it will be ready.",
            button="Ask when it is ready",
            target=ButtonTarget.CONTACT,
        ),
        ErrorPage(
            "another_organisation",
            403,
            "This account is from another organisation",
            "You signed in as {facts}, but the invitation is for {customer}.",
            "Sign in again with an administrator’s account of {customer}. Required role: {needed_role}.",
            *BACK,
            UNCHANGED,
            who=Who.ANOTHER,
        ),
        ErrorPage(
            "another_administrator",
            403,
            "A different account",
            "You signed in as {facts}, but this setup was started with another account of {customer}.",
            "Sign in again with the first account. To continue with this one, start again from the invitation.",
            *BACK,
            SAVED,
            who=Who.ANOTHER,
        ),
        ErrorPage(
            "personal_account",
            403,
            "This is a personal account",
            "A personal Microsoft account does not belong to an organisation.",
            "Sign in again with your work account of {customer}. Required role: {needed_role}.",
            *BACK,
            UNCHANGED,
            who=Who.ANOTHER,
        ),
        ErrorPage(
            "guest",
            403,
            "This account is a guest",
            "{facts} is a guest in the Microsoft 365 of {customer}, and guests cannot do this setup.",
            "Sign in again with an account that belongs to {customer} itself. Required role: {needed_role}.",
            *BACK,
            UNCHANGED,
            who=Who.ANOTHER,
        ),
        ErrorPage(
            "not_an_administrator",
            403,
            "This account does not have the required roles",
            "{facts} does not hold the roles that Microsoft requires for this setup.",
            "Sign in with another account. Required role: {needed_role}. If your organisation uses Privileged Identity Management, "
            "activate the role first and sign in again. A role that was activated a moment ago can take some minutes to show.",
            *BACK,
            UNCHANGED,
            who=Who.ANOTHER,
        ),
        ErrorPage(
            "roles_missing",
            403,
            "A role is missing",
            "For a delegated token, this account also needs {facts}.",
            "Have the role assigned to this account, or activate it if your organisation uses Privileged Identity "
            "Management. Then sign in again, use another account, or go back and choose another method. The account needs "
            "{needed_role}.",
            *BACK,
            UNCHANGED,
            who=Who.ANOTHER,
        ),
        ErrorPage(
            "approval_needed",
            403,
            "Administrator approval required",
            NEEDS_APPROVAL,
            APPROVAL.text,
            *BACK,
            UNCHANGED,
            who=Who.ANOTHER,
        ),
        ErrorPage(
            "consent_declined",
            403,
            "The permissions were not accepted",
            "Cancel was chosen on Microsoft’s page, so {provider} received no permission.",
            "Review the list of permissions. If you agree, sign in again and choose Accept.",
            *BACK,
            UNCHANGED,
        ),
        ErrorPage(
            "missing_scopes",
            403,
            "Some permissions are missing",
            "Microsoft’s answer does not contain: {facts}.",
            "Sign in again and accept the whole list. If Microsoft does not offer it, your organisation’s consent settings "
            "prevent it: ask an administrator to allow it for {app}, then sign in again.",
            "Try again",
            ButtonTarget.REGISTRATION,
            SAVED,
        ),
        ErrorPage(
            "state_lost",
            400,
            "This sign-in cannot be continued",
            "It took longer than 15 minutes, was already completed, or was started in another browser.",
            "Go back to the invitation, or open the link in your email again, in this browser, and start again. Your browser must "
            "accept cookies.",
            *BACK,
            SAVED,
        ),
        ErrorPage(
            "session_missing",
            403,
            "Sign in to see this page",
            "This page requires a sign-in, and yours has ended.",
            "Open the link in your email again and sign in. A setup that has started continues meanwhile.",
            effect=SAVED,
        ),
        ErrorPage(
            "microsoft_error",
            403,
            "Microsoft did not complete the sign-in",
            GENERIC.sentence,
            GENERIC.next_step,
            *BACK,
            UNCHANGED,
        ),
        ErrorPage(
            "remote_unavailable",
            503,
            "Microsoft is busy or not responding",
            "Microsoft’s service asked to wait, or did not respond in time.",
            "Wait {wait} and try again.",
            *BACK,
            SAVED,
        ),
        ErrorPage(
            "clock_skew",
            503,
            "The clocks differ",
            CLOCKS,
            CLOCK.text,
            *BACK,
            UNCHANGED,
            Who.PROVIDER,
        ),
        ErrorPage(
            "busy",
            409,
            "Already in progress",
            "{facts}",
            "Open the progress page.",
            "Show progress",
            ButtonTarget.PROGRESS,
            SAVED,
        ),
        ErrorPage(
            "under_way",
            409,
            "Already in progress",
            "{facts}",
            "Wait a minute, then try again. An administrator who has signed in can follow the progress.",
            *BACK,
            SAVED,
        ),
        ErrorPage(
            "too_many_tries",
            429,
            "Too many attempts",
            "Values were entered five times within 15 minutes.",
            "Wait 15 minutes. Meanwhile, compare the values with the registration in Microsoft Entra.",
            *BACK,
        ),
        ErrorPage(
            "too_many_requests",
            429,
            "Too many requests",
            "This invitation, your browser or your network sent more forms than we accept in a short time.",
            "Wait {facts}, then try again. Nothing is lost: what has started continues meanwhile.",
            "Back to the invitation",
            ButtonTarget.INVITATION,
        ),
        ErrorPage(
            "way_not_offered",
            409,
            "This method is not available",
            "The phone service of {provider} does not support {facts}.",
            "Go back and choose another method.",
            *BACK,
            UNCHANGED,
        ),
        ErrorPage(
            "csrf",
            403,
            "This form has expired",
            "The form was opened a long time ago or in another browser, or your browser does not accept cookies.",
            "Open the link in your email again. Your browser must accept cookies for this site.",
            effect=SAVED,
        ),
        ErrorPage(
            "bad_request",
            400,
            "Invalid request",
            "Your browser sent a request that this page does not understand.",
            "Open the link in your email again.",
        ),
        ErrorPage(
            "forbidden",
            403,
            "Not allowed",
            "This address does not accept this request.",
            "Open the link in your email again.",
        ),
        ErrorPage(
            "server_error",
            500,
            "Internal error",
            "SyncPortal had an unexpected error. It was logged, and {provider} can look it up.",
            "Wait a minute and open the link in your email again. If it happens again, tell your contact at {provider}.",
            effect=SAVED,
        ),
    )
}
