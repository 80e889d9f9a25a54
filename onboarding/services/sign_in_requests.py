"""Trips to Microsoft's sign-in page: begun by a button, bound to one browser, redeemed once within 15 minutes."""

import json
import re
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.utils import timezone

from onboarding import tokens
from onboarding.error_catalogue import GrantOutcome
from onboarding.errors import RefusedError
from onboarding.models import ConnectionMethod, Invitation, SignIn
from onboarding.services import leftovers, sign_in_exchange
from registrations import audit
from registrations.models import AuditEvent, UmpInstance

VALID_FOR = timedelta(minutes=15)
ENTRY_INTERVAL = timedelta(minutes=15)
REPLACED_LINK = "replaced_link"


@dataclass(frozen=True)
class StartedSignIn:
    """A trip whose page leads to Microsoft, and the value of the cookie by which the browser is known again."""

    sign_in: SignIn
    browser: str


def start(
    invitation: Invitation,
    purpose: SignIn.Purpose,
    *,
    browser: str,
    actor: audit.Actor,
    method: str = ConnectionMethod.NEW,
) -> StartedSignIn:
    """Prepare a trip. `browser` is the cookie's present value, kept where it looks like one of ours (several tabs).

    Raises RefusedError where the link opens nothing any more, the instance is not ready, or Microsoft does not answer.
    """
    require_usable(invitation, purpose)
    flow = sign_in_exchange.begin(invitation, purpose, method)
    browser = browser if re.fullmatch(tokens.LINK_PATTERN, browser) else tokens.new_token()
    sign_in = SignIn(invitation=invitation, purpose=purpose, way=method)
    if purpose == SignIn.Purpose.AUTHORISE and method == ConnectionMethod.NEW:
        sign_in.registration_name = invitation.connection.registration_name
    _write(sign_in, json.dumps(flow), str(flow["state"]), browser, actor)
    return StartedSignIn(sign_in, browser)


def find_for_browser(browser: str, sign_in_id: UUID, instance: UmpInstance) -> SignIn:
    """The trip that this browser began on this host. Raises RefusedError("state_lost") where there is none."""
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
    """Microsoft's page for this trip. Raises RefusedError("state_lost") once it has ended or its time is over."""
    is_open = sign_in.outcome == SignIn.Outcome.STARTED and not sign_in.redeemed_at and bool(sign_in.flow_envelope)
    if not is_open or sign_in.expires_at <= timezone.now():
        raise RefusedError("state_lost")
    return str(sign_in_exchange.flow_of(sign_in)["auth_uri"])


def claim(state: str, browser: str, instance: UmpInstance, *, actor: audit.Actor) -> SignIn:
    """Take the sign-in that this answer belongs to; nobody can take it again.

    Raises RefusedError("state_lost") where there is none that is fresh, of this host and of this browser, and
    "replaced_link" where it was begun with a link that has been replaced meanwhile.
    """
    now = timezone.now()
    known = SignIn.objects.filter(state_hash=tokens.state_hash(state), invitation__service__instance=instance)
    with audit.atomic():
        taken = known.filter(
            browser_hash=tokens.browser_hash(browser),
            redeemed_at=None,
            expires_at__gt=now,
            outcome=SignIn.Outcome.STARTED,
        ).update(redeemed_at=now)
    sign_in = known.select_related(
        "invitation__service__customer", "invitation__service__instance__provider__tenant"
    ).first()
    if sign_in is None or not taken:
        refusal = RefusedError(REPLACED_LINK if sign_in and sign_in.refusal == REPLACED_LINK else "state_lost")
        if sign_in:
            if sign_in.purpose == SignIn.Purpose.AUTHORISE:
                refusal.grant = GrantOutcome.UNKNOWN  # without the code nobody can look
            with audit.atomic():
                _record_refusal(sign_in, refusal, actor)
        raise refusal
    return sign_in


def refuse(sign_in: SignIn, refusal: RefusedError, *, actor: audit.Actor) -> None:
    """Write down how the sign-in ended, in its row and in the history."""
    with audit.atomic():
        _close(
            sign_in,
            SignIn.Outcome.REFUSED,
            refusal=refusal.page.key,
            microsoft_code=refusal.code,
            correlation_id=refusal.correlation_id,
        )
        _record_refusal(sign_in, refusal, actor)


