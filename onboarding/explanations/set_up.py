"""Why a setup could not finish, for the customer. The operation's own sentences are for the provider's staff.

The operation's code selects the text; where the code is not known, the text names the step. Texts may use {provider}, {name} (of the
registration) and {step} (its title).
"""

from dataclasses import dataclass

from onboarding.explanations.aadsts import CODES
from onboarding.explanations.credentials import CREDENTIAL_CODES
from registrations.clients.graph.errors import Meaning

AGAIN = "Sign in again to retry this step."
SEND = "If it fails again, send the details below to your contact at {provider}."


@dataclass(frozen=True)
class SetupProblem:
    """What happened, and what the customer can do."""

    sentence: str
    next_step: str


SIGN_IN = SetupProblem(
    "Microsoft’s permission for the setup has expired. It lasts about an hour.",
    "Sign in again to continue the setup where it stopped.",
)
CANCELLED = SetupProblem(
    "{provider} has cancelled the setup.", "Ask your contact at {provider}, or sign in again to continue."
)
GENERIC = SetupProblem("The step “{step}” failed.", f"{AGAIN} {SEND}")
# A policy excludes people by an attribute, or applications that exist: {name} may not exist yet.
# https://learn.microsoft.com/entra/identity/enterprise-apps/configure-app-management-policies
SECRETS_FORBIDDEN = SetupProblem(
    "A policy of your organisation does not allow the secret that the registration needs.",
    "Ask the person who manages the app management policies in Microsoft Entra to exclude your account, or to allow client "
    "secrets, then sign in again. If you have a registration with a secret of its own, use that one instead.",
)
# A registration was created before Microsoft refused the secret: this invitation cannot change its method any more.
SECRETS_FORBIDDEN_LATE = SetupProblem(
    SECRETS_FORBIDDEN.sentence,
    "Ask the person who manages the app management policies in Microsoft Entra to exclude your account, or to allow client "
    "secrets, then sign in again. If you have a registration with a secret of its own, ask your contact at {provider} for a new "
    "invitation, and use that one.",
)
LIFETIME_FORBIDDEN = SetupProblem(
    "A policy of your organisation does not allow the lifetime of the secret that the registration needs.",
    "Ask the person who manages the app management policies in Microsoft Entra for a longer lifetime, then sign in again.",
)
REFUSED = SetupProblem(
    "Microsoft refused the step “{step}”: the account that signed in lacks a role or permission for it.",
    f"Check that the administrator’s role is still active. {AGAIN} {SEND}",
)
# https://learn.microsoft.com/entra/identity/users/directory-service-limits-restrictions (deleted objects count too)
MAKE_ROOM = (
    "In Microsoft Entra, open App registrations, Deleted applications, and permanently delete those that nobody needs: they "
    "count too."
)
QUOTA = SetupProblem(
    "Microsoft refused the step “{step}”: a quota of objects in your organisation is used up, either of the account that signed in "
    "or of the whole directory.",
    f"{MAKE_ROOM} Then sign in again. If only the account’s quota is used up, another administrator’s account can do the setup. "
    f"{SEND}",
)
QUOTAS = {  # by what the operation's sentence says: Microsoft's code is the same for all
    Meaning.QUOTA_OF_CREATOR: SetupProblem(
        "Microsoft refused the step “{step}”: the account that signed in has created as many objects as Microsoft allows.",
        f"{MAKE_ROOM} Then sign in again, or start at the invitation with another administrator’s account. {SEND}",
    ),
    Meaning.QUOTA_OF_TENANT: SetupProblem(
        "Microsoft refused the step “{step}”: the quota of objects of your organisation’s whole directory is used up.",
        f"{MAKE_ROOM} A verified domain raises the quota, and Microsoft’s support can. Then sign in again. {SEND}",
    ),
    Meaning.QUOTA_OF_OWNERS: SetupProblem(
        "Microsoft refused the step “{step}”: the registration has as many owners as Microsoft allows.",
        f"In Microsoft Entra, under App registrations, remove owners of “{{name}}” who are not needed. Then sign in again. {SEND}",
    ),
}
QUOTA_CODE = "quotaexceeded"  # the end of Directory_QuotaExceeded and the like, in lower case
BY_CODE = {
    "CredentialTypeNotAllowedAsPerAppPolicy": SECRETS_FORBIDDEN,
    "CredentialInvalidLifetimeAsPerAppPolicy": LIFETIME_FORBIDDEN,
    "permission_unknown": SetupProblem(
        "Microsoft does not offer every required permission in your organisation. Usually a Teams licence is missing.",
        "Check with {provider} which licence the phone service needs. Then sign in again.",
    ),
    "Authorization_RequestDenied": REFUSED,
    "accessDenied": REFUSED,
}

