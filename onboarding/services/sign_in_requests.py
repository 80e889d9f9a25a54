"""Sign-in requests to Microsoft: started by a button, bound to one browser, used once within 15 minutes."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import F, Max, Q
from django.utils import timezone

from onboarding import tokens
from onboarding.error_catalogue import GrantOutcome
from onboarding.errors import RefusedError
from onboarding.identity import Identity
from onboarding.models import ConnectionMethod, Invitation, SignIn
from onboarding.services import (
    leftovers,
    redemption,
    repeated_answers,
    sign_in_exchange,
    stranger_limits,
    temporary_grant,
)
from registrations import audit
from registrations.models import UmpInstance

VALID_FOR = timedelta(minutes=15)
BROWSER_KNOWN_FOR = timedelta(days=1)  # for so long a browser gets its invitation back
MOST_OFFERS = 10  # a browser can refuse an offer, and get the next one, without asking Microsoft
REUSED_WITH = timedelta(minutes=5)  # left of its time: enough to sign in at Microsoft
KEPT = 50  # sign-ins of one invitation that are not open any more
REPLACED_LINK = "replaced_link"


@dataclass(frozen=True)
class StartedSignIn:
    """A sign-in request, and the cookie value that identifies the browser when it returns."""

    sign_in: SignIn
    browser: str


@dataclass(frozen=True)
class ClaimedSignIn:
    """A sign-in whose answer came, and whether this request is the one that redeems it."""

    sign_in: SignIn
    is_mine: bool


def start(
    invitation: Invitation,
    purpose: SignIn.Purpose,
    *,
    browser: str,
    actor: audit.Actor,
    method: str = ConnectionMethod.NEW,
    other_account: bool = False,
) -> StartedSignIn:
    """Prepare a sign-in. `browser` is the cookie's value, or "" for a new browser.

    The same browser gets its open sign-in again, if that fits and has some minutes left: several tabs share it, and pressing
    the button often stores nothing more. It fits if it suggests the same account to Microsoft; and a second sign-in if
    nobody has done the first step since.
    With `other_account` it is only offered, on the page of a refusal: nobody has started it, so the history says nothing.
    Raises RefusedError if the link no longer works, the instance is not ready, or Microsoft does not respond.
    """
    require_usable(invitation, purpose)
    browser = browser or tokens.new_token()
    sign_in = SignIn(invitation=invitation, purpose=purpose, way=method, is_offer=other_account)
    sign_in.token_hash = invitation.token_hash
    sign_in.browser_hash = tokens.browser_hash(browser)
    if purpose == SignIn.Purpose.AUTHORISE and method == ConnectionMethod.NEW:
        sign_in.registration_name = invitation.connection.registration_name
    reused = _open_one_like(sign_in)
    if reused:
        return StartedSignIn(reused, browser)
    flow = sign_in_exchange.begin(invitation, purpose, method, other_account=other_account)
    _save(sign_in, json.dumps(flow), str(flow["state"]), actor)
    return StartedSignIn(sign_in, browser)


def has_many_offers(invitation: Invitation) -> bool:
    """Whether the pages of refusals have offered this invitation's sign-in `MOST_OFFERS` times within `VALID_FOR`."""
    since = timezone.now() - VALID_FOR
    return SignIn.objects.filter(invitation=invitation, is_offer=True, created_at__gt=since).count() >= MOST_OFFERS


def find_for_browser(browser: str, sign_in_id: UUID, instance: UmpInstance) -> SignIn:
    """The sign-in that this browser started on this host. Raises RefusedError("state_lost") if there is none."""
    sign_in = (
        SignIn.objects.select_related(
            "invitation__service__customer", "invitation__service__instance__provider__tenant"
        )
        .filter(pk=sign_in_id, browser_hash=tokens.browser_hash(browser), invitation__service__instance=instance)
        .first()
    )
    if sign_in is None:
        raise RefusedError("state_lost")
    return sign_in


