"""Microsoft's error codes as data: what they mean to a person, and who can do what about it.

Numbers and causes: https://learn.microsoft.com/entra/identity-platform/reference-error-codes
90093 and 90094: https://learn.microsoft.com/entra/identity/enterprise-apps/application-sign-in-unexpected-user-consent-error
90095: https://learn.microsoft.com/entra/identity/enterprise-apps/configure-admin-consent-workflow
530004: https://learn.microsoft.com/troubleshoot/entra/entra-id/app-integration/error-code-aadsts530004-acceptcompliantdevice-setting
530036: https://learn.microsoft.com/entra/identity/conditional-access/concept-authentication-flows
Bare OAuth errors: https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow
"""

from dataclasses import dataclass

from onboarding.explanations import advice
from onboarding.explanations.advice import Advice


@dataclass(frozen=True)
class Explanation:
    """One sentence on what happened, and the advice; both may use the names that `Advice` lists."""

    sentence: str
    advice: Advice
    is_known: bool = True

    @property
    def next_step(self) -> str:
        """What to do, for people."""
        return self.advice.text


GENERIC = Explanation(
    "Microsoft refused the sign-in with a code that SyncPortal does not know.", advice.UNKNOWN, is_known=False
)
CONSENT_MISSING = "No one in your organisation has accepted the permissions yet."
BUSY = "Microsoft’s sign-in service is having problems at the moment."
MISCONFIGURED = "The registration of {provider} is not configured as Microsoft requires."
CREDENTIAL = "The credential of {provider} was refused."
CLOCKS = "The clocks of SyncPortal’s server and of Microsoft are more than five minutes apart."
ENDED = "Microsoft has ended this sign-in."
NEEDS_APPROVAL = "Only certain administrators of your organisation can accept these permissions, and this account is not one of them."

