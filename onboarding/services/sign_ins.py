"""Trips to Microsoft's sign-in page: begun by a button, bound to one browser, redeemed once within 15 minutes."""

import json
import re
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.utils import timezone

from onboarding import requirements, tokens
from onboarding.explanations import explain
from onboarding.models import ConnectionWay, Invitation, SignIn
from onboarding.refusals import Lent, RefusedError
from onboarding.services import left_behind
from registrations import audit, connections
from registrations.clients.entra import EntraRefusedError
from registrations.errors import NotYetError
from registrations.models import AuditEvent, ClientSecret, UmpInstance

VALID_FOR = timedelta(minutes=15)
ONE_ENTRY_WITHIN = timedelta(minutes=15)
REPLACED = "replaced_link"
IDENTIFY_AUTHORITY = "organizations"  # never "common": it would let personal accounts in


@dataclass(frozen=True)
class Departure:
    """A trip whose page leads to Microsoft, and the value of the cookie by which the browser is known again."""

    sign_in: SignIn
    browser: str


@dataclass(frozen=True)
class SyncApp:
    """The instance's own application, through which customers sign in."""

    app_id: str
    client_secret: str

    def __repr__(self) -> str:
        return f"SyncApp(app_id={self.app_id!r})"


def begin(
    invitation: Invitation,
    purpose: SignIn.Purpose,
    *,
    browser: str,
    actor: audit.Actor,
    way: str = ConnectionWay.NEW,
) -> Departure:
    """Prepare a trip. `browser` is the cookie's present value, kept where it looks like one of ours (several tabs).

    Raises RefusedError where the link opens nothing any more, the instance is not ready, or Microsoft does not answer.
    """
    refuse_unusable(invitation, purpose)
    instance = invitation.service.instance
    app = sync_app(instance)
    try:
        flow = connections.entra().begin_sign_in(
            authority=authority_of(invitation, purpose),
            app_id=app.app_id,
            client_secret=app.client_secret,
            scopes=scopes_of(purpose, way),
            redirect_uri=instance.redirect_uri,
            login_hint=_login_hint(invitation, purpose),
            keeps=keeps_token(purpose, way),
        )
    except NotYetError as error:
        raise RefusedError("remote_unavailable", code=error.code) from error
    except EntraRefusedError as error:
        raise RefusedError("microsoft_error", explanation=explain(error.code), code=error.code) from error
    browser = browser if re.fullmatch(tokens.LINK_PATTERN, browser) else tokens.new_token()
    sign_in = SignIn(invitation=invitation, purpose=purpose, way=way)
    if purpose == SignIn.Purpose.AUTHORISE and way == ConnectionWay.NEW:
        sign_in.registration_name = invitation.connection.registration_name
    _write(sign_in, json.dumps(flow), flow["state"], browser, actor)
    return Departure(sign_in, browser)


def known_to(browser: str, sign_in_id: UUID, instance: UmpInstance) -> SignIn:
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
    return str(flow_of(sign_in)["auth_uri"])


def redeem(state: str, browser: str, instance: UmpInstance, *, actor: audit.Actor) -> SignIn:
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
        refusal = RefusedError(REPLACED if sign_in and sign_in.refusal == REPLACED else "state_lost")
        if sign_in:
            if sign_in.purpose == SignIn.Purpose.AUTHORISE:
                refusal.lent = Lent.UNKNOWN  # without the code nobody can look
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
            refusal=refusal.refusal.key,
            microsoft_code=refusal.code,
            correlation_id=refusal.correlation_id,
        )
        _record_refusal(sign_in, refusal, actor)


def refuse_at_the_link(invitation: Invitation, refusal: RefusedError, *, actor: audit.Actor) -> None:
    """Write down that a form behind the link was refused before any sign-in."""
    with audit.atomic():
        after = {"refusal": refusal.refusal.key, "code": refusal.code}
        audit.record(
            "invitation.refused",
            actor=actor,
            subject=invitation,
            after={name: value for name, value in after.items() if value},
        )
    refusal.recorded = True


def refuse_without_session(instance: UmpInstance, *, actor: audit.Actor) -> None:
    """Write down that a form came without a session: whose it was is not known, so it stands with the instance.

    One entry a while for each address: anybody may send forms, and nobody shall fill the history.
    """
    since = timezone.now() - ONE_ENTRY_WITHIN
    told = AuditEvent.objects.filter(action="instance.form_refused", subject_id=str(instance.pk), at__gt=since)
    if told.filter(ip_address=actor.ip_address).exists():
        return
    with audit.atomic():
        audit.record("instance.form_refused", actor=actor, subject=instance, after={"refusal": "session_missing"})


