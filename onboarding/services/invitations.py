"""Invitations: create, send, replace the link, revoke. The link is decrypted only where a person needs it."""

from collections.abc import Collection
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils import timezone

from onboarding import tokens
from onboarding.models import Connection, DelegatedToken, Invitation, Service, SignIn
from onboarding.services import sign_in_requests, stored_tokens
from onboarding.services.lookups import EXISTING_REGISTRATION
from registrations import audit, engine
from registrations.applications import secret_values
from registrations.errors import WrongStateError
from registrations.models import ClientSecret, Operation, ServiceProvider, UmpInstance

SEND_KIND = "send_invitation"


def create(
    service: Service,
    *,
    it_admin_email: str,
    m365_admin_email: str,
    tenant_id: str | None = None,
    expires_at: datetime | None = None,
    again: bool = False,
    actor: audit.Actor,
) -> Invitation:
    """Create an invitation for a service, with its own link. No email is sent yet.

    `tenant_id` defaults to the customer's tenant. Raises ValidationError, and WrongStateError if the service has an
    open invitation, or is connected and `again` is not set.
    """
    invitation = Invitation(
        service=service,
        tenant_id=tenant_id or service.customer.tenant_id,
        it_admin_email=it_admin_email,
        m365_admin_email=m365_admin_email,
        expires_at=expires_at or timezone.now() + timedelta(days=settings.INVITATION_VALID_DAYS),
    )
    if invitation.tenant_id.lower() != service.customer.tenant_id:
        raise ValidationError({"tenant_id": f"{service.customer} has the tenant ID {service.customer.tenant_id}."})
    _give_link(invitation)
    invitation.full_clean()
    with audit.atomic():
        # Two people who invite at the same moment must not both succeed.
        Service.objects.select_for_update(no_key=True).get(pk=service.pk)
        refuse_second(service)
        if is_connected(service) and not again:
            raise WrongStateError(f"{service} is already connected: confirm that you want to invite it again.")
        invitation.save(force_insert=True)
        audit.record("invitation.created", actor=actor, subject=invitation, after=_facts(invitation))
    return invitation


def refuse_second(service: Service, *, except_for: Invitation | None = None) -> None:
    """Raises WrongStateError if another link of the service still opens the wizard."""
    opened = Invitation.objects.usable(timezone.now()).filter(service=service)
    found = (opened.exclude(pk=except_for.pk) if except_for else opened).first()
    if found:
        raise WrongStateError(
            f"{service} already has an open invitation, for {found.it_admin_email}. Resend it, create a new link for it, or "
            "revoke it first."
        )


def is_connected(service: Service) -> bool:
    """Whether an invitation of the service was completed."""
    return service.invitations.filter(status=Invitation.Status.COMPLETED).exists()


def no_credential(instance: UmpInstance) -> str:
    """The warning that the setup of a customer on this instance would stop at the UMP's part."""
    return (
        f"{instance.host} has no UMP API credential: the customer's setup would stop before it finishes. Enter client ID, "
        "secret and scope at the UMP instance first."
    )


def not_active(instance: UmpInstance) -> str:
    """The warning that the link of an invitation would lead nowhere yet; "" for an active instance."""
    if instance.status == UmpInstance.Status.ACTIVE:
        return ""
    return (
        f"{instance.host} is not active: a customer who opens the link reads that it is not ready yet. Provision the instance "
        "before you send invitations."
    )


def refuse_inactive(instance: UmpInstance) -> None:
    """Raises WrongStateError if the instance is not active, so that its customers could do nothing with a link."""
    if instance.status != UmpInstance.Status.ACTIVE:
        raise WrongStateError(f"{instance.host} is not active: provision it before you send invitations.")


def no_contact(provider: ServiceProvider) -> str:
    """The warning that the provider's customers can ask nobody."""
    return (
        f"{provider} has no contact whom customers can ask. Enter a contact e-mail under Service providers, {provider}, before "
        "you invite."
    )


def is_first_of(provider: ServiceProvider) -> bool:
    """Whether the provider has not invited anybody yet."""
    return not Invitation.objects.filter(service__instance__provider=provider).exists()