CHECK_CANCELLED = SetupProblem(
    "The check of these values was cancelled, because other values were entered or another method was chosen.",
    "Enter them again to continue with them.",
)
VALUES_DELETED = SetupProblem("The values are stored for one day only.", "Enter them again.")
OTHER_ORGANISATION = SetupProblem(
    "The values belong to another organisation.", "Enter the values of the invited organisation."
)
CHECK_FAILED = SetupProblem("The values could not be checked completely.", f"Enter them again. {SEND}")
REGISTRATION_DELETED = SetupProblem(
    "The registration was deleted after it was checked, or its secret was removed.",
    "Restore it or create another one, then enter its values again.",
)
CHECK_PROBLEMS = {
    "values_forgotten": VALUES_DELETED,
    "other_organisation": OTHER_ORGANISATION,
    "entered_registration_gone": REGISTRATION_DELETED,
}

REPLICATING = "Microsoft is still replicating this to its data centres. This can take some minutes."
CHECKED_AGAIN = "Checked again for a minute, in case the values are new."
SERVICE_MISSING = "{provider} still has to create the service. You do not need to wait."
PROCESSING = "The phone service is processing it."
WAITING_NOTES = {  # by the step's name; the default fits any step
    "proof": "Microsoft is still replicating the permissions and roles. This can take 15 minutes.",
    "find_service": PROCESSING,
    "hand_over": PROCESSING,
    "validation": PROCESSING,
}


def failed(code: str, *, cancelled: bool, message: str = "") -> SetupProblem:
    """Why the setup of a new registration could not finish."""
    if cancelled:
        return CANCELLED
    if code.lower().endswith(QUOTA_CODE):
        return next((told for meaning, told in QUOTAS.items() if meaning.value in message), QUOTA)
    return BY_CODE.get(code, GENERIC)


def check_continues(code: str) -> SetupProblem | None:
    """Why Microsoft does not accept the values of an existing registration yet; None without a reason of its own."""
    known = CREDENTIAL_CODES.get(code)
    return SetupProblem(known.sentence, known.next_step) if known else None


def check_failed(code: str, *, cancelled: bool, message: str = "") -> SetupProblem:
    """Why the values of an existing registration cannot be used."""
    if cancelled:
        return CHECK_CANCELLED
    if code.startswith("AADSTS"):
        known = CREDENTIAL_CODES.get(code)
        # The step wrote its sentence for the customer: it holds Microsoft's own words about a code that nobody knows.
        return SetupProblem(known.sentence, known.next_step) if known else _written(message)
    return CHECK_PROBLEMS.get(code, CHECK_FAILED)


def token_failed(code: str, *, cancelled: bool, message: str = "") -> SetupProblem:
    """Why a delegated token cannot be used."""
    if cancelled or not code.startswith("AADSTS"):
        return failed(code, cancelled=cancelled)
    known = CODES.get(code)
    return SetupProblem(known.sentence, known.next_step) if known else _written(message)


def _written(message: str) -> SetupProblem:
    """A sentence that a step has filled already: braces in it are no names."""
    return SetupProblem(message.replace("{", "{{").replace("}", "}}"), "")


def waiting_note(step: str) -> str:
    """What a step waits for that needs no person to act."""
    return WAITING_NOTES.get(step, REPLICATING)
