"""Connect by a registration that the customer made: what was typed is tried where the customer watches, then handed over.

What was typed is sealed on the operation alone, and dropped once it proved itself or failed. The registration stays
the customer's: SyncPortal never changes it (`AppRegistration.managed`).
"""

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.utils import timezone

from onboarding import requirements
from onboarding.errors import RefusedError
from onboarding.explanations import explain_credential
from onboarding.models import Connection, ConnectionMethod, Invitation, SignIn
from onboarding.services import sign_in_requests, ump_handover
from onboarding.services.lookups import EXISTING_REGISTRATION, open_connection
from registrations import audit, connections
from registrations.clients.entra import REPLICATING, AppToken, EntraRefusedError
from registrations.clients.graph.client import TEAMS_ADMIN_API_APP_ID
from registrations.errors import NotYetError, PersonNeededError, RemoteRejectedError, WrongStateError
from registrations.models import AppRegistration, Operation
from registrations.models.fields import is_guid
from registrations.services import client_secrets, operations

KIND = EXISTING_REGISTRATION
LINK_NOTE = "link"  # a note: the keyed hash of the link whose holder typed the values
MISSING_GRANTS = "missing_grants"
OTHER_ORGANISATION = "other_organisation"
MAX_ATTEMPTS, ATTEMPTS_WINDOW = 5, timedelta(minutes=15)  # a link holder must not find a secret out by trying
KEPT_FOR = timedelta(hours=24)
REPLICATION_TIME = timedelta(minutes=1)
REPLICATION_RETRY = timedelta(seconds=15)
GRANTS_RETRY = timedelta(minutes=2)
# The API has no service principal in the tenant, so nothing of it can be granted yet.
API_ABSENT = frozenset({"AADSTS500011", "AADSTS650052"})


@dataclass(frozen=True, repr=False)
class EnteredValues:
    """What the customer entered. `tenant` is a GUID or a domain."""

    tenant: str
    client_id: str
    client_secret: str


@dataclass(frozen=True)
class MissingGrant:
    """One permission or role that the registration lacks, and the page that gives it."""

    name: str
    sentence: str
    given_by: str


def register() -> None:
    """Make the kind known to the engine."""
    operations.register(
        operations.Kind(
            name=KIND,
            title="Connect with an existing registration",
            steps=(
                operations.Step("organisation", "Find the organisation", _organisation),
                operations.Step("proof", "Check the registration and its permissions", _proof),
                operations.Step("keep", "Store the secret encrypted", _keep),
                *ump_handover.steps(),
            ),
            subject=Connection,
            succeeded=ump_handover.succeeded,
            failed=_ended,
            reopens=ump_handover.RETRY_FROM,
        )
    )


def request(invitation: Invitation, typed: EnteredValues, *, actor: audit.Actor) -> Operation:
    """Queue the trial of what was typed. The caller rings.

    Raises RefusedError where the link opens nothing, another set-up is under way, or too many values were tried.
    """
    sign_in_requests.require_usable(invitation, SignIn.Purpose.AUTHORISE)
    with audit.atomic():
        connection, made = Connection.objects.get_or_create(
            invitation=invitation, defaults={"way": ConnectionMethod.EXISTING}
        )
        kept = connection.registration
        if (kept and kept.managed) or connection.status != Connection.Status.IDENTIFIED:
            raise RefusedError("under_way", facts="The setup has already started.")
        limit_attempts(connection)
        # That of a set-up that was cancelled.
        Connection.objects.filter(pk=connection.pk, status=Connection.Status.IDENTIFIED).update(registration=None)
        if made:
            Invitation.objects.filter(pk=invitation.pk, started_at=None).update(started_at=timezone.now())
            audit.record("invitation.started", actor=actor, subject=invitation)
        try:
            cancel_waiting_check(connection, actor=actor)
            return operations.request(
                KIND,
                connection,
                actor=actor,
                notes={
                    operations.INSTANCE_NOTE: str(invitation.service.instance_id),
                    LINK_NOTE: invitation.token_hash,
                },
                credential=(json.dumps(vars(typed)), timezone.now() + KEPT_FOR),
            )
        except WrongStateError as error:
            raise RefusedError("under_way", facts="Other values are being checked at the moment.") from error