def send(invitation: Invitation, *, actor: audit.Actor, user: Any = None) -> Operation:
    """Queue the email with the link, for the first time or again; the link stays the same. The caller enqueues it.

    Raises WrongStateError if the link no longer works, or the instance is not active.
    """
    refuse_unsendable(invitation)
    return engine.request(SEND_KIND, invitation, actor=actor, user=user)


def refuse_unsendable(invitation: Invitation) -> None:
    """Raises WrongStateError if the link does not work or leads nowhere, so that emailing it would be useless."""
    refusal = _refusal_to_send(Invitation.objects.select_related("service__instance__provider").get(pk=invitation.pk))
    if refusal:
        raise refusal


def unsendable(chosen: Collection[Invitation]) -> dict[Any, str]:
    """Why invitations cannot be emailed now, by their keys: one query, however many there are."""
    live = Operation.objects.live().filter(subject_id__in=[each.pk for each in chosen])
    found = dict.fromkeys(live.values_list("subject_id", flat=True), "Its email is being sent.")
    return found | {each.pk: str(refusal) for each in chosen if (refusal := _refusal_to_send(each))}


def leads_nowhere(invitation: Invitation) -> bool:
    """Whether the link would work if only the instance were active."""
    is_usable = invitation.status in Invitation.OPEN and not invitation.is_expired
    return is_usable and invitation.service.instance.status != UmpInstance.Status.ACTIVE


def unrevocable(chosen: Collection[Invitation]) -> dict[Any, str]:
    """Why invitations cannot be revoked now, by their keys: two queries, however many there are."""
    made = dict(Connection.objects.filter(invitation__in=[each.pk for each in chosen]).values_list("pk", "invitation"))
    running = Operation.objects.filter(status=Operation.Status.RUNNING)
    subjects = running.filter(subject_id__in=[*made, *(each.pk for each in chosen)]).values_list(
        "subject_id", flat=True
    )
    found = {
        made.get(subject, subject): "An operation is running. Try again when it has finished." for subject in subjects
    }
    ended = [each for each in chosen if each.status not in Invitation.OPEN]
    return found | {each.pk: f"The invitation is already {each.get_status_display().lower()}." for each in ended}


def new_link(invitation: Invitation, *, actor: audit.Actor) -> None:
    """Replace the link. The new one is not emailed.

    Sign-ins, sessions and checks of entered values that were started with the old link end. A setup whose values were
    verified continues. Raises WrongStateError if the invitation is completed or revoked, or its email is being sent.
    """
    _give_link(invitation)
    with audit.atomic():
        _cancel_email(invitation, actor)
        changed = Invitation.objects.filter(pk=invitation.pk, status__in=Invitation.OPEN).update(
            token_hash=invitation.token_hash, token_envelope=invitation.token_envelope, email_sent=False
        )
        if not changed:
            raise WrongStateError("The invitation is completed or revoked. Create a new one.")
        _cancel_check(invitation, actor)
        refused = sign_in_requests.invalidate_open(invitation)
        audit.record("invitation.link_renewed", actor=actor, subject=invitation, after={"sign_ins_refused": refused})
    invitation.refresh_from_db()


def revoke(invitation: Invitation, *, actor: audit.Actor) -> None:
    """Revoke the invitation; a person in the wizard gets an error page with the next click.

    A waiting operation is cancelled, and the stored token or secret is deleted. Raises WrongStateError if a worker is running
    one (half a registration would remain), or where the invitation is already completed or revoked.
    """
    with audit.atomic():
        _cancel_email(invitation, actor)
        connection = Connection.objects.filter(invitation=invitation).first()
        if connection:
            for operation in Operation.objects.live().of_subject(connection):
                engine.cancel(operation, actor=actor)
        before = Invitation.objects.values_list("status", flat=True).get(pk=invitation.pk)
        changed = Invitation.objects.filter(pk=invitation.pk, status__in=Invitation.OPEN).update(
            status=Invitation.Status.REVOKED, revoked_at=timezone.now()
        )
        if not changed:
            raise WrongStateError("The invitation is already completed or revoked.")
        stored_tokens.clear(DelegatedToken.objects.filter(connection__invitation=invitation), actor=actor)
        secret_values.delete(ClientSecret.objects.filter(registration__connection__invitation=invitation), actor=actor)
        audit.record(
            "invitation.revoked",
            actor=actor,
            subject=invitation,
            before={"status": before},
            after={"status": Invitation.Status.REVOKED.value},
        )
    invitation.refresh_from_db()


