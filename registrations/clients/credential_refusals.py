"""Why Entra refuses an application's credential, as data: what each code means, and what helps.

Numbers and causes: https://learn.microsoft.com/entra/identity-platform/reference-error-codes
"""

import re
from dataclasses import dataclass

from registrations.clients.entra import EntraRefusedError
from registrations.service_words import quoted

GUID = re.compile(r"\{?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\}?", re.IGNORECASE)
WRONG_VALUE = "AADSTS7000215"


@dataclass(frozen=True)
class Refusal:
    """What a code means for the credential of an application, and what its owner can do."""

    cause: str
    remedy: str


WRONG_CLOUD = Refusal(
    "the tenant belongs to another Microsoft cloud", "Check ENTRA_URL in SyncPortal's settings, and the tenant ID."
)
UNKNOWN_TENANT = Refusal("Microsoft knows no such tenant", "Check the tenant ID: Entra shows it on its Overview page.")
UNKNOWN_APPLICATION = Refusal(
    "the tenant has no application with this client ID",
    "Check the client ID, and that the tenant ID is that of the tenant in which the application is registered.",
)
NO_SECRET = Refusal("no secret was sent", "Enter the secret's value.")
NO_RESOURCE = Refusal(
    "the tenant does not have the API that is asked for",
    "Check the scope, and that the API's enterprise application is in the tenant.",
)
BLOCKED_BY_POLICY = Refusal(
    "a Conditional Access policy for workload identities blocks the application",
    "Ask who manages the tenant's policies to allow this application from SyncPortal's addresses.",
)
WRONG_SCOPE = Refusal(
    "the scope is not valid", "Enter it as api://CLIENT_ID/.default, as the API's registration names it."
)
ID_IN_PLACE_OF_VALUE = Refusal(
    "what is stored as its secret is the secret's ID, not its value",
    "Enter the value. Entra shows it only once, when the secret is created: create a new one if it is lost.",
)
REFUSALS: dict[str, Refusal] = {
    WRONG_VALUE: Refusal(
        "the secret's value is wrong",
        "Enter the value of a secret that is still listed in Entra, not the secret's ID. A new secret can take some minutes "
        "to work everywhere.",
    ),
    "AADSTS7000222": Refusal("the secret has expired", "Create a new secret in Entra and enter its value."),
    "AADSTS7000218": NO_SECRET,
    "AADSTS7000216": NO_SECRET,
    "AADSTS700016": UNKNOWN_APPLICATION,
    "AADSTS700011": UNKNOWN_APPLICATION,
    "AADSTS70001": Refusal(
        "the application is disabled, or the tenant has none with this client ID",
        "Check the client ID and the tenant ID, and in Entra that the application is enabled (Enterprise applications, Properties).",
    ),
    "AADSTS700025": Refusal(
        "the application is a public client, which has no secret",
        "In Entra, under App registrations, Authentication, switch off “Allow public client flows”, or check the client ID.",
    ),
    "AADSTS1000031": Refusal(
        "the application is blocked", "Ask who manages the tenant's enterprise applications, or Microsoft's support."
    ),
    "AADSTS7000229": Refusal(
        "the application has no service principal in the tenant",
        "Grant admin consent for it in Entra, under API permissions: that creates one.",
    ),
    "AADSTS7000112": Refusal(
        "the application is disabled", "Enable it in Entra, under Enterprise applications, Properties."
    ),
    "AADSTS90002": UNKNOWN_TENANT,
    "AADSTS900023": UNKNOWN_TENANT,
    "AADSTS90019": UNKNOWN_TENANT,
    "AADSTS50059": UNKNOWN_TENANT,
    "AADSTS50128": UNKNOWN_TENANT,
    "AADSTS5000224": Refusal(
        "Microsoft has blocked the tenant, or is deleting it",
        "Ask who is responsible for the tenant, or Microsoft's support.",
    ),
    "AADSTS500021": Refusal(
        "a proxy between SyncPortal and Microsoft restricts which tenants may be used",
        "Ask your network team to add the tenant to the allowed ones (tenant restrictions).",
    ),
    "AADSTS900382": WRONG_CLOUD,
    "AADSTS90038": WRONG_CLOUD,
    "AADSTS900432": WRONG_CLOUD,
    "AADSTS1000104": WRONG_CLOUD,
    "AADSTS53003": BLOCKED_BY_POLICY,
    "AADSTS530003": BLOCKED_BY_POLICY,
    "AADSTS530035": BLOCKED_BY_POLICY,
    "AADSTS500011": NO_RESOURCE,
    "AADSTS650057": NO_RESOURCE,
    "AADSTS500014": Refusal(
        "the API's enterprise application is disabled in the tenant",
        "Enable it in Entra, under Enterprise applications, Properties.",
    ),
    "AADSTS501051": Refusal(
        "the API wants an assignment that the application does not have",
        "Assign the application to a role of the API in Entra, or switch off “Assignment required” there.",
    ),
    "AADSTS1002012": WRONG_SCOPE,
    "AADSTS70011": WRONG_SCOPE,
    "AADSTS50049": Refusal(
        "Microsoft does not know the address it was asked at", "Check ENTRA_URL in SyncPortal's settings."
    ),
    # Without a number: https://datatracker.ietf.org/doc/html/rfc6749#section-5.2
    "invalid_client": Refusal("the client ID or the secret is wrong", "Check both in Entra."),
    "unauthorized_client": Refusal(
        "the application may not obtain a token in this way", "Check the client ID and the tenant ID."
    ),
    "invalid_scope": WRONG_SCOPE,
    "access_denied": Refusal("a policy of the tenant does not allow it", "Ask who manages the tenant's policies."),
}


def explain(whose: str, refusal: EntraRefusedError, *, where: str, secret: str = "") -> str:
    """The sentences for people: whose credential, the code, what it means, what to do, and where. An unknown code comes with
    Microsoft's own words.
    """
    known = REFUSALS.get(refusal.code)
    if refusal.code == WRONG_VALUE and GUID.fullmatch(secret.strip()):
        known = ID_IN_PLACE_OF_VALUE
    begin = f"Microsoft does not accept {whose} ({refusal.code})"
    if known:
        return f"{begin}: {known.cause}. {known.remedy} {where}"
    says = f" {quoted('Microsoft', refusal.answer.sentence)}".rstrip()
    return f"{begin}.{says} {where}"
