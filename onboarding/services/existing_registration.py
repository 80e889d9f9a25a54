"""Connect with a registration that the customer created: check the entered values, then hand them over to the UMP.

The entered values are stored encrypted on the operation only, and deleted once the check has succeeded or failed. The
registration stays the customer's: SyncPortal never changes it (`AppRegistration.managed`).
"""

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from onboarding import requirements
from onboarding.errors import RefusedError
from onboarding.explanations import explain_credential
from onboarding.models import Connection, ConnectionMethod, Invitation, SignIn
from onboarding.services import lookups, sign_in_requests, stranger_limits, ump_handover
from onboarding.services.lookups import EXISTING_REGISTRATION, open_connection
from registrations import audit, connections, engine
from registrations.applications import entered_secrets
from registrations.clients.entra import REPLICATING, AppToken, EntraRefusedError
from registrations.clients.graph.client import TEAMS_ADMIN_API_APP_ID
from registrations.errors import NotYetError, PersonNeededError, RemoteRejectedError, WrongStateError
from registrations.models import AppRegistration, Operation
from registrations.models.fields import is_guid
from registrations.models.notes import INSTANCE_NOTE

KIND = EXISTING_REGISTRATION
LINK_NOTE: Final = "link"  # key of a note: the keyed hash of the link with which the values were entered
MISSING_GRANTS = "missing_grants"
OTHER_ORGANISATION = "other_organisation"
MAX_ATTEMPTS, ATTEMPTS_WINDOW = 5, timedelta(minutes=15)  # the holder of a link must not be able to guess a secret
VALUES_LIFETIME = timedelta(hours=24)
REPLICATION_TIME = timedelta(minutes=1)
REPLICATION_RETRY = timedelta(seconds=15)
GRANTS_RETRY = timedelta(minutes=2)
# The API has no service principal in the tenant, so its permissions cannot be granted yet.
API_ABSENT = frozenset({"AADSTS500011", "AADSTS650052"})


@dataclass(frozen=True, repr=False)
class EnteredValues:
    """The values that the customer entered. `tenant` is a GUID or a domain."""

    tenant: str
    client_id: str
    client_secret: str


@dataclass(frozen=True)
class MissingGrant:
    """A permission or role that the registration lacks, and the page that grants it.

    `display_name` is Microsoft's other name of a permission, which its pages show first; a role has one name.
    """

    name: str
    display_name: str
    sentence: str
    grant_page: str


def register() -> None:
    """Register the kind of operation with the engine."""
    engine.register(
        engine.Kind(
            name=KIND,
            title="Connect with an existing registration",
            steps=(
                engine.Step("organisation", "Find the organisation", _organisation),
                engine.Step("proof", "Check the registration and its permissions", _proof),
                engine.Step("keep", "Store the secret encrypted", _store),
                *ump_handover.steps(),
            ),
            subject=Connection,
            succeeded=ump_handover.succeeded,
            resumed=ump_handover.resumed,
            obstacles=_obstacles,
            failed=_closed,
            retry_from=ump_handover.RETRY_FROM,
        )
    )


def request(invitation: Invitation, values: EnteredValues, *, actor: audit.Actor) -> Operation:
    """Queue the check of the entered values. The caller enqueues the operation.

    Values that were entered before and are not verified yet are given up: the last ones count, whoever entered them.
    Raises RefusedError if the link does not work, another setup is in progress, or there were too many attempts.
    """
    sign_in_requests.require_usable(invitation, SignIn.Purpose.AUTHORISE)
    with audit.atomic():
        connection, created = Connection.objects.get_or_create(
            invitation=invitation, defaults={"way": ConnectionMethod.EXISTING}
        )
        registration = connection.registration
        if (registration and registration.managed) or connection.status != Connection.Status.IDENTIFIED:
            raise RefusedError("under_way", facts="The setup has already started.")
        limit_attempts(connection)
        # An unmanaged registration here belongs to a cancelled setup.
        Connection.objects.filter(pk=connection.pk, status=Connection.Status.IDENTIFIED).update(registration=None)
        if created:
            Invitation.objects.filter(pk=invitation.pk, started_at=None).update(started_at=timezone.now())
            audit.record("invitation.started", actor=actor, subject=invitation)
        # The last check, and undone with the transaction: only what starts a check uses up the link's checks of the day.
        refused = stranger_limits.refusal_of_check(invitation)
        if refused is None:
            return _queue_check(invitation, connection, values, actor)
    raise refused


