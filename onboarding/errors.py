"""The error with which the wizard refuses a request: a page of the catalogue, filled in for one case."""

from dataclasses import replace
from datetime import timedelta

from onboarding.error_catalogue import BACK, CONSENTED, ERRORS, SAVED, UNCHANGED, ButtonTarget, GrantOutcome
from onboarding.explanations import Explanation, Who
from onboarding.explanations.advice import AGAIN_THEN_SEND, UNKNOWN
from onboarding.models import ConnectionMethod
from registrations.errors import PortalError

CONSENTED_FOR_TOKEN = CONSENTED.replace("No registration was created.", "Nothing was connected.")
SIGN_IN_DECLINED = "Cancel was chosen on Microsoft’s page. Microsoft only asked to sign you in. Nothing changed."
ACCEPT_SIGN_IN = "To continue, sign in again and choose Accept."
LONGEST_CODE = 60  # a browser may post anything as Microsoft's error


class RefusedError(PortalError):
    """The customer's request is refused: a page says why, and `details` goes into the history.

    `facts` is what one case adds to the texts. `link` is the invitation's link; it is set only for a browser that has
    shown that it began there. `customer` is the organisation's name, for holders of a link that named it. `grant` says
    what happened to permissions that were accepted just before, `leftovers` what else remains in the organisation.
    `method` is the chosen one: it decides which roles are needed. `other_account` is Microsoft's page for another account.
    `words` is Microsoft's own sentence about a code that nobody knows, and `is_for_staff` whether staff must look at it.
    """

    def __init__(
        self,
        key: str,
        *,
        facts: str = "",
        explanation: Explanation | None = None,
        code: str = "",
        correlation_id: str = "",
        words: str = "",
        details: dict[str, str] | None = None,
        customer: str = "",
    ) -> None:
        super().__init__(ERRORS[key].title, code=code[:LONGEST_CODE])
        self.page = ERRORS[key]
        self.facts = facts
        self.correlation_id = correlation_id[:LONGEST_CODE]
        self.details = details or {}
        self.customer = customer
        self.link = ""
        self.grant = GrantOutcome.NOTHING
        self.recorded = False  # whether it is in the history
        self.retry_after: timedelta | None = None  # when the same request may succeed
        self.form: dict[str, str] | None = None  # the fields of the form that may be sent again as it is
        self.leftovers: list[str] = []
        self.method: str = ConnectionMethod.NEW
        self.may_choose = False  # whether the invitation still lets another method be chosen
        self.other_account = ""
        self.words = "" if explanation and explanation.is_known else words
        if explanation:
            # The meaning of Microsoft's code says more than the general page.
            self.page = replace(
                self.page,
                sentence=explanation.sentence,
                next_step=explanation.next_step,
                who=explanation.advice.who,
                shows_codes=not explanation.is_known,
            )

    @property
    def is_for_staff(self) -> bool:
        """Whether the provider's staff must look at it: nobody knows the code, or only they can help."""
        return self.page.who is Who.PROVIDER

    @property
    def needs_other_account(self) -> bool:
        """Whether the advice is to use another account, so that the page offers one."""
        return self.page.who is Who.ANOTHER

    def after_consent(self) -> "RefusedError":
        """The same error for a person who accepted Microsoft's first page, which may list the application from then on."""
        if self.page.effect == UNCHANGED:
            by_token = self.method == ConnectionMethod.TOKEN  # that method creates no registration
            self.page = replace(self.page, effect=CONSENTED_FOR_TOKEN if by_token else CONSENTED)
        return self

    def unrecorded(self) -> "RefusedError":
        """The same error where nothing is recorded: the page does not say that the provider can see it."""
        if self.page.next_step == UNKNOWN.text:
            self.page = replace(self.page, next_step=AGAIN_THEN_SEND.text)
        return self

    def in_first_step(self) -> "RefusedError":
        """The same error at the first sign-in, whose page at Microsoft has no list of permissions to review."""
        if self.page.key == "consent_declined":
            self.page = replace(
                self.page, sentence=SIGN_IN_DECLINED, next_step=ACCEPT_SIGN_IN, button="Try again", effect=""
            )
        return self

    def for_link_holder(self, link: str) -> "RefusedError":
        """The same error for a holder of the link without a session: the button leads back to the link."""
        if self.page.target is ButtonTarget.PROGRESS:
            self.page, self.link = (
                replace(self.page, button=BACK[0], target=BACK[1]),
                link,
            )
        return self

    def in_second_step(self) -> "RefusedError":
        """The same error after the first sign-in: the button leads back to the second one.

        Another account starts at the invitation: the second sign-in accepts only the account of the first one.
        """
        if self.page.target is ButtonTarget.INVITATION and not self.needs_other_account:
            self.page = replace(self.page, button="Try again", target=ButtonTarget.REGISTRATION, effect=SAVED)
        return self
