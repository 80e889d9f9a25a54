"""Explanations of Microsoft's error codes: what happened, and what the person can do."""

from onboarding.explanations.aadsts import CODES, GENERIC, Explanation
from onboarding.explanations.credentials import explain_credential


def explain(code: str) -> Explanation:
    """The explanation of an AADSTS code or OAuth error; the generic one where it is not known."""
    return CODES.get(code, GENERIC)


__all__ = ["GENERIC", "Explanation", "explain", "explain_credential"]
