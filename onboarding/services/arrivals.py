"""What follows when a browser comes back from Microsoft: who is it, may they, and what did they agree to.

The network is used first, between transactions; then one short transaction writes down what was found.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db.models import Q
from django.utils import timezone

from onboarding import identity, requirements
from onboarding.explanations import explain
from onboarding.identity import Identity
from onboarding.models import Connection, ConnectionWay, Invitation, SignIn
from onboarding.refusals import Lent, RefusedError
from onboarding.services import connecting, delegating, invitations, lent_access, naming, sign_ins, using_existing
from registrations import audit, connections
from registrations.clients.entra import EntraRefusedError, SignInAnswer
from registrations.errors import NotYetError, RemoteRejectedError, WrongStateError
from registrations.models import Operation

DECLINED = "AADSTS65004"
APPROVAL_NEEDED = frozenset({"AADSTS90094", "AADSTS90095"})  # the second: a request for approval was sent
GONE = 410  # the link opens nothing: no button back to it
CORRELATION_ID = re.compile(r"Correlation ID: ([0-9a-f-]{36})", re.IGNORECASE)


@dataclass(frozen=True)
class Arrival:
    """Who came back, to which connection, and the operation that was set to work: the caller rings for it."""

    connection: Connection
    person: Identity
    operation: Operation | None = None


def identify(sign_in: SignIn, answer: dict[str, str], *, ip_address: str | None) -> Arrival:
    """After the first sign-in: the person belongs to the invited organisation and holds the roles that are needed.

    Raises RefusedError, which then stands in the sign-in's row and in the history.
    """
    invitation = sign_in.invitation
    with _refusals_kept(sign_in, answer, ip_address):
        sign_ins.refuse_stale(sign_in)
        redeemed = _redeem(sign_in, answer)
        person = _verified(sign_in, redeemed, answer)
        if person.is_personal:
            raise RefusedError("personal_account", known=_known(person))
        if person.tenant_id != invitation.tenant_id:
            raise RefusedError("another_organisation", facts=person.label, known=_known(person))
        if person.is_guest:
            raise RefusedError("guest", facts=person.label, known=_known(person))
        with _microsofts_words(answer):
            roles = connections.graph_as_person(redeemed.access_token).my_directory_roles()
        _require_roles(sign_in, roles, person)
        return Arrival(_keep_identity(sign_in, person, ip_address), person)


def _require_roles(sign_in: SignIn, roles: frozenset[str], person: Identity) -> None:
    if sign_in.way == ConnectionWay.TOKEN:
        lacking = " and ".join(requirements.lacking_for_token(roles))
        if lacking:
            raise RefusedError("roles_missing", facts=lacking, known={**_known(person), "missing": lacking})
    elif not requirements.is_sufficient(roles):
        raise RefusedError("not_an_administrator", facts=person.label, known=_known(person))


def authorise(sign_in: SignIn, answer: dict[str, str], *, ip_address: str | None) -> Arrival:
    """After the second sign-in: the same person agreed, so the set-up begins or goes on.

    Raises RefusedError, which then stands in the sign-in's row and in the history. What was accepted for it is given
    back then: the code is redeemed for that even where the invitation was withdrawn meanwhile.
    """
    with _refusals_kept(sign_in, answer, ip_address):
        connection = Connection.objects.select_related("invitation__service__instance__provider__tenant").get(
            invitation=sign_in.invitation
        )
        try:
            redeemed = _redeem(sign_in, answer)
        except RefusedError as refusal:
            refusal.lent = Lent.UNKNOWN if answer.get("code") else Lent.NOTHING
            raise
        try:
            person = _agreed(sign_in, connection, redeemed, answer)
            actor = audit.Actor.customer(person.label, person.object_id, ip_address)
            operation = _set_to_work(sign_in, connection, redeemed, actor)
        except RefusedError as refusal:
            refusal.lent = lent_access.give_back_unused(connection, redeemed.access_token, way=sign_in.way)
            raise
        with audit.atomic():
            sign_ins.succeed(sign_in)
        return Arrival(connection, person, operation)


def _agreed(sign_in: SignIn, connection: Connection, redeemed: SignInAnswer, answer: dict[str, str]) -> Identity:
    """The administrator of the first sign-in, who has accepted everything."""
    sign_ins.refuse_stale(sign_in)
    person = _verified(sign_in, redeemed, answer)
    if person.tenant_id != sign_in.invitation.tenant_id:
        raise RefusedError("another_organisation", facts=person.label, known=_known(person))
    if person.object_id != connection.admin_object_id:
        raise RefusedError("another_administrator", facts=person.label, known=_known(person))
    wanted = sign_ins.graph_scopes_of(sign_in.purpose, sign_in.way)
    accepted = {_short(scope) for scope in redeemed.scopes}
    missing = ", ".join(sorted({_short(scope) for scope in wanted} - accepted))
    if missing:
        raise RefusedError("missing_scopes", facts=missing, known={"missing": missing})
    return person


def _redeem(sign_in: SignIn, answer: dict[str, str]) -> SignInAnswer:
    app = sign_ins.sync_app(sign_in.invitation.service.instance)
    keeps = sign_ins.keeps_token(sign_in.purpose, sign_in.way)
    with _microsofts_words(answer):
        return connections.entra().finish_sign_in(
            authority=sign_ins.authority_of(sign_in.invitation, sign_in.purpose),
            app_id=app.app_id,
            client_secret=app.client_secret,
            flow=sign_ins.flow_of(sign_in),
            answer=answer,
            scopes=sign_ins.graph_scopes_of(sign_in.purpose, sign_in.way) if keeps else None,
            keeps=keeps,
        )


def _verified(sign_in: SignIn, redeemed: SignInAnswer, answer: dict[str, str]) -> Identity:
    app = sign_ins.sync_app(sign_in.invitation.service.instance)
    authority = sign_ins.authority_of(sign_in.invitation, sign_in.purpose)
    with _microsofts_words(answer):
        claims = connections.entra().verify_id_token(redeemed.id_token, app_id=app.app_id, authority=authority)
        return identity.parse(claims)


def _keep_identity(sign_in: SignIn, person: Identity, ip_address: str | None) -> Connection:
    with audit.atomic():
        connection = _used(sign_in) or _taken_up(sign_in, person)
        sign_ins.succeed(sign_in)
        audit.record(
            "invitation.authenticated",
            actor=audit.Actor.customer(person.label, person.object_id, ip_address),
            subject=sign_in.invitation,
            after=_known(person),
        )
    return connection


def _used(sign_in: SignIn) -> Connection | None:
    """The connection of an invitation that is used up: any administrator may look at it, and nothing of it changes."""
    return Connection.objects.filter(
        invitation=sign_in.invitation_id,
        invitation__status=Invitation.Status.COMPLETED,
        invitation__token_hash=sign_in.token_hash,
    ).first()


def _taken_up(sign_in: SignIn, person: Identity) -> Connection:
    now = timezone.now()
    who = {"admin_object_id": person.object_id, "admin_name": person.name, "admin_username": person.username}
    usable = Invitation.objects.usable(now).filter(pk=sign_in.invitation_id, token_hash=sign_in.token_hash)
    if not usable.update(authenticated_at=now):
        sign_ins.refuse_stale(sign_in)
        raise RefusedError("expired_link")
    usable.filter(status__in=[Invitation.Status.DRAFT, Invitation.Status.SENT]).update(status=Invitation.Status.STARTED)
    connection, _ = Connection.objects.get_or_create(
        invitation=sign_in.invitation, defaults={**who, "way": sign_in.way}
    )
    if not _at_work(connection):
        # Another administrator of the same organisation may take over, but not from under a worker.
        if not _rests_with_staff(connection):
            Connection.objects.filter(pk=connection.pk).update(**who)
        # What has begun goes on by its own way: another tab may come back from the choice of another one.
        Connection.objects.filter(pk=connection.pk, status=Connection.Status.IDENTIFIED).update(way=sign_in.way)
        connection.refresh_from_db()
    return connection


def _set_to_work(sign_in: SignIn, connection: Connection, redeemed: SignInAnswer, actor: audit.Actor) -> Operation:
    token: dict[str, Any] = {"access_token": redeemed.access_token, "token_expires_at": redeemed.expires_at}
    _refuse_another_way(sign_in, connection)
    latest = connecting.latest_operation(connection)
    try:
        using_existing.step_aside(connection, actor=actor)
        if sign_in.way == ConnectionWay.TOKEN:
            return delegating.set_to_work(connection, redeemed, actor)
        if latest is None or latest.status in {Operation.Status.CANCELLED, Operation.Status.SUCCEEDED}:
            _name_as_told(sign_in, connection, actor)
            return connecting.request(connection, actor=actor, **token)
        if latest.waits_for == "customer" or latest.status == Operation.Status.FAILED:
            _name_as_told(sign_in, connection, actor)
            connecting.continue_with(latest, actor=actor, **token)
            return latest
    except WrongStateError as error:
        connection.invitation.refresh_from_db(fields=["status", "expires_at"])
        sign_ins.refuse_unusable(
            connection.invitation, SignIn.Purpose.AUTHORISE
        )  # withdrawn or over at this very moment: say that
        raise RefusedError("busy", facts=str(error)) from error
    lent_access.give_back_unused(
        connection, redeemed.access_token, way=sign_in.way
    )  # a second tab: the first one set it to work
    return latest


def _refuse_another_way(sign_in: SignIn, connection: Connection) -> None:
    """A stale trip of one way must not take over what another way has begun to make."""
    connection.refresh_from_db(fields=["status", "way"])
    if sign_in.way != connection.way and connection.status != Connection.Status.IDENTIFIED:
        raise RefusedError("busy", facts="The set-up has begun in another way.")


def _name_as_told(sign_in: SignIn, connection: Connection, actor: audit.Actor) -> None:
    """The registration gets the name that stood beside the button: another tab may have chosen another since."""
    name = sign_in.registration_name
    if name and name != connection.registration_name and not connection.registration_id:
        naming.choose(connection, name, actor=actor)


def _at_work(connection: Connection) -> bool:
    return Operation.objects.live().filter(subject_id=connection.pk).filter(~Q(waits_for="customer")).exists()


def _rests_with_staff(connection: Connection) -> bool:
    """What failed after the customer's part is resumed by staff, in the name of whoever did that part."""
    latest = Operation.objects.filter(subject_id=connection.pk).order_by("-created_at").first()
    failed = latest is not None and latest.status == Operation.Status.FAILED
    return failed and connection.customer_part_done_at is not None


