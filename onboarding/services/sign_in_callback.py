"""What the callback does when a browser returns from Microsoft: identify the person, check, start the setup.

The network is used first, outside transactions. One short transaction then records the result.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db.models import Q
from django.utils import timezone

from onboarding import requirements
from onboarding.error_catalogue import GrantOutcome
from onboarding.errors import RefusedError
from onboarding.identity import Identity
from onboarding.models import Connection, ConnectionMethod, Invitation, SignIn
from onboarding.services import (
    delegated_token,
    existing_registration,
    invitations,
    naming,
    new_registration,
    redemption,
    sign_in_errors,
    sign_in_exchange,
    sign_in_requests,
    temporary_grant,
)
from onboarding.services.redemption import RedeemLaterError
from onboarding.services.sign_in_exchange import RedeemedCode
from registrations import audit
from registrations.errors import WrongStateError
from registrations.models import Operation

GONE = 410  # the link no longer works: no button back to it


@dataclass(frozen=True)
class CallbackResult:
    """The person, the connection, and the operation that was started, if any: the caller enqueues it."""

    connection: Connection
    person: Identity
    operation: Operation | None = None


def identify(sign_in: SignIn, answer: dict[str, str], *, ip_address: str | None) -> CallbackResult:
    """Complete the first sign-in: the person belongs to the invited organisation and holds the required roles.

    Raises RefusedError, after recording it in the sign-in's row and in the history, and RedeemLaterError where the same
    answer will do in a moment.
    """
    invitation = sign_in.invitation
    with _record_refusals(sign_in, answer, ip_address):
        sign_in_requests.require_current_link(sign_in)
        redeemed = sign_in_exchange.redeem(sign_in, answer)
        person = sign_in_exchange.verify(redeemed)
        if person.is_personal:
            raise RefusedError("personal_account", details=_details(person))
        if person.tenant_id != invitation.tenant_id:
            raise RefusedError("another_organisation", facts=person.label, details=_details(person))
        if person.is_guest:
            raise RefusedError("guest", facts=person.label, details=_details(person))
        roles = _required_roles(sign_in, redeemed, person)
        return CallbackResult(_record_identity(sign_in, person, roles, ip_address), person)


def _required_roles(sign_in: SignIn, redeemed: RedeemedCode, person: Identity) -> frozenset[str]:
    """The person's active roles. Raises RefusedError if the method needs others."""
    if sign_in.way == ConnectionMethod.TOKEN:
        roles = sign_in_exchange.directory_roles(redeemed, enough=lambda held: not requirements.lacking_for_token(held))
        lacking = " and ".join(requirements.lacking_for_token(roles))
        if lacking:
            raise RefusedError("roles_missing", facts=lacking, details={**_details(person), "missing": lacking})
        return roles
    roles = sign_in_exchange.directory_roles(redeemed, enough=requirements.is_sufficient)
    if not requirements.is_sufficient(roles):
        raise RefusedError("not_an_administrator", facts=person.label, details=_details(person))
    return roles


def authorise(sign_in: SignIn, answer: dict[str, str], *, ip_address: str | None) -> CallbackResult:
    """Complete the second sign-in: the same person consented, so the setup starts or continues.

    Raises RefusedError, after recording it in the sign-in's row and in the history. The permissions that were just
    accepted are revoked then: for that, the code is redeemed even if the invitation was revoked meanwhile.
    """
    with _record_refusals(sign_in, answer, ip_address):
        connection = Connection.objects.select_related("invitation__service__instance__provider__tenant").get(
            invitation=sign_in.invitation
        )
        try:
            redeemed = sign_in_exchange.redeem(sign_in, answer)
        except RefusedError as refusal:
            refusal.grant = GrantOutcome.UNKNOWN if answer.get("code") else GrantOutcome.NOTHING
            raise
        try:
            person = _consenting_person(sign_in, connection, redeemed)
            actor = audit.Actor.customer(person.label, person.object_id, ip_address)
            operation = _start_operation(sign_in, connection, redeemed, actor)
        except RefusedError as refusal:
            refusal.grant = _revoke_unused(sign_in, connection, redeemed)
            raise
        with audit.atomic():
            sign_in_requests.succeed(sign_in, person)
        return CallbackResult(connection, person, operation)


