"""Every "no" that a customer can meet, as data: what happened, what to do, and where the button leads.

Texts may use {provider}, {customer}, {host}, {app} (the sync app's name) and {facts} (what a single case adds). Nobody
is blamed, nothing is "something went wrong" where we know what did.
"""

from dataclasses import dataclass
from enum import Enum

from onboarding.explanations import GENERIC


class ButtonTarget(Enum):
    """Where the button of a refusal leads."""

    INVITATION = "invitation"
    REGISTRATION = "registration"
    PROGRESS = "progress"
    PORTAL = "portal"  # what to do with the link in the mail
    CONTACT = "contact"  # a mail to whoever sent the invitation


class GrantOutcome(Enum):
    """What became of the permissions that were accepted for a second sign-in that was refused."""

    NOTHING = "nothing"
    REVOKED = "revoked"
    NOT_REVOKED = "not_revoked"
    IN_USE = "in_use"
    KEPT = "kept"
    UNKNOWN = "unknown"


HOW_TO_CONTINUE = "How to go on"
NEW_LINK = "Ask for a new invitation"


@dataclass(frozen=True)
class ErrorPage:
    """One page of the trouble template."""

    key: str
    status: int
    title: str
    sentence: str
    next_step: str
    button: str = HOW_TO_CONTINUE
    target: ButtonTarget = ButtonTarget.PORTAL
    effect: str = ""  # what has changed so far, or that nothing has


UNCHANGED = "This sign-in has changed nothing in your organisation."
NOTHING_CREATED = "No registration was made in your organisation."
CONSENTED = (
    "No registration was made. Microsoft may now list {app} under Enterprise applications of the organisation that you "
    "signed in to, because you let it sign you in and read your profile. It may be deleted there."
)
SAVED = "Your progress is saved."
ASK = "Ask your contact at {provider} to send a new invitation."

REMOVE = "In Microsoft Entra, under Enterprise applications, delete {app}."
GRANT_SENTENCES = {
    GrantOutcome.REVOKED: "The permissions that you accepted a moment ago were given back.",
    GrantOutcome.NOT_REVOKED: "The permissions that you accepted a moment ago could not be given back. Remove them yourself: "
    + REMOVE,
    GrantOutcome.IN_USE: "The permissions that you accepted serve the set-up that is at work. It gives them back at its end.",
    GrantOutcome.KEPT: "The permissions that you accepted stay: a delegated token of your organisation lives on them.",
    GrantOutcome.UNKNOWN: "If you accepted permissions on Microsoft's page, they may still be there. A set-up gives them back at "
    "its end. To remove them yourself: " + REMOVE,
}

