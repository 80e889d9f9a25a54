"""Why a set-up stands still, in the customer's words. The operation's own sentences are for the provider's staff.

Chosen by the operation's code, and by the step where the code is not known. Texts may use {provider}, {name} (of the
registration) and {step} (its title).
"""

from dataclasses import dataclass

from onboarding.explanations.aadsts import CODES
from onboarding.explanations.aadsts import GENERIC as GENERIC_REFUSAL
from onboarding.explanations.credentials import explain_credential

AGAIN = "Sign in again, and this step is tried once more."
SEND = "If it stops again, send the details below to your contact at {provider}."


@dataclass(frozen=True)
class Standstill:
    """What happened, and what the customer can do."""

    sentence: str
    next_step: str


SIGN_IN = Standstill(
    "Microsoft’s permission for the set-up has ended: it lasts for about an hour.",
    "Sign in again, and the set-up goes on where it stopped.",
)
CANCELLED = Standstill(
    "{provider} has cancelled the set-up.", "Ask your contact at {provider}, or sign in again to go on with it."
)
GENERIC = Standstill("The step “{step}” did not succeed.", f"{AGAIN} {SEND}")
SECRETS_FORBIDDEN = Standstill(
    "A policy of your organisation does not allow the secret that the registration needs.",
    "Ask whoever manages the app management policies in Microsoft Entra for an exception for {name}, then sign in again.",
)
REFUSED = Standstill(
    "Microsoft refused the step “{step}”: the account that signed in lacks a role or permission for it.",
    f"Check that the administrator’s role is still active. {AGAIN} {SEND}",
)
BY_CODE = {
    "CredentialTypeNotAllowedAsPerAppPolicy": SECRETS_FORBIDDEN,
    "CredentialInvalidLifetimeAsPerAppPolicy": SECRETS_FORBIDDEN,
    "permission_unknown": Standstill(
        "Microsoft does not offer every permission that is needed in your organisation. Most often a Teams licence is missing.",
        "Check with {provider} which licence the phone service needs. Then sign in again.",
    ),
    "Authorization_RequestDenied": REFUSED,
    "accessDenied": REFUSED,
}

TRIAL_ENDED = Standstill("The trial of the values was ended.", "Enter them again to go on.")
FORGOTTEN = Standstill("The values are kept for one day only.", "Enter them again.")
OTHER_ORGANISATION = Standstill(
    "The values belong to another organisation than the invited one.", "Enter those of the invited one."
)
TRIAL_BROKE = Standstill("The values could not be tried to the end.", f"Enter them again. {SEND}")
TRIALS = {"values_forgotten": FORGOTTEN, "other_organisation": OTHER_ORGANISATION}

COPYING = "Microsoft is still copying this to its data centres. That takes some minutes at times."
TAKING_OVER = "The phone service is busy with it."
WAITS = {  # by the step's name; the default fits any step
    "proof": "Microsoft is still copying the permissions and roles. That can take 15 minutes.",
    "find_service": TAKING_OVER,
    "hand_over": TAKING_OVER,
    "validation": TAKING_OVER,
}


def failed(code: str, *, cancelled: bool) -> Standstill:
    """Why it has stopped."""
    return CANCELLED if cancelled else BY_CODE.get(code, GENERIC)


def trial_failed(code: str, *, cancelled: bool) -> Standstill:
    """Why the values of an existing registration cannot be used."""
    if cancelled:
        return TRIAL_ENDED
    if code.startswith("AADSTS"):
        known = explain_credential(code)
        return Standstill(known.sentence, known.next_step)
    return TRIALS.get(code, TRIAL_BROKE)


def token_failed(code: str, *, cancelled: bool) -> Standstill:
    """Why a delegated token cannot be used."""
    if cancelled or not code.startswith("AADSTS"):
        return failed(code, cancelled=cancelled)
    known = CODES.get(code, GENERIC_REFUSAL)
    return Standstill(known.sentence, known.next_step)


def waits(step: str) -> str:
    """What a step waits for that needs nobody."""
    return WAITS.get(step, COPYING)
