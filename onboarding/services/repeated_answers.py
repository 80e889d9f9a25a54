"""The same answer of Microsoft, sent twice by one browser: a reload or a double click while the first one is redeemed.

The browser has dropped the response to the first request, and with it the session. The second request waits for the
outcome of the first, and gets it too. For that, the outcome is stored encrypted with the sign-in for a moment.
"""

import json
from dataclasses import asdict, replace
from datetime import timedelta
from typing import Any

from django.db.models import F
from django.utils import timezone

from onboarding.error_catalogue import ButtonTarget, GrantOutcome
from onboarding.errors import RefusedError
from onboarding.explanations import Who
from onboarding.identity import Identity
from onboarding.models import SignIn
from onboarding.services import redemption
from registrations import audit

RUNS_FOR = timedelta(minutes=1)  # a request that redeems an answer has ended by then, or died
KEPT_FOR = timedelta(minutes=3)  # counted from the same moment: enough to fetch the outcome
PERSON, REFUSAL = "person", "refusal"
PAGE_TEXTS = ("sentence", "next_step", "button", "effect", "shows_codes")
FACTS = ("facts", "code", "correlation_id", "words", "customer", "link", "method", "may_choose", "leftovers")


def is_running(sign_in: SignIn) -> bool:
    """Whether a request redeems this sign-in's answer right now."""
    return sign_in.outcome == SignIn.Outcome.STARTED and not sign_in.retry_at and _is_within(sign_in, RUNS_FOR)


def is_recent(sign_in: SignIn) -> bool:
    """Whether its answer is being redeemed, or its outcome can still be told to a second request of the same browser."""
    return is_running(sign_in) or (bool(sign_in.result_envelope) and _is_within(sign_in, KEPT_FOR))


def seal_person(sign_in: SignIn, person: Identity) -> str:
    """The envelope with the person whom Microsoft named."""
    return _seal(sign_in, {PERSON: asdict(person)})


def seal_refusal(sign_in: SignIn, refusal: RefusedError) -> str:
    """The envelope with all that the refusal's page says."""
    page = refusal.page
    return _seal(
        sign_in,
        {
            REFUSAL: {name: getattr(refusal, name) for name in FACTS},
            "key": page.key,
            "page": {name: getattr(page, name) for name in PAGE_TEXTS},
            "target": page.target.value,
            "who": page.who.value,
            "grant": refusal.grant.value,
        },
    )


def take_person(sign_in: SignIn) -> Identity | None:
    """The person who signed in a moment ago; None where no outcome can be told, or it was told often: each time opens a session.

    Raises the RefusedError with which the sign-in ended.
    """
    if not sign_in.result_envelope or not _is_within(sign_in, KEPT_FOR):
        return None
    with audit.atomic():
        rows = SignIn.objects.filter(pk=sign_in.pk, tries__lt=redemption.MOST_TRIES)
        if not rows.update(tries=F("tries") + 1):
            return None
    kept: dict[str, Any] = json.loads(sign_in.unseal("result_envelope"))
    if PERSON in kept:
        return Identity(**kept[PERSON])
    raise _refusal(kept)


def _refusal(kept: dict[str, Any]) -> RefusedError:
    refusal = RefusedError(kept["key"])
    refusal.page = replace(refusal.page, **kept["page"], target=ButtonTarget(kept["target"]), who=Who(kept["who"]))
    for name, value in kept[REFUSAL].items():
        setattr(refusal, name, value)
    refusal.grant, refusal.recorded = GrantOutcome(kept["grant"]), True
    return refusal


def _seal(sign_in: SignIn, outcome: dict[str, Any]) -> str:
    if not _is_within(sign_in, KEPT_FOR):  # nobody could fetch it any more
        return ""
    sign_in.seal("result_envelope", json.dumps(outcome))
    return sign_in.result_envelope


def _is_within(sign_in: SignIn, span: timedelta) -> bool:
    return sign_in.redeemed_at is not None and timezone.now() - sign_in.redeemed_at < span
