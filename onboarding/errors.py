"""The error with which the wizard refuses a request: a page of the catalogue, filled in for one case."""

from dataclasses import replace
from datetime import timedelta

from onboarding.error_catalogue import CONSENTED, ERRORS, SAVED, UNCHANGED, ButtonTarget, GrantOutcome
from onboarding.explanations import Explanation
from registrations.errors import PortalError

LONGEST_CODE = 60  # a browser may post anything as Microsoft's error


class RefusedError(PortalError):
    """The customer's request is refused: a page says why, and `details` goes into the history.

    `facts` is what one case adds to the texts. `link` is the invitation's link; it is set only for a browser that has
    shown that it began there. `customer` is the organisation's name, for holders of a link that named it. `grant` says
    what happened to permissions that were accepted just before, `leftovers` what else remains in the organisation.
    """

    def __init__(
        self,
        key: str,
        *,
        facts: str = "",
        explanation: Explanation | None = None,
        code: str = "",
        correlation_id: str = "",
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
        self.leftovers: list[str] = []
        if explanation:
            # The meaning of Microsoft's code says more than the general page.
            self.page = replace(self.page, sentence=explanation.sentence, next_step=explanation.next_step)

    def after_consent(self) -> "RefusedError":
        """The same error for a person who accepted Microsoft's first page, which may list the application from then on."""
        if self.page.effect == UNCHANGED:
            self.page = replace(self.page, effect=CONSENTED)
        return self

    def for_link_holder(self, link: str) -> "RefusedError":
        """The same error for a holder of the link without a session: the button leads back to the link."""
        if self.page.target is ButtonTarget.PROGRESS:
            self.page, self.link = (
                replace(self.page, button="Back to the invitation", target=ButtonTarget.INVITATION),
                link,
            )
        return self

    def in_second_step(self) -> "RefusedError":
        """The same error after the first sign-in: the button leads back to the second one."""
        if self.page.target is ButtonTarget.INVITATION and self.page.key != "another_administrator":
            self.page = replace(self.page, button="Try again", target=ButtonTarget.REGISTRATION, effect=SAVED)
        return self
