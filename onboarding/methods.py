"""The three ways to connect, as data: the order in which they are recommended, whom each suits, and what it leaves."""

from dataclasses import dataclass

from onboarding.models import ConnectionMethod
from registrations.models import UmpInstance

# AudioCodes' newer pages ("Application Registration", "Upgrading M365 Connection to Application Registration") put a
# registration before a token, and a registration made by the wizard before one made by hand.
ORDER_REASON = (
    "The ways stand in the order of preference. A registration belongs to your organisation: it has only the permissions "
    "that are listed, and it works without anybody's sign-in. A new one is made with exactly these permissions; an existing "
    "one you look after yourself. A token acts for one person, can do what that person can do, and ends with that person's "
    "sign-in."
)
CONDITIONAL_ACCESS = (
    "Before you choose a token: Conditional Access can end it. A rule for sign-in frequency, for browser sessions that do "
    "not persist, or for devices and places, makes the token void. The phone service then stops working in step with "
    "Microsoft 365 until somebody signs in again. Ask your security team to exclude the account from such rules first, or "
    "create a registration."
)


@dataclass(frozen=True)
class Choice:
    """One card of the page where the customer chooses."""

    method: ConnectionMethod
    title: str
    suits: str
    leaves: str
    warning: str = ""


CHOICES = (
    Choice(
        ConnectionMethod.NEW,
        "Create a new app registration",
        "Recommended. For most organisations: it is made for you now.",
        "Leaves one registration in your Microsoft Entra, with the permissions and roles that the invitation lists.",
    ),
    Choice(
        ConnectionMethod.EXISTING,
        "Use an existing app registration",
        "For organisations that make every registration themselves. You enter its values; nobody has to sign in.",
        "Leaves nothing new: the registration and its secret stay yours to renew.",
    ),
    Choice(
        ConnectionMethod.TOKEN,
        "Use a delegated token",
        "For organisations that cannot use a registration. Best with a service account that nobody signs in with.",
        "Leaves an enterprise application with wide permissions in the name of one account.",
        CONDITIONAL_ACCESS,
    ),
)

# The pages on each way, for "Step 2 of 5".
STAGES: dict[str, tuple[str, ...]] = {
    ConnectionMethod.NEW: ("choose", "identify", "name", "authorise", "progress"),
    ConnectionMethod.EXISTING: ("choose", "enter", "progress"),
    ConnectionMethod.TOKEN: ("choose", "identify", "authorise", "progress"),
}


def offered(instance: UmpInstance) -> list[Choice]:
    """The ways that the phone service of this instance can take over: a token has no place on the hand-over sheet."""
    sheet = instance.delivery == UmpInstance.Delivery.HANDOVER
    return [choice for choice in CHOICES if not (sheet and choice.method == ConnectionMethod.TOKEN)]


def stage(method: str, page: str) -> str:
    """Where on its way a page stands: "Step 2 of 5"."""
    pages = STAGES[method]
    return f"Step {pages.index(page) + 1} of {len(pages)}"