def _consenting_person(sign_in: SignIn, connection: Connection, redeemed: RedeemedCode) -> Identity:
    """The administrator of the first sign-in, if they accepted every permission. Raises RefusedError otherwise."""
    sign_in_requests.require_current_link(sign_in)
    person = sign_in_exchange.verify(redeemed)
    if person.tenant_id != sign_in.invitation.tenant_id:
        raise RefusedError("another_organisation", facts=person.label, details=_details(person))
    if person.object_id != connection.admin_object_id:
        raise RefusedError("another_administrator", facts=person.label, details=_details(person))
    wanted = sign_in_exchange.graph_scopes_of(sign_in.purpose, sign_in.way)
    accepted = {_short(scope) for scope in redeemed.tokens.scopes}
    missing = sorted({_short(scope) for scope in wanted} - accepted)
    if missing:
        facts = ", ".join(requirements.both_names_of(scope) for scope in missing)
        raise RefusedError("missing_scopes", facts=facts, details={"missing": ", ".join(missing)})
    return person


def _record_identity(sign_in: SignIn, person: Identity, roles: frozenset[str], ip_address: str | None) -> Connection:
    with audit.atomic():
        connection = _completed_connection(sign_in) or _identified_connection(sign_in, person, roles)
        sign_in_requests.succeed(sign_in, person)
        audit.record(
            "invitation.authenticated",
            actor=audit.Actor.customer(person.label, person.object_id, ip_address),
            subject=sign_in.invitation,
            after=_details(person),
        )
    return connection


def _completed_connection(sign_in: SignIn) -> Connection | None:
    """The connection of a completed invitation: any administrator may view it, and it does not change."""
    return Connection.objects.filter(
        invitation=sign_in.invitation_id,
        invitation__status=Invitation.Status.COMPLETED,
        invitation__token_hash=sign_in.token_hash,
    ).first()


def _identified_connection(sign_in: SignIn, person: Identity, roles: frozenset[str]) -> Connection:
    now = timezone.now()
    who = {
        "admin_object_id": person.object_id,
        "admin_name": person.name,
        "admin_username": person.username,
        "admin_roles": sorted(roles),
    }
    usable = Invitation.objects.usable(now).filter(pk=sign_in.invitation_id, token_hash=sign_in.token_hash)
    if not usable.update(authenticated_at=now):
        sign_in_requests.require_current_link(sign_in)
        raise RefusedError("expired_link")
    usable.filter(status__in=[Invitation.Status.DRAFT, Invitation.Status.SENT]).update(status=Invitation.Status.STARTED)
    connection, _ = Connection.objects.get_or_create(
        invitation=sign_in.invitation, defaults={**who, "way": sign_in.way}
    )
    if not _is_running(connection):
        # Another administrator of the same organisation may take over, but not while a worker uses the first one's token.
        if not _awaits_staff(connection):
            Connection.objects.filter(pk=connection.pk).update(**who)
        # A setup that has started keeps its method: another tab may return with a different one.
        Connection.objects.filter(pk=connection.pk, status=Connection.Status.IDENTIFIED).update(way=sign_in.way)
        connection.refresh_from_db()
    return connection


def _revoke_unused(sign_in: SignIn, connection: Connection, redeemed: RedeemedCode) -> GrantOutcome:
    return temporary_grant.revoke_unused(
        connection, redeemed.tokens.access_token, method=sign_in.way, patience=redeemed.patience
    )


