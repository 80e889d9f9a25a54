"""Why Microsoft may refuse the values of an existing registration, as data: what it means, and what to do in Entra.

Numbers and causes: https://learn.microsoft.com/entra/identity-platform/reference-error-codes
"""

from onboarding.explanations.aadsts import Explanation
from onboarding.explanations.advice import ENABLE_SERVICE, Advice, Who


def _of(sentence: str, text: str, who: Who = Who.SAME) -> Explanation:
    return Explanation(sentence, Advice(who, text))


UNKNOWN_APPLICATION = _of(
    "Microsoft knows no such application in your organisation.",
    "Compare the application (client) ID with the registration’s Overview page in Microsoft Entra. A registration of "
    "another organisation cannot be used.",
)
BLOCKED_BY_POLICY = _of(
    "A Conditional Access policy for applications blocks the registration.",
    "Ask your security team to allow this application from the addresses of {provider}.",
    Who.ORGANISATION,
)
UNKNOWN_TENANT = _of(
    "Microsoft knows no organisation with this domain or tenant ID.",
    "Enter the tenant ID, or a domain that is verified in Microsoft 365.",
)
CREDENTIAL_CODES: dict[str, Explanation] = {
    "AADSTS7000215": _of(
        "Microsoft does not accept the secret.",
        "Copy the secret’s value, not its ID. Microsoft shows the value only once, when the secret is created: create a new "
        "one if it is lost. A new secret may take two minutes to work.",
    ),
    "AADSTS7000222": _of(
        "The secret has expired.", "Create a new secret under Certificates & secrets, then enter its value."
    ),
    "AADSTS700016": UNKNOWN_APPLICATION,
    "AADSTS700011": UNKNOWN_APPLICATION,
    "AADSTS7000229": _of(
        "The registration has no enterprise application in your organisation.",
        "Grant admin consent for it in Microsoft Entra under API permissions. This creates one.",
    ),
    "AADSTS7000112": _of(
        "The application is disabled in your organisation.",
        "Enable it in Microsoft Entra under Enterprise applications.",
    ),
    "AADSTS53003": BLOCKED_BY_POLICY,
    "AADSTS530003": BLOCKED_BY_POLICY,
    "AADSTS530035": BLOCKED_BY_POLICY,
    "AADSTS90002": UNKNOWN_TENANT,
    "AADSTS900023": UNKNOWN_TENANT,
    "AADSTS50059": UNKNOWN_TENANT,
    "AADSTS50128": UNKNOWN_TENANT,
    "AADSTS500014": Explanation(
        "A Microsoft service that the registration needs is disabled in your organisation.", ENABLE_SERVICE
    ),
}
UNKNOWN_REFUSAL = "Microsoft refused the registration with a code that SyncPortal does not know."
SEND = Advice(Who.PROVIDER, "Send the details below to your contact at {provider}.")


def explain_credential(code: str, words: str = "") -> Explanation:
    """The explanation of a code for a person who has just entered a registration's values.

    Where nobody knows the code, it is Microsoft's own first sentence. `words` must be redacted before.
    """
    sentence = f"Microsoft refused the registration: “{words}”" if words else UNKNOWN_REFUSAL
    return CREDENTIAL_CODES.get(code, Explanation(sentence, SEND, is_known=False))