def _queue_check(
    invitation: Invitation, connection: Connection, values: EnteredValues, actor: audit.Actor
) -> Operation:
    try:
        cancel_unfinished_check(connection, actor=actor)
        return engine.request(
            KIND,
            connection,
            actor=actor,
            notes={
                INSTANCE_NOTE: str(invitation.service.instance_id),
                LINK_NOTE: invitation.token_hash,
            },
            credential=(json.dumps(vars(values)), timezone.now() + VALUES_LIFETIME),
        )
    except WrongStateError as error:
        raise RefusedError("under_way", facts="Other values are being checked at the moment.") from error


def _obstacles() -> tuple[engine.Obstacle, ...]:
    unverified = Connection.objects.filter(pk=OuterRef("subject_id"), status=Connection.Status.IDENTIFIED)
    forgotten = Q(Exists(unverified), credential_envelope="")
    sentence = "The entered values are not stored any more: the customer enters them again."
    return (*lookups.obstacles(), engine.Obstacle(sentence, forgotten, for_good=False))


def _closed(operation: Operation) -> None:
    """In the closing transaction: the form opens again, and the secret is deleted, where the setup cannot be resumed.

    It was cancelled, or the registration was deleted.
    """
    ump_handover.failed(operation)
    is_gone = operation.error_code == ump_handover.ENTERED_GONE
    if operation.status != Operation.Status.CANCELLED and not is_gone:
        return
    registration = AppRegistration.objects.filter(connection=operation.subject_id, managed=False).first()
    if registration:
        entered_secrets.forget(registration, actor=audit.SYSTEM, operation=operation)
        Connection.objects.filter(pk=operation.subject_id).update(
            status=Connection.Status.IDENTIFIED, customer_part_done_at=None
        )


def limit_attempts(connection: Connection) -> None:
    """Raises RefusedError after MAX_ATTEMPTS checks of one invitation within ATTEMPTS_WINDOW."""
    recent = Operation.objects.of_subject(connection).filter(kind=KIND, created_at__gt=timezone.now() - ATTEMPTS_WINDOW)
    if recent.count() >= MAX_ATTEMPTS:
        raise RefusedError("too_many_tries")


def missing_grants(operation: Operation) -> list[MissingGrant]:
    """What the registration lacked at the last check, with the pages that grant it."""
    names = set(operation.notes.get("missing", []))
    grants, roles = operation.notes.get("grants_page", ""), requirements.ROLES_PAGE
    return [
        *(
            MissingGrant(p.value, p.display_name, f"{p.sentence} A permission of {p.resource_name}.", grants)
            for p in requirements.PERMISSIONS
            if p.value in names
        ),
        *(
            MissingGrant(r.name, "", f"{r.sentence} A role in Microsoft Entra.", roles)
            for r in requirements.ROLES
            if r.name in names
        ),
    ]


def check_again(operation: Operation) -> None:
    """The customer has granted what was missing: run the operation now."""
    engine.wake([operation])


def cancel_unfinished_check(connection: Connection, *, actor: audit.Actor) -> None:
    """Cancel a check whose values are not verified yet, so that other values or another method can be tried.

    Raises WrongStateError for the seconds in which a worker runs it. A check whose secret is stored is a setup: it stays.
    """
    unverified = Connection.objects.filter(pk=connection.pk, status=Connection.Status.IDENTIFIED).values("pk")
    unfinished = Operation.objects.live().filter(kind=KIND, subject_id__in=unverified).first()
    if unfinished:
        engine.cancel(unfinished, actor=actor)


