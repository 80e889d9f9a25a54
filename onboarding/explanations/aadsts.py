"""The AADSTS codes that a sign-in can bring, as data.

Numbers and causes: https://learn.microsoft.com/entra/identity-platform/reference-error-codes
Microsoft asks not to branch on the numbers, because they may change: they only choose a help text here.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Explanation:
    """One sentence on what happened and one on what to do; {provider} and {customer} may stand in both."""

    sentence: str
    next_step: str


GENERIC = Explanation(
    "Microsoft refused the sign-in with a code that SyncPortal does not know.",
    "Try again. If it happens again, send the details below to your contact at {provider}.",
)

AGAIN = "Go back to the invitation and sign in again."
OTHER_ACCOUNT = "Sign in again with an administrator's account of {customer}."
MULTI_FACTOR = "Sign in again and complete the additional verification that Microsoft requires."
PASSWORD = "Set a new password on Microsoft's page, then sign in again."  # noqa: S105  a sentence
DEVICE = "Use a device that your organisation manages, or ask your security team to allow this application."
POLICY = (
    "Use a network and device that your organisation allows, or ask your security team for an exception. They can find "
    "the sign-in by the correlation ID below."
)
PROVIDER = "You cannot resolve this yourself. Send the details below to your contact at {provider}."
WAIT = "Wait a few minutes and try again."
APPROVAL = "Sign in as a Global Administrator, or as a Privileged Role Administrator."
SUBSCRIPTION = (
    "Check with {provider} that your organisation has the Microsoft 365 subscription that the phone service needs."
)

_ROWS: tuple[tuple[tuple[int, ...], str, str], ...] = (
    ((16000, 50034), "Microsoft does not know this account in your organisation.", OTHER_ACCOUNT),
    ((50020,), "This account belongs to another organisation or is a personal account.", OTHER_ACCOUNT),
    (
        (50053,),
        "Microsoft has temporarily locked this account, or does not trust the network.",
        "Wait, or ask another administrator of your organisation.",
    ),
    ((50055, 50144), "The password of this account has expired.", PASSWORD),
    ((50057,), "This account is disabled.", OTHER_ACCOUNT),
    ((50058,), "Microsoft found no completed sign-in.", AGAIN),
    (
        (50072, 50079),
        "This account must set up multi-factor authentication first.",
        "Complete the registration on Microsoft's page, then sign in again.",
    ),
    (
        (50074, 50076, 50078),
        "Your organisation requires multi-factor authentication, and it was not completed.",
        MULTI_FACTOR,
    ),
    ((50158,), "An additional verification was not completed.", MULTI_FACTOR),
    ((50089, 54005, 501481, 50147, 70008), "The sign-in took too long, or the same response was sent twice.", AGAIN),
    (
        (50097, 50129, 53000, 53001, 53002),
        "Your organisation allows this only from a managed device or an approved app.",
        DEVICE,
    ),
    (
        (50105,),
        "Your organisation allows only assigned people to use this application.",
        "Ask for this account to be assigned to the application in Entra, then sign in again.",
    ),
    ((50126,), "The user name or password was wrong.", AGAIN),
    ((50132, 50133, 50173, 70000, 700082, 70043), "Microsoft has ended this sign-in.", AGAIN),
    ((50140,), "The sign-in was interrupted.", AGAIN),
    ((53003, 50131, 530032, 530035), "A Conditional Access policy of your organisation blocks this sign-in.", POLICY),
    (
        (500021, 500212, 500213),
        "A policy of your organisation does not allow applications of other organisations.",
        POLICY,
    ),
    ((530034,), "Microsoft blocks this partner account because of a risk.", "Ask the partner's administrator."),
    ((90072,), "This guest account cannot pass your organisation's verification.", OTHER_ACCOUNT),
    ((65001,), "No one in your organisation has accepted the permissions yet.", "Sign in again and choose Accept."),
    ((90094, 90095), "Microsoft requires an administrator's approval, and this account cannot give it.", APPROVAL),
    ((90099,), "Your organisation has not accepted this application yet.", OTHER_ACCOUNT),
    (
        (65005, 650056, 650057, 50194, 700016, 7000218, 700025, 700054, 70005, 70011, 28002, 1002012, 9001023, 9002332),
        "The registration of {provider} is not configured as Microsoft requires.",
        PROVIDER,
    ),
    ((50011,), "Microsoft does not know the address to return to.", PROVIDER),
    ((50012, 700024, 700027, 7000215, 7000222), "The credential of {provider} was refused.", PROVIDER),
    ((650051, 7000229, 500011), "Microsoft is still adding something to your organisation.", WAIT),
    ((650052,), "Your organisation lacks a Microsoft service that is required here.", SUBSCRIPTION),
    (
        (7000112, 70001),
        "The application of {provider} is disabled in your organisation.",
        "Enable it in Entra under Enterprise applications, then sign in again.",
    ),
    ((700005,), "The response to the sign-in was for another organisation.", AGAIN),
    ((90002, 900023, 90019, 50059), "Microsoft does not know the organisation that the invitation names.", PROVIDER),
    (
        (90033, 90006, 90024, 90090, 50000, 50033, 90055, 50196),
        "Microsoft's sign-in service is having problems at the moment.",
        WAIT,
    ),
)

CODES: dict[str, Explanation] = {
    f"AADSTS{number}": Explanation(sentence, next_step) for numbers, sentence, next_step in _ROWS for number in numbers
} | {
    "server_error": Explanation("Microsoft's sign-in service is having problems at the moment.", WAIT),
    "temporarily_unavailable": Explanation("Microsoft's sign-in service is having problems at the moment.", WAIT),
    "id_token": Explanation("The identity in Microsoft's response could not be verified.", AGAIN),
    "state_mismatch": Explanation("The response does not belong to this sign-in.", AGAIN),
}