def _ended(operation: Operation) -> None:
    """In the closing transaction. A cancelled set-up cannot be resumed: its secret is forgotten, the form opens again."""
    ump_handover.failed(operation)
    if operation.status != Operation.Status.CANCELLED:
        return
    registration = AppRegistration.objects.filter(connection=operation.subject_id, managed=False).first()
    if registration:
        client_secrets.forget_entered(registration, actor=audit.SYSTEM, operation=operation)
        Connection.objects.filter(pk=operation.subject_id).update(
            status=Connection.Status.IDENTIFIED, customer_part_done_at=None
        )


def limit_attempts(connection: Connection) -> None:
    """Raises RefusedError after too many trials of one invitation."""
    recent = Operation.objects.filter(
        kind=KIND, subject_id=connection.pk, created_at__gt=timezone.now() - ATTEMPTS_WINDOW
    )
    if recent.count() >= MAX_ATTEMPTS:
        raise RefusedError("too_many_tries")


def missing_grants(operation: Operation) -> list[MissingGrant]:
    """What the registration lacked when it was last looked at, with the ways to mend it."""
    names = set(operation.notes.get("missing", []))
    grants, roles = operation.notes.get("grants_page", ""), requirements.ROLES_PAGE
    return [
        *(
            MissingGrant(p.value, f"{p.sentence} A permission of {p.resource_name}.", grants)
            for p in requirements.PERMISSIONS
            if p.value in names
        ),
        *(
            MissingGrant(r.name, f"{r.sentence} A role in Microsoft Entra.", roles)
            for r in requirements.ROLES
            if r.name in names
        ),
    ]


def check_again(operation: Operation) -> None:
    """The customer says that what was missing is granted: the operation is due now."""
    operations.wake([operation])


def cancel_waiting_check(connection: Connection, *, actor: audit.Actor) -> None:
    """Cancel a trial that waits for the customer's grants: whoever closed the browser may begin anew, by any way."""
    waiting = Operation.objects.filter(
        subject_id=connection.pk, kind=KIND, status=Operation.Status.WAITING, waits_for="customer"
    ).first()
    if waiting:
        operations.cancel(waiting, actor=actor)


def _typed(operation: Operation) -> EnteredValues:
    held = Operation.objects.only("pk", "credential_envelope", "credential_expires_at").get(pk=operation.pk)
    ended = held.credential_expires_at and held.credential_expires_at <= timezone.now()
    if ended or not held.credential_envelope:
        raise RemoteRejectedError("The values are stored for one day only. Enter them again.", code="values_forgotten")
    return EnteredValues(**json.loads(held.unseal("credential_envelope")))


def _organisation(operation: Operation) -> str:
    connection, typed = open_connection(operation), _typed(operation)
    invited = connection.invitation.tenant_id
    found = typed.tenant if is_guid(typed.tenant) else _resolve(typed, operation)
    if found != invited:
        raise RemoteRejectedError(
            f"The values belong to another organisation than {connection.invitation.service.customer}. Enter the values of the "
            "invited organisation.",
            code=OTHER_ORGANISATION,
        )
    return "It is the invited organisation."


def _resolve(typed: EnteredValues, operation: Operation) -> str:
    try:
        return connections.entra().tenant_id_of(typed.tenant)
    except EntraRefusedError as refusal:
        raise _explained(refusal, operation) from refusal


def _proof(operation: Operation) -> str:
    connection, typed = open_connection(operation), _typed(operation)
    graph = _token(connection, typed, connections.GRAPH_SCOPE, operation)
    try:
        teams = _token(connection, typed, connections.TEAMS_ADMIN_API_SCOPE, operation)
    except _ApiAbsentError:
        teams = AppToken("", graph.expires_at, frozenset(), frozenset())
    missing = _lacking(graph, teams)
    page = requirements.permissions_page(typed.client_id)
    consent = connections.entra().admin_consent_url(
        tenant_id=connection.invitation.tenant_id, client_id=typed.client_id
    )
    operations.keep_notes(
        operation,
        missing=missing,
        grants_page=page,
        consent_page=consent,
        found=graph.name[:120],
        principal=graph.object_id,
    )
    if missing:
        raise PersonNeededError(
            f"The registration works, but it lacks: {', '.join(missing)}. Grant what is missing.",
            who="customer",
            code=MISSING_GRANTS,
            look_again=GRANTS_RETRY,
        )
    return "Microsoft issued a token for both APIs, with every permission and role."