def _entered_values(operation: Operation) -> EnteredValues:
    stored = Operation.objects.only("pk", "credential_envelope", "credential_expires_at").get(pk=operation.pk)
    expired = stored.credential_expires_at and stored.credential_expires_at <= timezone.now()
    if expired or not stored.credential_envelope:
        raise RemoteRejectedError("The values are stored for one day only. Enter them again.", code="values_forgotten")
    return EnteredValues(**json.loads(stored.unseal("credential_envelope")))


def _organisation(operation: Operation) -> str:
    connection, values = open_connection(operation), _entered_values(operation)
    invited = connection.invitation.tenant_id
    found = values.tenant if is_guid(values.tenant) else _resolve(values, operation)
    if found != invited:
        raise RemoteRejectedError(
            f"The values belong to another organisation than {connection.invitation.service.customer}. Enter the values of the "
            "invited organisation.",
            code=OTHER_ORGANISATION,
        )
    return "It is the invited organisation."


def _resolve(values: EnteredValues, operation: Operation) -> str:
    try:
        return connections.entra().tenant_id_of(values.tenant)
    except EntraRefusedError as refusal:
        raise _explained(refusal, operation) from refusal


def _proof(operation: Operation) -> str:
    connection, values = open_connection(operation), _entered_values(operation)
    graph = _token(connection, values, connections.GRAPH_SCOPE, operation)
    try:
        teams = _token(connection, values, connections.TEAMS_ADMIN_API_SCOPE, operation)
    except _ApiAbsentError:
        teams = AppToken("", graph.expires_at, frozenset(), frozenset())
    missing = _lacking(graph, teams)
    page = requirements.permissions_page(values.client_id)
    engine.save_notes(
        operation,
        missing=missing,
        grants_page=page,
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
    """The tenant has no service principal of the API."""


def _token(connection: Connection, values: EnteredValues, scope: str, operation: Operation) -> AppToken:
    try:
        return connections.entra().app_token(
            tenant_id=connection.invitation.tenant_id,
            app_id=values.client_id,
            client_secret=values.client_secret,
            scope=scope,
        )
    except EntraRefusedError as refusal:
        if refusal.code in API_ABSENT and scope == connections.TEAMS_ADMIN_API_SCOPE:
            raise _ApiAbsentError from refusal
        if refusal.code in REPLICATING and timezone.now() - operation.created_at < REPLICATION_TIME:
            raise NotYetError(
                str(_explained(refusal, operation)),  # the page shows its reason at once
                retry_after=REPLICATION_RETRY,
                code=refusal.code,
                answer=refusal.answer,
            ) from refusal
        raise _explained(refusal, operation) from refusal


def _explained(refusal: EntraRefusedError, operation: Operation) -> RemoteRejectedError:
    known = explain_credential(refusal.code, refusal.words)
    provider = open_connection(operation).invitation.service.instance.provider.name
    words = f"{known.sentence} {known.next_step}".replace("{provider}", provider)
    return RemoteRejectedError(words, code=refusal.code, answer=refusal.answer)


def _store(operation: Operation) -> str:
    connection = open_connection(operation)
    if connection.registration_id:  # a worker died after this step's commit, before the step was marked done
        return "The secret is stored encrypted."
    values, notes = _entered_values(operation), operation.notes
    now = timezone.now()
    names = {"tenant_id": connection.invitation.tenant_id, "unique_name": f"customer-{connection.pk}"}
    # A cancelled setup leaves its row behind.
    registration = AppRegistration.objects.filter(**names).first() or AppRegistration(**names, managed=False)
    registration.display_name = str(notes.get("found") or "Existing registration")
    registration.app_id, registration.made_at = values.client_id, now
    registration.service_principal_id = str(notes.get("principal") or "")
    connected: dict[str, Any] = {"status": Connection.Status.CONNECTING, "way": ConnectionMethod.EXISTING}
    with audit.atomic(durable=True):
        engine.delete_credential(operation)  # also the guard: it raises without the lease, before anything is written
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
        entered_secrets.store(
            registration,
            values.client_secret,
            actor=audit.WORKER,
            operation=operation,
            display_name="Entered by the customer",
        )
        Connection.objects.filter(pk=connection.pk).update(
            registration=registration, customer_part_done_at=now, **connected
        )
    return "The secret is stored encrypted, and the entered values are deleted."