def copy_link(invitation: Invitation, *, actor: audit.Actor) -> str:
    """The link, for a person who passes it on. The history records each copy.

    Raises WrongStateError if the link no longer works.
    """
    with audit.atomic():
        current = Invitation.objects.select_related("service__instance__provider").get(pk=invitation.pk)
        if current.status not in Invitation.OPEN:
            raise WrongStateError(
                f"The invitation is {current.get_status_display().lower()}: its link no longer works."
            )
        if current.is_expired:
            raise WrongStateError("The invitation has expired: its link no longer works. Create a new one.")
        audit.record("invitation.link_copied", actor=actor, subject=current)
    return link_of(current)


def behind_link(token: str, instance: UmpInstance) -> Invitation | None:
    """The invitation with this token on this instance's host, whatever its state, or None."""
    return (
        Invitation.objects.select_related("service__customer", "service__instance__provider__tenant")
        .filter(token_hash__in=tokens.invitation_hashes(token), service__instance=instance)
        .first()
    )


def link_of(invitation: Invitation) -> str:
    """The link: `<portal URL>/<token>`. For the email, for `copy_link` and for pages that were opened with it."""
    return f"{invitation.service.instance.portal_url}/{invitation.unseal('token_envelope')}"


def link_for_sign_in(sign_in: SignIn) -> str:
    """The link for the browser that began this sign-in, or "" if the link was replaced since."""
    invitation = (
        Invitation.objects.select_related("service__instance__provider")
        .filter(pk=sign_in.invitation_id, token_hash=sign_in.token_hash)
        .first()
    )
    return link_of(invitation) if invitation else ""


def of_browser(browser: str, instance: UmpInstance) -> Invitation | None:
    """The invitation at whose link this browser began last, on this host; None once the link was replaced, or after a day.

    `browser` is the value of the sign-in's cookie.
    """
    if not browser:
        return None
    since = timezone.now() - sign_in_requests.BROWSER_KNOWN_FOR
    newest = (
        SignIn.objects.filter(
            browser_hash=tokens.browser_hash(browser), invitation__service__instance=instance, created_at__gt=since
        )
        .select_related("invitation__service__customer", "invitation__service__instance__provider__tenant")
        .first()
    )
    if newest is None or newest.token_hash != newest.invitation.token_hash:
        return None
    return newest.invitation


def invitee(invitation: Invitation, ip_address: str | None) -> audit.Actor:
    """The holder of the link, for the history: Microsoft has not confirmed who it is."""
    return audit.Actor.customer(f"Invited person of {invitation.service.customer}", ip_address=ip_address)


def _refusal_to_send(invitation: Invitation) -> WrongStateError | None:
    if invitation.status not in Invitation.OPEN:
        return WrongStateError(
            f"The invitation is {invitation.get_status_display().lower()}: its link no longer works."
        )
    if invitation.is_expired:
        return WrongStateError("The invitation has expired. Create a new one.")
    try:
        refuse_inactive(invitation.service.instance)
    except WrongStateError as refusal:
        return refusal
    return None


def _give_link(invitation: Invitation) -> None:
    token = tokens.new_token()
    invitation.token_hash = tokens.invitation_hash(token)
    invitation.seal("token_envelope", token)


def _cancel_email(invitation: Invitation, actor: audit.Actor) -> None:
    # An email that is sent now would carry a link that no longer works.
    for operation in Operation.objects.live().of_subject(invitation).filter(kind=SEND_KIND):
        engine.cancel(operation, actor=actor)


def _cancel_check(invitation: Invitation, actor: audit.Actor) -> None:
    # A check has no sign-in: the old link was its only proof. A running check fails before it stores the secret.
    unverified = Connection.objects.filter(invitation=invitation, registration=None).values("pk")
    for operation in Operation.objects.live().filter(subject_id__in=unverified, kind=EXISTING_REGISTRATION):
        with suppress(WrongStateError):
            engine.cancel(operation, actor=actor)


def _facts(invitation: Invitation) -> dict[str, Any]:
    return {
        "tenant_id": invitation.tenant_id,
        "invitation_email": invitation.it_admin_email,
        "m365_admin_email": invitation.m365_admin_email,
        "expires_at": invitation.expires_at.isoformat(),
    }
