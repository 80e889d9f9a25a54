"""The three methods to connect, as data: recommended order, who each is for, and what it leaves in the tenant."""

from dataclasses import dataclass

from onboarding import requirements
from onboarding.models import ConnectionMethod
from registrations.models import UmpInstance

# AudioCodes' newer pages ("Application Registration", "Upgrading M365 Connection to Application Registration") prefer a
# registration to a token, and a registration that the wizard creates to one created by hand.
ORDER_REASON = (
    "The recommended option comes first. A registration belongs to your organisation: it has only the listed permissions "
    "and works without anyone’s sign-in. A new one is created with exactly these permissions; you maintain an existing one "
    "yourself."
)
DRAWBACK = "A token acts for one person, can do what that person can do, and ends with that person’s sign-in."
CONDITIONAL_ACCESS = (
    "Conditional Access can invalidate the token: policies for sign-in frequency, non-persistent browser sessions, devices or "
    "locations can end it. The phone service then no longer syncs with Microsoft 365 until someone signs in again. Ask your "
    "security team to exclude the account from such policies, or create a registration instead."
)


@dataclass(frozen=True)
class Choice:
    """One card of the page where the customer chooses."""

    method: ConnectionMethod
    title: str
    suits: str
    leaves: str
    needs: str  # told here, before anything is allowed at Microsoft
    warning: str = ""


CHOICES = (
    Choice(
        ConnectionMethod.NEW,
        "Create a new app registration",
        "Recommended for most organisations. It is created for you now.",
        "Result: one registration in your Microsoft Entra, with the permissions and roles that the invitation lists.",
        f"Needed: an account with the active role {requirements.NEEDED_ROLE_SENTENCE}.",
    ),
    Choice(
        ConnectionMethod.EXISTING,
        "Use an existing app registration",
        "For organisations that create every registration themselves. You enter its values; no sign-in is needed.",
        "Result: nothing new. You keep the registration and renew its secret yourself.",
        "Needed: the registration’s IDs and secret, and its permissions and roles, which the next page lists.",
    ),
    Choice(
        ConnectionMethod.TOKEN,
        "Use a delegated token",
        "For organisations that cannot use a registration. A service account that no person uses is best.",
        "Result: an enterprise application with broad permissions that acts as one account.",
        f"Needed: one account with the active roles {requirements.NEEDED_FOR_TOKEN_SENTENCE}.",
        CONDITIONAL_ACCESS,
    ),
)

# The pages of each method, for "Step 2 of 3".
STAGES: dict[str, tuple[str, ...]] = {
    ConnectionMethod.NEW: ("identify", "authorise", "progress"),
    ConnectionMethod.EXISTING: ("enter", "progress"),
    ConnectionMethod.TOKEN: ("identify", "authorise", "progress"),
}


def offered(instance: UmpInstance) -> list[Choice]:
    """The methods that this instance's phone service supports: a hand-over sheet has no field for a token."""
    sheet = instance.delivery == UmpInstance.Delivery.HANDOVER
    return [choice for choice in CHOICES if not (sheet and choice.method == ConnectionMethod.TOKEN)]


def offers_token(instance: UmpInstance) -> bool:
    """Whether this instance's phone service supports delegated tokens."""
    return any(choice.method == ConnectionMethod.TOKEN for choice in offered(instance))


def reason(instance: UmpInstance) -> str:
    """Why the methods stand in this order; it speaks of those that are offered."""
    return f"{ORDER_REASON} {DRAWBACK}" if offers_token(instance) else ORDER_REASON


def others(instance: UmpInstance, method: str) -> list[Choice]:
    """The methods that a customer who chose `method` could choose instead."""
    return [choice for choice in offered(instance) if choice.method != method]


def stage(method: str, page: str) -> str:
    """A page's position in its method, and the method: "Step 2 of 3 · Delegated token"."""
    pages = STAGES[method]
    return f"Step {pages.index(page) + 1} of {len(pages)} · {ConnectionMethod(method).label}"