ERRORS = {
    page.key: page
    for page in (
        ErrorPage(
            "unknown_link",
            404,
            "This link is not known",
            "The address is not complete, or it was replaced by a newer link.",
            "Copy the whole link from the newest invitation mail, or ask your contact at {provider} for a new one.",
            button=NEW_LINK,
            target=ButtonTarget.CONTACT,
        ),
        ErrorPage(
            "expired_link",
            410,
            "This invitation has expired",
            "Invitations end after some weeks, for safety.",
            ASK,
            effect=NOTHING_CREATED,
            button=NEW_LINK,
            target=ButtonTarget.CONTACT,
        ),
        ErrorPage(
            "revoked_link",
            410,
            "This invitation was withdrawn",
            "{provider} has withdrawn this invitation.",
            "If you expected to connect {customer}, ask your contact at {provider} for a new one.",
            button=NEW_LINK,
            target=ButtonTarget.CONTACT,
        ),
        ErrorPage(
            "replaced_link",
            410,
            "This link was replaced",
            "{provider} has made a newer link for this invitation, so everything begun with the old one has ended.",
            "Open the link in the newest invitation mail, or ask your contact at {provider} for it.",
            button=NEW_LINK,
            target=ButtonTarget.CONTACT,
        ),
        ErrorPage(
            "used_link",
            410,
            "This invitation has been used",
            "{customer} is connected already.",
            "There is nothing left to do. If that was not you, tell your contact at {provider}.",
            "Show what was created",
            ButtonTarget.PROGRESS,
        ),
        ErrorPage(
            "instance_not_active",
            503,
            "Not ready yet",
            "{provider} is still setting this address up.",
            "Open the link again later, or ask your contact at {provider} when it will be ready.",
            button="Ask when it is ready",
            target=ButtonTarget.CONTACT,
        ),
        ErrorPage(
            "another_organisation",
            403,
            "This account is from another organisation",
            "You signed in as {facts}, and the invitation is for {customer}.",
            "Sign in again with an administrator's account of {customer}.",
            "Back to the invitation",
            ButtonTarget.INVITATION,
            UNCHANGED,
        ),
        ErrorPage(
            "another_administrator",
            403,
            "Another account than before",
            "You signed in as {facts}, and this set-up was begun with another account of {customer}.",
            "Sign in again with the first account. To go on with this one, start again from the invitation.",
            "Back to the invitation",
            ButtonTarget.INVITATION,
            SAVED,
        ),
        ErrorPage(
            "personal_account",
            403,
            "This is a personal account",
            "A personal Microsoft account belongs to no organisation.",
            "Sign in again with your work account of {customer}.",
            "Back to the invitation",
            ButtonTarget.INVITATION,
            UNCHANGED,
        ),
        ErrorPage(
            "guest",
            403,
            "This account is a guest",
            "{facts} is a guest in the Microsoft 365 of {customer}, and guests cannot set this up.",
            "Sign in again with an account that belongs to {customer} itself.",
            "Back to the invitation",
            ButtonTarget.INVITATION,
            UNCHANGED,
        ),
        ErrorPage(
            "not_an_administrator",
            403,
            "This account may not set this up",
            "{facts} does not hold the roles that Microsoft asks for this.",
            "Sign in as a Global Administrator, or as a Privileged Role Administrator who is Application Administrator "
            "too. If your organisation uses Privileged Identity Management, activate the role first and sign in again.",
            "Back to the invitation",
            ButtonTarget.INVITATION,
            UNCHANGED,
        ),
        ErrorPage(
            "roles_missing",
            403,
            "A role is missing",
            "For a token, {facts} must be active.",
            "Have the role given to this account, or activate it if your organisation uses Privileged Identity "
            "Management. Then sign in again, or choose another way.",
            "Back to the invitation",
            ButtonTarget.INVITATION,
            UNCHANGED,
        ),
        ErrorPage(
            "approval_needed",
            403,
            "An administrator must approve this",
            "Your organisation lets only certain administrators accept these permissions, and this account is none.",
            "Forward the invitation to a Global Administrator, an Application Administrator or a Cloud Application "
            "Administrator, or sign in as one.",
            "Back to the invitation",
            ButtonTarget.INVITATION,
            UNCHANGED,
        ),
        ErrorPage(
            "consent_declined",
            403,
            "The permissions were not accepted",
            "Microsoft's page was left with Cancel, so {provider} got no permission.",
            "Look at the list of permissions again. If you agree, sign in again and choose Accept.",
            "Back to the invitation",
            ButtonTarget.INVITATION,
            UNCHANGED,
        ),
        ErrorPage(
            "missing_scopes",
            403,
            "Some permissions are missing",
            "Microsoft's answer does not contain: {facts}.",
            "Sign in again and accept the whole list. If Microsoft does not offer it, your organisation's consent "
            "settings stop it: ask a Global Administrator.",
            "Try again",
            ButtonTarget.REGISTRATION,
            SAVED,
        ),
        ErrorPage(
            "state_lost",
            400,
            "This sign-in cannot be continued",
            "It took longer than 15 minutes, was finished before, or was begun in another browser.",
            "Open the link in your mail again, in this browser, and start again. Your browser has to accept cookies.",
            "Back to the invitation",
            ButtonTarget.INVITATION,
            SAVED,
        ),
        ErrorPage(
            "session_missing",
            403,
            "Sign in to see this page",
            "This page shows only after a sign-in, and yours has ended.",
            "Open the link in your mail again and sign in. What was begun goes on meanwhile.",
            effect=SAVED,
        ),
        ErrorPage(
            "microsoft_error",
            403,
            "Microsoft did not finish the sign-in",
            GENERIC.sentence,
            GENERIC.next_step,
            "Back to the invitation",
            ButtonTarget.INVITATION,
            UNCHANGED,
        ),
        ErrorPage(
            "remote_unavailable",
            503,
            "Microsoft does not answer",
            "Microsoft's service did not answer in time.",
            "Wait a minute and try again.",
            "Back to the invitation",
            ButtonTarget.INVITATION,
            SAVED,
        ),
        ErrorPage(
            "busy",
            409,
            "This is under way already",
            "{facts}",
            "Look at the progress page.",
            "Show the progress",
            ButtonTarget.PROGRESS,
            SAVED,
        ),
        ErrorPage(
            "under_way",
            409,
            "This is under way already",
            "{facts}",
            "Wait a minute, then look again. An administrator who signed in can watch the progress.",
            "Back to the invitation",
            ButtonTarget.INVITATION,
            SAVED,
        ),
        ErrorPage(
            "too_many_tries",
            429,
            "Too many tries",
            "Values were entered five times within a quarter of an hour.",
            "Wait 15 minutes. Meanwhile compare the values with the registration in Microsoft Entra.",
            "Back to the invitation",
            ButtonTarget.INVITATION,
        ),
        ErrorPage(
            "way_not_offered",
            409,
            "This way is not possible here",
            "The phone service of {provider} cannot take over {facts}.",
            "Go back and choose another way.",
            "Back to the invitation",
            ButtonTarget.INVITATION,
            UNCHANGED,
        ),
        ErrorPage(
            "csrf",
            403,
            "This form is too old",
            "The form was opened long ago, in another browser, or your browser refuses cookies.",
            "Open the link in your mail again. Your browser has to accept cookies for this site.",
            effect=SAVED,
        ),
        ErrorPage(
            "bad_request",
            400,
            "This request cannot be read",
            "Your browser sent something that this page does not expect.",
            "Open the link in your mail again.",
        ),
        ErrorPage(
            "forbidden",
            403,
            "This is not allowed",
            "This address does not take what your browser sent.",
            "Open the link in your mail again.",
        ),
        ErrorPage(
            "server_error",
            500,
            "A mistake of ours",
            "This page met an error that SyncPortal does not know. It is written down, and {provider} can look it up.",
            "Wait a minute and open the link in your mail again. If it happens again, tell your contact at {provider}.",
            effect=SAVED,
        ),
    )
}
