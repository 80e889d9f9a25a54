"""Why a setup has stopped, for the customer. The operation's own sentences are for the provider's staff.

The operation's code selects the text; where the code is not known, the text names the step. Texts may use {provider}, {name} (of the
registration) and {step} (its title).
"""

from dataclasses import dataclass

from onboarding.explanations.aadsts import CODES
from onboarding.explanations.aadsts import GENERIC as GENERIC_REFUSAL
from onboarding.explanations.credentials import explain_credential

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
SECRETS_FORBIDDEN = SetupProblem(
    "A policy of your organisation does not allow the secret that the registration needs.",
    "Ask the person who manages the app management policies in Microsoft Entra for an exception for {name}, then sign in again.",
)
REFUSED = SetupProblem(
    "Microsoft refused the step “{step}”: the account that signed in lacks a role or permission for it.",
    f"Check that the administrator’s role is still active. {AGAIN} {SEND}",
)
BY_CODE = {
    "CredentialTypeNotAllowedAsPerAppPolicy": SECRETS_FORBIDDEN,
    "CredentialInvalidLifetimeAsPerAppPolicy": SECRETS_FORBIDDEN,
    "permission_unknown": SetupProblem(
        "Microsoft does not offer every required permission in your organisation. Usually a Teams licence is missing.",
        "Check with {provider} which licence the phone service needs. Then sign in again.",
    ),
    "Authorization_RequestDenied": REFUSED,
    "accessDenied": REFUSED,
}

CHECK_CANCELLED = SetupProblem("The check of the values was cancelled.", "Enter them again to continue.")
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
PROCESSING = "The phone service is processing it."
WAITING_NOTES = {  # by the step's name; the default fits any step
    "proof": "Microsoft is still replicating the permissions and roles. This can take 15 minutes.",
    "find_service": PROCESSING,
    "hand_over": PROCESSING,
    "validation": PROCESSING,
}


def failed(code: str, *, cancelled: bool) -> SetupProblem:
    """Why the setup of a new registration has stopped."""
    return CANCELLED if cancelled else BY_CODE.get(code, GENERIC)


def check_failed(code: str, *, cancelled: bool) -> SetupProblem:
    """Why the values of an existing registration cannot be used."""
    if cancelled:
        return CHECK_CANCELLED
    if code.startswith("AADSTS"):
        known = explain_credential(code)
        return SetupProblem(known.sentence, known.next_step)
    return CHECK_PROBLEMS.get(code, CHECK_FAILED)


def token_failed(code: str, *, cancelled: bool) -> SetupProblem:
    """Why a delegated token cannot be used."""
    if cancelled or not code.startswith("AADSTS"):
        return failed(code, cancelled=cancelled)
    known = CODES.get(code, GENERIC_REFUSAL)
    return SetupProblem(known.sentence, known.next_step)


def waiting_note(step: str) -> str:
    """What a step waits for that needs no person to act."""
    return WAITING_NOTES.get(step, REPLICATING)