def auth_uri_of(sign_in: SignIn) -> str:
    """Microsoft's page for this sign-in. Raises RefusedError("state_lost") once it is completed or expired."""
    is_open = sign_in.outcome == SignIn.Outcome.STARTED and not sign_in.redeemed_at and bool(sign_in.flow_envelope)
    if not is_open or sign_in.expires_at <= timezone.now():
        raise RefusedError("state_lost")
    return str(sign_in_exchange.flow_of(sign_in)["auth_uri"])


def claim(state: str, browser: str, instance: UmpInstance, *, actor: audit.Actor, code: str = "") -> ClaimedSignIn:
    """Claim the sign-in that this state belongs to; it can be claimed once.

    Tabs of a browser share a sign-in: to the second one that comes back, with a code of its own, it is returned as it
    ended, SUCCEEDED or, a first sign-in, REFUSED; and to each that comes while the first answer waits or is redeemed, as it
    is. The code is not redeemed then: its owner goes on in the session of the first, starts again at the invitation, or
    waits too. What was accepted with a code of the second step may remain: that is noted, where no setup uses it.
    Raises RefusedError("state_lost") if no current sign-in of this host and browser has this state, and
    RefusedError("replaced_link") where it was started with a link that was replaced since.
    """
    now = timezone.now()
    known = SignIn.objects.filter(state_hash=tokens.state_hash(state), invitation__service__instance=instance)
    with audit.atomic():
        taken = known.filter(
            browser_hash=tokens.browser_hash(browser),
            redeemed_at=None,
            expires_at__gt=now,
            outcome=SignIn.Outcome.STARTED,
        ).update(redeemed_at=now, code_hash=tokens.state_hash(code))
    sign_in = known.select_related(
        "invitation__service__customer", "invitation__service__instance__provider__tenant"
    ).first()
    if sign_in and not taken and _has_come_back(sign_in, browser, code):
        _note_grant(sign_in, browser, code, now)
        return ClaimedSignIn(sign_in, is_mine=False)
    if sign_in is None or not taken:
        refusal = RefusedError(REPLACED_LINK if sign_in and sign_in.refusal == REPLACED_LINK else "state_lost")
        if sign_in:
            if sign_in.purpose == SignIn.Purpose.AUTHORISE:
                refusal.grant = GrantOutcome.UNKNOWN  # without redeeming the code, nobody can tell
            with audit.atomic():
                if stranger_limits.may_record_replay(sign_in):
                    _record_refusal(sign_in, refusal, actor)
            _note_grant(sign_in, browser, code, now)
        refusal.recorded = True  # or counted
        raise refusal
    return ClaimedSignIn(sign_in, is_mine=True)


def _note_grant(sign_in: SignIn, browser: str, code: str, now: datetime) -> None:
    """Note what the person of this browser may have accepted in the second step, with a code that is not redeemed."""
    is_second_step = sign_in.purpose == SignIn.Purpose.AUTHORISE
    is_own = sign_in.browser_hash == tokens.browser_hash(browser)
    if is_second_step and is_own and code and sign_in.code_hash != tokens.state_hash(code):
        with audit.atomic():
            temporary_grant.note_unknown(sign_in, since=now)


def _has_come_back(sign_in: SignIn, browser: str, code: str) -> bool:
    """Whether this browser's answer waits or is redeemed, or another tab has ended the sign-in with another code."""
    if sign_in.browser_hash != tokens.browser_hash(browser):
        return False
    if redemption.is_waiting(sign_in) or (code and repeated_answers.is_running(sign_in)):
        return True
    is_second_tab = bool(code) and sign_in.code_hash != tokens.state_hash(code)
    if sign_in.outcome == SignIn.Outcome.SUCCEEDED:
        return is_second_tab
    is_first_step = sign_in.purpose == SignIn.Purpose.IDENTIFY
    has_current_link = sign_in.token_hash == sign_in.invitation.token_hash
    return is_second_tab and is_first_step and sign_in.outcome == SignIn.Outcome.REFUSED and has_current_link