@contextmanager
def _refusals_kept(sign_in: SignIn, answer: dict[str, str], ip_address: str | None) -> Iterator[None]:
    try:
        yield
    except RefusedError as refusal:
        if sign_in.purpose == SignIn.Purpose.AUTHORISE:
            refusal.in_second_step()
        elif answer.get("code"):
            refusal.after_consent()
        refusal.customer = sign_in.invitation.service.customer.name
        if refusal.refusal.status != GONE:
            refusal.link = own_link(sign_in)
        sign_ins.refuse(sign_in, refusal, actor=invited_person(sign_in.invitation, ip_address))
        raise


def own_link(sign_in: SignIn) -> str:
    """The link for a browser that has proved that it began there: that very one, and "" where there is a newer one."""
    current = Invitation.objects.select_related("service__instance__provider").filter(
        pk=sign_in.invitation_id, token_hash=sign_in.token_hash
    )
    invitation = current.first()
    return invitations.link_of(invitation) if invitation else ""


@contextmanager
def _microsofts_words(answer: dict[str, str]) -> Iterator[None]:
    """Turns Microsoft's refusals into ours; its own texts are never shown."""
    found = CORRELATION_ID.search(answer.get("error_description", ""))
    correlation_id = found[1] if found else ""
    try:
        yield
    except EntraRefusedError as error:
        correlation_id = error.correlation_id or correlation_id
        if error.code in APPROVAL_NEEDED:
            raise RefusedError("approval_needed", code=error.code, correlation_id=correlation_id) from error
        declined = error.code == DECLINED or (error.code == error.error == "access_denied")
        if declined:
            raise RefusedError("consent_declined", code=error.code, correlation_id=correlation_id) from error
        raise RefusedError(
            "microsoft_error", explanation=explain(error.code), code=error.code, correlation_id=correlation_id
        ) from error
    except NotYetError as error:
        raise RefusedError("remote_unavailable", code=error.code, correlation_id=correlation_id) from error
    except RemoteRejectedError as error:
        raise RefusedError(
            "microsoft_error", explanation=explain(error.code), code=error.code, correlation_id=error.request_id
        ) from error


def invited_person(invitation: Invitation, ip_address: str | None) -> audit.Actor:
    """Whoever holds the link: Microsoft has not told (or not confirmed) who it is."""
    return audit.Actor.customer(f"Invited person of {invitation.service.customer}", ip_address=ip_address)


def _known(person: Identity) -> dict[str, str]:
    return {"account": person.label, "object_id": person.object_id, "tenant_id": person.tenant_id}


def _short(scope: str) -> str:
    return scope.rsplit("/", 1)[-1].lower()