def _lacking(graph: AppToken, teams: AppToken) -> list[str]:
    held = {False: graph.roles, True: teams.roles}
    wids = graph.wids | teams.wids
    lacking = [
        permission.value
        for permission in requirements.PERMISSIONS
        if permission.value not in held[permission.resource_app_id == TEAMS_ADMIN_API_APP_ID]
    ]
    return lacking + [role.name for role in requirements.ROLES if role.template_id not in wids]


class _ApiAbsentError(Exception):
    """The tenant does not have the API at all."""


def _token(connection: Connection, typed: EnteredValues, scope: str, operation: Operation) -> AppToken:
    try:
        return connections.entra().app_token(
            tenant_id=connection.invitation.tenant_id,
            app_id=typed.client_id,
            client_secret=typed.client_secret,
            scope=scope,
        )
    except EntraRefusedError as refusal:
        if refusal.code in API_ABSENT and scope == connections.TEAMS_ADMIN_API_SCOPE:
            raise _ApiAbsentError from refusal
        if refusal.code in REPLICATING and timezone.now() - operation.created_at < REPLICATION_TIME:
            raise NotYetError(
                "Microsoft does not know these values. If they are new, it may still be replicating them.",
                retry_after=REPLICATION_RETRY,
                code=refusal.code,
                request_id=refusal.correlation_id,
            ) from refusal
        raise _explained(refusal, operation) from refusal


def _explained(refusal: EntraRefusedError, operation: Operation) -> RemoteRejectedError:
    known = explain_credential(refusal.code)
    provider = open_connection(operation).invitation.service.instance.provider.name
    words = f"{known.sentence} {known.next_step}".replace("{provider}", provider)
    return RemoteRejectedError(words, code=refusal.code, request_id=refusal.correlation_id)


def _keep(operation: Operation) -> str:
    connection = open_connection(operation)
    if connection.registration_id:  # a worker died between this step's commit and its being marked done
        return "The secret is stored encrypted."
    typed, notes = _typed(operation), operation.notes
    now = timezone.now()
    names = {"tenant_id": connection.invitation.tenant_id, "unique_name": f"customer-{connection.pk}"}
    # There is one already after a set-up that was cancelled.
    registration = AppRegistration.objects.filter(**names).first() or AppRegistration(**names, managed=False)
    registration.display_name = str(notes.get("found") or "Existing registration")
    registration.app_id, registration.made_at = typed.client_id, now
    registration.service_principal_id = str(notes.get("principal") or "")
    values: dict[str, Any] = {"status": Connection.Status.CONNECTING, "way": ConnectionMethod.EXISTING}
    with audit.atomic(durable=True):
        operations.drop_credential(operation)  # also the guard: nothing below is written without the lease
        usable = Invitation.objects.usable(now).filter(pk=connection.invitation_id, token_hash=notes.get(LINK_NOTE, ""))
        if not usable.update(status=Invitation.Status.CONNECTING, authenticated_at=now):
            raise WrongStateError("The invitation can no longer be used, or its link was replaced.")
        registration.save()
        audit.record(
            "application.entered",
            actor=audit.WORKER,
            subject=registration,
            operation_id=operation.pk,
            after={"app_id": registration.app_id, "tenant_id": registration.tenant_id},
        )
        client_secrets.keep_entered(
            registration,
            typed.client_secret,
            actor=audit.WORKER,
            operation=operation,
            display_name="Entered by the customer",
        )
        Connection.objects.filter(pk=connection.pk).update(
            registration=registration, customer_part_done_at=now, **values
        )
    return "The secret is stored encrypted, and the entered values are deleted."
