"""Why Microsoft may refuse the values of an existing registration, as data: what it means, and what to do in Entra.

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
        "Copy the secret's value, not its ID. Microsoft shows the value only once, when the secret is created: create a new "
        "one if it is lost. A new secret may take two minutes to work.",
    ),
    "AADSTS7000222": Explanation(
        "The secret has expired.", "Create a new secret under Certificates & secrets, then enter its value."
    ),
    "AADSTS700016": UNKNOWN_APPLICATION,
    "AADSTS7000229": Explanation(
        "The registration has no enterprise application in your organisation.",
        "Grant admin consent for it in Microsoft Entra under API permissions. This creates one.",
    ),
    "AADSTS7000112": Explanation(
        "The application is disabled in your organisation.",
        "Enable it in Microsoft Entra under Enterprise applications.",
    ),
    "AADSTS53003": Explanation(
        "A Conditional Access policy for applications blocks the registration.",
        "Ask your security team to allow this application from the addresses of {provider}.",
    ),
    "AADSTS90002": Explanation(
        "Microsoft knows no organisation with this domain.",
        "Enter the tenant ID, or a domain that is verified in Microsoft 365.",
    ),
}
UNKNOWN_REFUSAL = Explanation(
    "Microsoft refused the registration with a code that SyncPortal does not know.",
    "Send the details below to your contact at {provider}.",
)


def explain_credential(code: str) -> Explanation:
    """The explanation of a code for a person who has just entered a registration's values."""
    return CREDENTIAL_CODES.get(code, UNKNOWN_REFUSAL)