def record_refused_form(invitation: Invitation, refusal: RefusedError, *, actor: audit.Actor) -> None:
    """Write down that a form behind the link was refused before any sign-in."""
    with audit.atomic():
        after = {"refusal": refusal.page.key, "code": refusal.code}
        audit.record(
            "invitation.refused",
            actor=actor,
            subject=invitation,
            after={name: value for name, value in after.items() if value},
        )
    refusal.recorded = True


def record_form_without_session(instance: UmpInstance, *, actor: audit.Actor) -> None:
    """Write down that a form came without a session: whose it was is not known, so it stands with the instance.

    One entry a while for each address: anybody may send forms, and nobody shall fill the history.
    """
    since = timezone.now() - ENTRY_INTERVAL
    told = AuditEvent.objects.filter(action="instance.form_refused", subject_id=str(instance.pk), at__gt=since)
    if told.filter(ip_address=actor.ip_address).exists():
        return
    with audit.atomic():
        audit.record("instance.form_refused", actor=actor, subject=instance, after={"refusal": "session_missing"})


def succeed(sign_in: SignIn) -> None:
    """Close the sign-in; the caller's transaction holds what it led to."""
    _close(sign_in, SignIn.Outcome.SUCCEEDED)


def delete_expired_flows() -> int:
    """Delete what is kept of trips from which nobody returned in time. Returns their number."""
    return SignIn.objects.filter(expires_at__lt=timezone.now()).exclude(flow_envelope="").update(flow_envelope="")


def invalidate_open(invitation: Invitation) -> int:
    """In the transaction that replaces the link: nobody comes back from a trip begun with the old one. Returns their number."""
    return SignIn.objects.filter(invitation=invitation, outcome=SignIn.Outcome.STARTED, redeemed_at=None).update(
        outcome=SignIn.Outcome.REFUSED, refusal=REPLACED_LINK, flow_envelope=""
    )


def require_current_link(sign_in: SignIn) -> None:
    """Raises RefusedError where the trip's link was replaced meanwhile, or opens nothing any more."""
    sign_in.invitation.refresh_from_db(fields=["status", "expires_at", "token_hash"])
    if sign_in.token_hash != sign_in.invitation.token_hash:
        raise RefusedError(REPLACED_LINK)
    require_usable(sign_in.invitation, sign_in.purpose)


def require_usable(invitation: Invitation, purpose: str) -> None:
    """Raises the RefusedError that fits where the invitation's link opens nothing (any more) for this purpose.

    A used invitation lets an administrator identify themselves, to see the end page again.
    """
    if invitation.status == Invitation.Status.REVOKED:
        raise leftovers.revoked_error(invitation)
    if invitation.status == Invitation.Status.COMPLETED and purpose != SignIn.Purpose.IDENTIFY:
        raise RefusedError("used_link")
    if invitation.is_expired:
        raise RefusedError("expired_link")
    if invitation.service.instance.status != UmpInstance.Status.ACTIVE:
        raise RefusedError("instance_not_active")


def _write(sign_in: SignIn, flow: str, state: str, browser: str, actor: audit.Actor) -> None:
    now = timezone.now()
    invitation = sign_in.invitation
    sign_in.token_hash = invitation.token_hash
    sign_in.state_hash, sign_in.browser_hash = tokens.state_hash(state), tokens.browser_hash(browser)
    sign_in.expires_at = now + VALID_FOR
    sign_in.seal("flow_envelope", flow)
    with audit.atomic():
        sign_in.save(force_insert=True)
        if sign_in.purpose == SignIn.Purpose.IDENTIFY:
            Invitation.objects.filter(pk=invitation.pk, started_at=None).update(started_at=now)
            audit.record("invitation.started", actor=actor, subject=invitation, after={"way": str(sign_in.way)})
        else:
            audit.record("invitation.consent_begun", actor=actor, subject=invitation, after={"way": str(sign_in.way)})


def _close(sign_in: SignIn, outcome: SignIn.Outcome, **values: str) -> None:
    SignIn.objects.filter(pk=sign_in.pk).update(outcome=outcome, flow_envelope="", **values)


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