def refuse(sign_in: SignIn, refusal: RefusedError, *, actor: audit.Actor) -> None:
    """Record the refusal in the sign-in's row and in the history."""
    with audit.atomic():
        _close(
            sign_in,
            SignIn.Outcome.REFUSED,
            refusal=refusal.page.key,
            microsoft_code=refusal.code,
            correlation_id=refusal.correlation_id,
            microsoft_words=refusal.words,
            for_staff=refusal.is_for_staff,
            result_envelope=repeated_answers.seal_refusal(sign_in, refusal),
        )
        if stranger_limits.may_record(sign_in.invitation, sign_in.purpose):
            _record_refusal(sign_in, refusal, actor)
    refusal.recorded = True  # or counted


def record_refused_form(
    invitation: Invitation, refusal: RefusedError, *, actor: audit.Actor, is_act: bool = True
) -> None:
    """Record in the history that a form behind the link was refused before any sign-in.

    Unless `is_act`, it is only counted: no page sends such a form, so nobody chose what was refused.
    """
    with audit.atomic():
        if not is_act:
            stranger_limits.count_no_act(invitation)
            refusal.recorded = True
            return
        after = {"refusal": refusal.page.key, "code": refusal.code}
        if stranger_limits.may_record(invitation):
            audit.record(
                "invitation.refused",
                actor=actor,
                subject=invitation,
                after={name: value for name, value in after.items() if value},
            )
    refusal.recorded = True


def record_form_without_session(instance: UmpInstance, *, actor: audit.Actor) -> None:
    """Record that a form came without a session. The invitation is unknown, so the instance is the entry's subject.

    The first of a day is recorded and the others are counted: anyone can send forms, from any number of addresses.
    """
    with audit.atomic():
        if stranger_limits.may_record_without_session(instance):
            audit.record("instance.form_refused", actor=actor, subject=instance, after={"refusal": "session_missing"})


def succeed(sign_in: SignIn, person: Identity) -> None:
    """Close the sign-in, in the transaction that stores its result."""
    _close(sign_in, SignIn.Outcome.SUCCEEDED, result_envelope=repeated_answers.seal_person(sign_in, person))


def delete_expired_flows() -> int:
    """Delete the sealed flows, answers and results of expired sign-ins. Returns their number."""
    sealed = {"flow_envelope": "", "answer_envelope": "", "result_envelope": ""}
    expired = SignIn.objects.filter(expires_at__lt=timezone.now()).exclude(**sealed)
    return expired.update(**sealed, retry_at=None)


def invalidate_open(invitation: Invitation) -> int:
    """Refuse all open sign-ins, in the transaction that replaces the link. Returns their number."""
    return SignIn.objects.filter(invitation=invitation, outcome=SignIn.Outcome.STARTED, redeemed_at=None).update(
        outcome=SignIn.Outcome.REFUSED, refusal=REPLACED_LINK, flow_envelope=""
    )


def require_current_link(sign_in: SignIn) -> None:
    """Raises RefusedError if the sign-in's link was replaced or no longer works."""
    sign_in.invitation.refresh_from_db(fields=["status", "expires_at", "token_hash"])
    if sign_in.token_hash != sign_in.invitation.token_hash:
        raise RefusedError(REPLACED_LINK)
    require_usable(sign_in.invitation, sign_in.purpose)


def require_usable(invitation: Invitation, purpose: str) -> None:
    """Raises RefusedError if the invitation's link does not work for this purpose.

    A completed invitation still lets administrators identify themselves, to see the final page again.
    """
    if invitation.status == Invitation.Status.REVOKED:
        raise leftovers.revoked_error(invitation)
    if invitation.status == Invitation.Status.COMPLETED and purpose != SignIn.Purpose.IDENTIFY:
        raise RefusedError("used_link")
    if invitation.is_expired:
        raise RefusedError("expired_link")
    if invitation.service.instance.status != UmpInstance.Status.ACTIVE:
        raise RefusedError("instance_not_active")