_ROWS: tuple[tuple[tuple[int, ...], str, Advice], ...] = (
    # The account
    (
        (16000, 16003, 50014, 50034, 51004),
        "Microsoft does not know this account in your organisation.",
        advice.OTHER_ACCOUNT,
    ),
    (
        (50020, 500200, 500208),
        "This account belongs to another organisation or is a personal account.",
        advice.OTHER_ACCOUNT,
    ),
    (
        (50053,),
        "Microsoft has temporarily locked this account, or does not trust the network.",
        advice.WAIT_OR_OTHER_ACCOUNT,
    ),
    ((50055, 50144), "The password of this account has expired.", advice.PASSWORD),
    ((50135,), "Microsoft requires a new password, because this account is at risk.", advice.PASSWORD),
    ((50056, 50064, 50126), "The user name or password was wrong.", advice.AGAIN),
    ((50057,), "This account is disabled.", advice.OTHER_ACCOUNT),
    ((53011,), "Microsoft has blocked this account, because its own organisation found a risk.", advice.RISK),
    ((530034,), "Microsoft blocks this partner account because of a risk.", advice.PARTNER),
    ((90072,), "This guest account cannot pass your organisation’s verification.", advice.OTHER_ACCOUNT),
    (
        (530004,),
        "Your organisation does not accept the device of an account from outside, such as a guest’s.",
        advice.OTHER_ACCOUNT,
    ),
    # Verification
    (
        (50072, 50079),
        "This account must set up multi-factor authentication first.",
        advice.REGISTER_METHODS,
    ),
    (
        (50074, 50076, 50078, 500121),
        "Your organisation requires multi-factor authentication, and it was not completed.",
        advice.MULTI_FACTOR,
    ),
    ((50158, 50161), "An additional verification was not completed.", advice.MULTI_FACTOR),
    (
        (53004,),
        "This account must set up multi-factor authentication, and Microsoft does not allow it at the moment because of a risk.",
        advice.RISK,
    ),
    (
        (53010,),
        "This account must set up multi-factor authentication, and your organisation allows that only from certain places or devices.",
        advice.POLICY,
    ),
    # The sign-in itself
    ((50058,), "Microsoft found no completed sign-in.", advice.AGAIN),
    (
        (50089, 54005, 501481, 50147, 70008),
        "The sign-in took too long, or the same response was sent twice.",
        advice.AGAIN,
    ),
    ((50132, 50133, 50173, 70000, 700082, 70043, 700020), ENDED, advice.AGAIN),
    (
        (530036,),
        "A Conditional Access policy of your organisation for authentication flows has ended this sign-in.",
        advice.AGAIN,
    ),
    ((50125, 50140), "The sign-in was interrupted.", advice.AGAIN),
    ((50199,), "Microsoft asked to confirm the application, and nobody confirmed it.", advice.CONFIRM),
    (
        (900561,),
        "The sign-in reached Microsoft in the wrong way. The browser’s Back button can cause this.",
        advice.AGAIN,
    ),
    ((700005,), "The response to the sign-in was for another organisation.", advice.AGAIN),
    # The organisation's policies
    (
        (50005, 50097, 50127, 50129, 50155, 50187, 53000, 53001, 53002, 53009),
        "Your organisation allows this only from a managed device or an approved app.",
        advice.DEVICE,
    ),
    ((50105,), "Your organisation allows only assigned people to use this application.", advice.ASSIGN),
    (
        (53003, 50131, 530032, 530035),
        "A Conditional Access policy of your organisation blocks this sign-in.",
        advice.POLICY,
    ),
    (
        (50002, 500021, 500022, 500212, 500213),
        "A policy of your organisation does not allow applications of other organisations.",
        advice.POLICY,
    ),
    (
        (20001, 20012, 20033, 40008, 40009, 40010, 40015, 50008, 50107, 80001, 80002, 80005, 80007, 80010, 80014),
        "Your organisation’s own sign-in server could not confirm this account.",
        advice.SIGN_IN_SERVER,
    ),
    (
        (80013,),
        "The clocks of your organisation’s sign-in servers are too far apart.",
        advice.SIGN_IN_SERVER,
    ),
    # Consent
    ((65001, 90008, 9002341), CONSENT_MISSING, advice.ACCEPT),
    ((90093, 90094), NEEDS_APPROVAL, advice.APPROVAL),
    (
        (90095,),
        "This account cannot accept the permissions. Your organisation reviews such requests in Microsoft’s admin consent workflow.",
        advice.APPROVAL_WORKFLOW,
    ),
    ((90099,), "Your organisation has not accepted this application yet.", advice.OTHER_ACCOUNT),
    ((90092,), "Microsoft could not complete the consent in your organisation’s directory.", advice.AGAIN_THEN_SEND),
    # What the organisation has
    ((650052,), "Your organisation lacks a Microsoft service that is required here.", advice.SUBSCRIPTION),
    (
        (650054,),
        "A Microsoft service that the setup needs was removed from your organisation, or is no longer available.",
        advice.SUBSCRIPTION,
    ),
    ((500014,), "A Microsoft service that the setup needs is disabled in your organisation.", advice.ENABLE_SERVICE),
    (
        (5000224,),
        "Microsoft says that the organisation is not available. It may have been deleted or suspended.",
        advice.UNAVAILABLE_TENANT,
    ),
    ((7000112, 70001), "The application of {provider} is disabled in your organisation.", advice.ENABLE),
    ((1000031,), "The application of {provider} is blocked in your organisation.", advice.ENABLE),
    ((650051, 7000229, 500011), "Microsoft is still adding something to your organisation.", advice.WAIT),
    # The provider's registration
    (
        (
            65005,
            650056,
            650057,
            50194,
            700016,
            700011,
            7000218,
            700025,
            700054,
            70005,
            70011,
            28002,
            28003,
            70003,
            1002012,
        ),
        MISCONFIGURED,
        advice.PROVIDER,
    ),
    ((9001023, 9002313, 9002332, 90014, 90023, 900144, 700022), MISCONFIGURED, advice.PROVIDER),
    (
        (650053,),
        "The application of {provider} asks for a permission that Microsoft does not offer.",
        advice.PROVIDER,
    ),
    ((50011, 500113, 900971), "Microsoft does not know the address to return to.", advice.PROVIDER),
    ((50012, 70002, 700027, 7000215, 7000222), CREDENTIAL, advice.PROVIDER),
    ((700024, 500133), CLOCKS, advice.CLOCK),
    (
        (900432, 900382, 90038, 1000104),
        "The organisation is in another Microsoft cloud than the application of {provider}, for example a government’s cloud.",
        advice.PROVIDER,
    ),
    (
        (90002, 900023, 90019, 50059, 50128),
        "Microsoft does not know the organisation that the invitation names.",
        advice.PROVIDER,
    ),
    # Microsoft
    (
        (90033, 90006, 90012, 90024, 90090, 90091, 50000, 50033, 50087, 50088, 50166, 50196, 90055),
        BUSY,
        advice.WAIT,
    ),
)
_BARE: tuple[tuple[tuple[str, ...], str, Advice], ...] = (
    (("consent_required",), CONSENT_MISSING, advice.ACCEPT),
    (("interaction_required",), "Microsoft needs another step at the sign-in, such as a verification.", advice.AGAIN),
    (("login_required",), "Microsoft found no account that is signed in.", advice.AGAIN),
    (("invalid_grant",), ENDED, advice.AGAIN),
    (("server_error", "temporarily_unavailable"), BUSY, advice.WAIT),
    (
        (
            "invalid_client",
            "invalid_request",
            "invalid_resource",
            "invalid_scope",
            "unauthorized_client",
            "unsupported_grant_type",
            "unsupported_response_type",
        ),
        MISCONFIGURED,
        advice.PROVIDER,
    ),
    (("id_token",), "The identity in Microsoft’s response could not be verified.", advice.AGAIN),
    (("clock_skew",), CLOCKS, advice.CLOCK),
    (("state_mismatch",), "The response does not belong to this sign-in.", advice.AGAIN),
)

CODES: dict[str, Explanation] = {
    f"AADSTS{number}": Explanation(sentence, found) for numbers, sentence, found in _ROWS for number in numbers
} | {name: Explanation(sentence, found) for names, sentence, found in _BARE for name in names}
