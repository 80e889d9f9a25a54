"""Explanations of Microsoft's error codes: what happened, and what the person can do."""

from onboarding.explanations.aadsts import CODES, GENERIC, Explanation
from onboarding.explanations.advice import UNKNOWN, Advice, Who
from onboarding.explanations.credentials import explain_credential


def explain(code: str, words: str = "") -> Explanation:
    """The explanation of an AADSTS code or OAuth error.

    Where nobody knows the code, Microsoft's own first sentence is the explanation. `words` must be redacted before.
    """
    unknown = Explanation(f"Microsoft refused the sign-in: “{words}”", UNKNOWN, is_known=False) if words else GENERIC
    return CODES.get(code, unknown)


__all__ = ["CODES", "GENERIC", "Advice", "Explanation", "Who", "explain", "explain_credential"]