def _start_operation(sign_in: SignIn, connection: Connection, redeemed: RedeemedCode, actor: audit.Actor) -> Operation:
    tokens = redeemed.tokens
    token: dict[str, Any] = {"access_token": tokens.access_token, "token_expires_at": tokens.expires_at}
    _refuse_other_method(sign_in, connection)
    latest = new_registration.latest_operation(connection)
    try:
        existing_registration.cancel_unfinished_check(connection, actor=actor)
        if sign_in.way == ConnectionMethod.TOKEN:
            return delegated_token.start_or_resume(connection, tokens, actor)
        if latest is None or latest.status in {Operation.Status.CANCELLED, Operation.Status.SUCCEEDED}:
            _apply_displayed_name(sign_in, connection, actor)
            return new_registration.request(connection, actor=actor, **token)
        if latest.waits_for == "customer" or latest.status == Operation.Status.FAILED:
            _apply_displayed_name(sign_in, connection, actor)
            new_registration.resume_with_token(latest, actor=actor, **token)
            return latest
    except WrongStateError as error:
        connection.invitation.refresh_from_db(fields=["status", "expires_at"])
        # If the invitation was revoked or expired in the meantime, say that instead.
        sign_in_requests.require_usable(connection.invitation, SignIn.Purpose.AUTHORISE)
        raise RefusedError("busy", facts=str(error)) from error
    # A second tab: the first one started the operation, with its own token.
    _revoke_unused(sign_in, connection, redeemed)
    return latest


def _refuse_other_method(sign_in: SignIn, connection: Connection) -> None:
    """A stale sign-in for one method must not take over a setup that another method has started."""
    connection.refresh_from_db(fields=["status", "way"])
    if sign_in.way != connection.way and connection.status != Connection.Status.IDENTIFIED:
        raise RefusedError("busy", facts="The setup has started with another method.")


def _apply_displayed_name(sign_in: SignIn, connection: Connection, actor: audit.Actor) -> None:
    """Use the name that this sign-in's page showed: another tab may have chosen a different one since."""
    name = sign_in.registration_name
    if name and name != connection.registration_name and not connection.registration_id:
        naming.choose(connection, name, actor=actor)


def _is_running(connection: Connection) -> bool:
    running = Operation.objects.live().of_subject(connection).filter(~Q(waits_for=Operation.WaitsFor.CUSTOMER))
    if connection.status == Connection.Status.IDENTIFIED:
        running = running.exclude(kind=existing_registration.KIND)  # a trial of entered values uses nobody's token
    return running.exists()


def _awaits_staff(connection: Connection) -> bool:
    """A failure after the customer's part is resumed by staff, on behalf of the administrator who did that part."""
    latest = Operation.objects.newest_of(connection)
    failed = latest is not None and latest.status == Operation.Status.FAILED
    return failed and connection.customer_part_done_at is not None


@contextmanager
def _record_refusals(sign_in: SignIn, answer: dict[str, str], ip_address: str | None) -> Iterator[None]:
    actor = invitations.invitee(sign_in.invitation, ip_address)
    try:
        yield
    except RedeemLaterError as later:
        if redemption.put_off(sign_in, answer, later):
            raise
        refusal = sign_in_errors.refusal_after_waiting(later.cause, sign_in.way)
        if sign_in.purpose == SignIn.Purpose.AUTHORISE:
            refusal.grant = GrantOutcome.UNKNOWN
        _record_refusal(sign_in, refusal, answer, actor)
        raise refusal from later
    except RefusedError as refusal:
        _record_refusal(sign_in, refusal, answer, actor)
        raise


def _record_refusal(sign_in: SignIn, refusal: RefusedError, answer: dict[str, str], actor: audit.Actor) -> None:
    refusal.method = sign_in.way
    if sign_in.purpose == SignIn.Purpose.AUTHORISE:
        refusal.in_second_step()
    else:
        refusal.in_first_step()
        if answer.get("code"):
            refusal.after_consent()
    refusal.customer = sign_in.invitation.service.customer.name
    refusal.may_choose = sign_in.invitation.status in Invitation.UNBEGUN
    if refusal.page.status != GONE:
        refusal.link = invitations.link_for_sign_in(sign_in)
    with audit.atomic():
        sign_in_requests.refuse(sign_in, refusal, actor=actor)
        if refusal.grant is GrantOutcome.UNKNOWN:
            temporary_grant.note_unknown(sign_in, since=sign_in.redeemed_at)


def _details(person: Identity) -> dict[str, str]:
    return {"account": person.label, "object_id": person.object_id, "tenant_id": person.tenant_id}


def _short(scope: str) -> str:
    return scope.rsplit("/", 1)[-1].lower()