def succeed(sign_in: SignIn) -> None:
    """Close the sign-in; the caller's transaction holds what it led to."""
    _close(sign_in, SignIn.Outcome.SUCCEEDED)


def flow_of(sign_in: SignIn) -> dict[str, object]:
    """What MSAL needs to redeem the answer (PKCE verifier, nonce, state)."""
    flow: dict[str, object] = json.loads(sign_in.unseal("flow_envelope"))
    return flow


def forget_flows() -> int:
    """Delete what is kept of trips from which nobody returned in time. Returns their number."""
    return SignIn.objects.filter(expires_at__lt=timezone.now()).exclude(flow_envelope="").update(flow_envelope="")


def authority_of(invitation: Invitation, purpose: str) -> str:
    """Whose sign-in page: any organisation's to find out who it is, then only the invited one's."""
    return IDENTIFY_AUTHORITY if purpose == SignIn.Purpose.IDENTIFY else invitation.tenant_id


def scopes_of(purpose: str, way: str) -> list[str]:
    """The delegated permissions that Microsoft is asked for; those of a token are of two APIs."""
    if purpose == SignIn.Purpose.IDENTIFY:
        return list(requirements.SCOPES_IDENTIFY)
    if way == ConnectionWay.TOKEN:
        return [*requirements.SCOPES_TOKEN, requirements.TEAMS_USER_SCOPE]
    return list(requirements.SCOPES_AUTHORISE)


def graph_scopes_of(purpose: str, way: str) -> list[str]:
    """Those for which the code is redeemed: a code brings a token for one API."""
    return [scope for scope in scopes_of(purpose, way) if scope != requirements.TEAMS_USER_SCOPE]


def keeps_token(purpose: str, way: str) -> bool:
    """Whether this sign-in is meant to outlive itself."""
    return purpose == SignIn.Purpose.AUTHORISE and way == ConnectionWay.TOKEN


def close_open_trips(invitation: Invitation) -> int:
    """In the transaction that replaces the link: nobody comes back from a trip begun with the old one. Returns their number."""
    return SignIn.objects.filter(invitation=invitation, outcome=SignIn.Outcome.STARTED, redeemed_at=None).update(
        outcome=SignIn.Outcome.REFUSED, refusal=REPLACED, flow_envelope=""
    )


def refuse_stale(sign_in: SignIn) -> None:
    """Raises RefusedError where the trip's link was replaced meanwhile, or opens nothing any more."""
    sign_in.invitation.refresh_from_db(fields=["status", "expires_at", "token_hash"])
    if sign_in.token_hash != sign_in.invitation.token_hash:
        raise RefusedError(REPLACED)
    refuse_unusable(sign_in.invitation, sign_in.purpose)


def refuse_unusable(invitation: Invitation, purpose: str) -> None:
    """Raises the RefusedError that fits where the invitation's link opens nothing (any more) for this purpose.

    A used invitation lets an administrator identify themselves, to see the end page again.
    """
    if invitation.status == Invitation.Status.REVOKED:
        raise left_behind.revoked(invitation)
    if invitation.status == Invitation.Status.COMPLETED and purpose != SignIn.Purpose.IDENTIFY:
        raise RefusedError("used_link")
    if invitation.is_expired:
        raise RefusedError("expired_link")
    if invitation.service.instance.status != UmpInstance.Status.ACTIVE:
        raise RefusedError("instance_not_active")


def sync_app(instance: UmpInstance) -> SyncApp:
    """The sync app of an active instance with its secret. Raises RefusedError where there is none that works."""
    secret = (
        ClientSecret.objects.select_related("registration")
        .filter(
            registration__instance=instance,
            registration__tenant_id=instance.provider.tenant.tenant_id,
            status__in=ClientSecret.LIVE,
        )
        .exclude(registration__app_id="")
        .order_by("-created_at")
        .first()
    )
    value = secret.unseal("envelope") if secret else ""
    if secret is None or not value:
        raise RefusedError("instance_not_active")
    return SyncApp(secret.registration.app_id, value)


def _login_hint(invitation: Invitation, purpose: str) -> str:
    if purpose == SignIn.Purpose.AUTHORISE:
        return invitation.connection.admin_username
    return invitation.m365_admin_email


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
        "refusal": refusal.refusal.key,
        "step": sign_in.purpose,
        "code": refusal.code,
        "correlation_id": refusal.correlation_id,
    }
    audit.record(
        "invitation.sign_in_refused",
        actor=actor,
        subject=sign_in.invitation,
        after={name: value for name, value in {**facts, **refusal.known}.items() if value},
    )
