"""Why Microsoft may refuse a registration's typed values, as data: what it means, and what to do in Entra.

Numbers and causes: https://learn.microsoft.com/entra/identity-platform/reference-error-codes
"""

from onboarding.explanations.aadsts import Explanation

UNKNOWN_APPLICATION = Explanation(
    "Microsoft knows no such application in your organisation.",
    "Compare the application (client) ID with the registration's Overview page in Microsoft Entra. A registration of "
    "another organisation cannot be used.",
)
CREDENTIAL_CODES: dict[str, Explanation] = {
    "AADSTS7000215": Explanation(
        "Microsoft does not accept the secret.",
        "Copy the secret's value, not its ID. The value shows only once, when the secret is made: make another one if "
        "it is lost. Microsoft may need two minutes for a new one.",
    ),
    "AADSTS7000222": Explanation(
        "The secret has expired.", "Make a new secret under Certificates & secrets, then enter its value."
    ),
    "AADSTS700016": UNKNOWN_APPLICATION,
    "AADSTS7000229": Explanation(
        "The registration has no enterprise application in your organisation.",
        "Grant admin consent for it in Microsoft Entra under API permissions: that creates one.",
    ),
    "AADSTS7000112": Explanation(
        "The application is disabled in your organisation.",
        "Enable it in Microsoft Entra under Enterprise applications.",
    ),
    "AADSTS53003": Explanation(
        "A Conditional Access policy for applications blocks it.",
        "Ask your security team to let this application through from the addresses of {provider}.",
    ),
    "AADSTS90002": Explanation(
        "Microsoft knows no organisation of that domain.",
        "Enter the tenant ID, or a domain that is verified in Microsoft 365.",
    ),
}
UNKNOWN_REFUSAL = Explanation(
    "Microsoft refused the registration with a code that SyncPortal has no words for.",
    "Send the details below to your contact at {provider}.",
)


def explain_credential(code: str) -> Explanation:
    """What the code means for somebody who has just typed a registration's values."""
    return CREDENTIAL_CODES.get(code, UNKNOWN_REFUSAL)