def _open_one_like(sign_in: SignIn) -> SignIn | None:
    """The newest sign-in that has not come back from Microsoft, of the same browser, link and button."""
    names = ("invitation", "token_hash", "browser_hash", "purpose", "way", "registration_name", "is_offer")
    same = {name: getattr(sign_in, name) for name in names}
    found = SignIn.objects.filter(
        **same, outcome=SignIn.Outcome.STARTED, redeemed_at=None, expires_at__gt=timezone.now() + REUSED_WITH
    )
    if sign_in.purpose == SignIn.Purpose.AUTHORISE:
        # Who did the first step again gets one of their own: with its answer, what is accepted can be revoked at once.
        identified = SignIn.objects.filter(
            invitation=sign_in.invitation, purpose=SignIn.Purpose.IDENTIFY, outcome=SignIn.Outcome.SUCCEEDED
        )
        last = Max("redeemed_at", default=sign_in.invitation.created_at)  # older rows are deleted
        found = found.filter(created_at__gt=identified.aggregate(last=last)["last"])
    newest = found.exclude(flow_envelope="").first()
    account = "" if sign_in.is_offer else sign_in_exchange.account_for(sign_in.invitation, sign_in.purpose)
    return newest if newest and sign_in_exchange.account_suggested_by(newest) == account else None


def _save(sign_in: SignIn, flow: str, state: str, actor: audit.Actor) -> None:
    now = timezone.now()
    invitation = sign_in.invitation
    sign_in.state_hash = tokens.state_hash(state)
    sign_in.expires_at = now + VALID_FOR
    sign_in.seal("flow_envelope", flow)
    with audit.atomic():
        sign_in.save(force_insert=True)
        _trim(invitation)
        if sign_in.is_offer:
            return
        recorded = stranger_limits.may_record(invitation, sign_in.purpose)
        if sign_in.purpose == SignIn.Purpose.IDENTIFY:
            Invitation.objects.filter(pk=invitation.pk, started_at=None).update(started_at=now)
        if recorded:
            action = "invitation.started" if sign_in.purpose == SignIn.Purpose.IDENTIFY else "invitation.consent_begun"
            audit.record(action, actor=actor, subject=invitation, after={"way": str(sign_in.way)})


def _trim(invitation: Invitation) -> None:
    """Keep the newest KEPT sign-ins that ended or expired, and only count older ones.

    KEPT of those after which a grant of another person may remain are kept apart: the setup looks for them, so others must
    not displace them.
    """
    ended = ~Q(outcome=SignIn.Outcome.STARTED) | Q(expires_at__lte=timezone.now())
    rows = SignIn.objects.filter(ended, invitation=invitation).values_list("pk", flat=True)
    grant_may_remain = temporary_grant.refused_after_consent()
    older = [*rows.exclude(grant_may_remain)[KEPT:], *rows.filter(grant_may_remain)[KEPT:]]
    if older:
        counted = SignIn.objects.filter(pk__in=older)
        refused = counted.refused().delete()[0]
        deleted = refused + counted.delete()[0]
        Invitation.objects.filter(pk=invitation.pk).update(
            older_sign_ins=F("older_sign_ins") + deleted, older_refusals=F("older_refusals") + refused
        )


def _close(sign_in: SignIn, outcome: SignIn.Outcome, **values: str | bool) -> None:
    SignIn.objects.filter(pk=sign_in.pk).update(
        outcome=outcome, flow_envelope="", answer_envelope="", retry_at=None, **{"microsoft_code": "", **values}
    )
    _trim(sign_in.invitation)


def _record_refusal(sign_in: SignIn, refusal: RefusedError, actor: audit.Actor) -> None:
    refusal.recorded = True
    facts = {
        "refusal": refusal.page.key,
        "step": sign_in.purpose,
        "code": refusal.code,
        "correlation_id": refusal.correlation_id,
    }
    audit.record(
        "invitation.sign_in_refused",
        actor=actor,
        subject=sign_in.invitation,
        after={name: value for name, value in {**facts, **refusal.details}.items() if value},
    )
