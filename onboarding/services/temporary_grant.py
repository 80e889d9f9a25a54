"""The temporary access that an administrator grants for the setup: a token and delegated permissions, and their end."""

from datetime import datetime, timedelta

from django.db.models import Q, QuerySet
from django.utils import timezone

from onboarding import requirements, tokens
from onboarding.error_catalogue import GrantOutcome
from onboarding.models import Connection, ConnectionMethod, DelegatedToken, SignIn
from onboarding.services import redemption
from onboarding.services.lookups import NEW_REGISTRATION, connection_of, open_connection, sync_app_of
from onboarding.states import is_replaced
from registrations import audit, connections, engine
from registrations.clients.graph.client import GraphClient
from registrations.errors import NotPermittedError, PersonNeededError, PortalError
from registrations.models import AuditEvent, Operation

TOKEN_MARGIN = timedelta(minutes=2)  # a step must not start with a token that expires while it runs
SIGN_IN_SCOPES = ("openid", "profile", "User.Read")
REVOKED = "The temporary permissions for the setup were revoked."
NOT_REVOKED = (
    "The temporary permissions for the setup could not be revoked: an administrator can remove them under Enterprise "
    "applications."
)


def refused_after_consent() -> Q:
    """Second sign-ins, by any method, after which the permissions of a person who did not connect may be in place.

    An answer of Microsoft without a code has granted nothing.
    """
    return Q(purpose=SignIn.Purpose.AUTHORISE, outcome=SignIn.Outcome.REFUSED) & ~Q(code_hash=tokens.state_hash(""))


def remains(connection: Connection) -> bool:
    """Whether temporary permissions for this service, in this or an earlier invitation, could not be revoked."""
    same = _sharing(connection).filter(invitation__service=connection.invitation.service_id)
    return same.filter(grant_removed=False).exists()


def was_asked_for(connection: Connection) -> bool:
    """Whether somebody went to Microsoft to accept temporary permissions for this setup and did not refuse them there."""
    second = SignIn.objects.filter(invitation=connection.invitation_id, purpose=SignIn.Purpose.AUTHORISE)
    return second.exclude(code_hash=tokens.state_hash("")).exists()


def accounts_of_tokens(connection: Connection) -> list[str]:
    """The accounts whose delegated tokens need permissions of their own in this organisation."""
    return sorted(set(_tokens_in_use(connection).values_list("username", flat=True)))


def graph_client(operation: Operation) -> GraphClient:
    """A Graph client with the administrator's token. Raises PersonNeededError if it has expired."""
    stored = Operation.objects.only("pk", "credential_envelope", "credential_expires_at").get(pk=operation.pk)
    expires_at = stored.credential_expires_at
    if not stored.credential_envelope or (expires_at and expires_at - TOKEN_MARGIN <= timezone.now()):
        raise PersonNeededError(connections.SIGN_IN_AGAIN_SENTENCE, who="customer", code=connections.SIGN_IN_AGAIN)
    return connections.graph_as_person(stored.unseal("credential_envelope"))


def revoke(operation: Operation) -> str:
    """Revoke the temporary access once the work in the tenant is done, before the UMP's part starts."""
    connection = open_connection(operation)
    if connection.customer_part_done_at:  # a worker died after this step's commit, before the step was marked done
        return REVOKED if connection.grant_removed else NOT_REVOKED
    removed = _remove_grants(graph_client(operation), connection)
    with audit.atomic(durable=True):
        engine.delete_credential(operation)
        _record_outcome(connection, removed, operation)
        Connection.objects.filter(pk=connection.pk).update(customer_part_done_at=timezone.now())
    return REVOKED if removed else NOT_REVOKED


def revoke_before_failing(operation: Operation) -> str:
    """Revoke the temporary access while the token still exists, before the operation fails. Returns a sentence for staff."""
    connection = connection_of(operation)
    if connection.grant_removed is not None:
        return ""
    try:
        removed = _remove_grants(graph_client(operation), connection)
    except PortalError:
        removed = False
    with audit.atomic(durable=True):
        _record_outcome(connection, removed, operation)
    return REVOKED if removed else NOT_REVOKED


def revoke_unused(
    connection: Connection, access_token: str, *, method: str, patience: redemption.Patience
) -> GrantOutcome:
    """Revoke at once, with its own token, what was accepted in a second sign-in that started nothing.

    The grant stays while an operation uses it: that operation revokes it at its end. It also stays where a stored
    delegated token of the organisation depends on it.
    """
    if method == ConnectionMethod.TOKEN and _tokens_in_use(connection).exists():
        return _revoke_beside_a_token(connection, access_token, patience)
    if _is_in_use(connection):
        return GrantOutcome.IN_USE
    removed = _remove_now(connection, access_token, patience)
    with audit.atomic(durable=True):
        audit.record("grant.removed" if removed else "grant.left", actor=audit.SYSTEM, subject=connection)
        if not _is_in_use(connection):  # an operation that started meanwhile records its own result
            _save_outcome(connection, removed)
    return GrantOutcome.REVOKED if removed else GrantOutcome.NOT_REVOKED


def note_unknown(sign_in: SignIn, *, since: datetime | None) -> None:
    """In the caller's transaction: the permissions accepted in this second sign-in may remain, because nobody saw its end.

    `since`: when they were accepted, at the latest.
    Nothing is noted where a setup uses them or has revoked them since, or a stored delegated token needs them; and nothing
    more where it is noted already, so that this can be called for whatever a browser sends.
    """
    connection = Connection.objects.select_related("invitation__service").filter(invitation=sign_in.invitation).first()
    if connection is None:
        return
    if sign_in.way == ConnectionMethod.TOKEN and _tokens_in_use(connection).exists():
        return
    if _is_in_use(connection) or _was_revoked_since(connection, since):
        return
    if Connection.objects.filter(pk=connection.pk).exclude(grant_removed=False).update(grant_removed=False):
        audit.record("grant.left", actor=audit.SYSTEM, subject=connection)


def revoke_of_others(graph: GraphClient, connection: Connection, operation: Operation) -> None:
    """Revoke what other people accepted, by any method, and were refused with: the token needs its own person's alone.

    If Microsoft does not allow it, the final page lists it for the person who connected. Nothing is asked where nobody was
    refused and an earlier revocation did not fail.
    """
    left = _sharing(connection).filter(grant_removed=False)
    if not _others_were_refused(connection) and not left.exists():
        return
    try:
        removed = _remove_grants(graph, connection)
    except PortalError:
        removed = False

    def save() -> None:
        _record_outcome(connection, removed, operation)

    engine.on_step_commit(save)


def _others_were_refused(connection: Connection) -> bool:
    sharing = _sharing(connection).values("invitation")
    return SignIn.objects.filter(refused_after_consent(), invitation__in=sharing).exists()


def _sharing(connection: Connection) -> QuerySet[Connection]:
    """The connections of the organisation on the instance: all their services share the sync app and its grant."""
    invitation = connection.invitation
    return Connection.objects.filter(
        invitation__tenant_id=invitation.tenant_id,
        invitation__service__instance_id=invitation.service.instance_id,
    )


def _revoke_beside_a_token(connection: Connection, access_token: str, patience: redemption.Patience) -> GrantOutcome:
    """A stored token stays usable; what the refused person accepted for themselves is revoked if Microsoft allows it."""
    removed = _remove_now(connection, access_token, patience)
    connection.refresh_from_db(fields=["status", "way", "customer_part_done_at"])
    if not _will_revoke(connection):
        with audit.atomic():
            _save_outcome(connection, removed)
    return GrantOutcome.KEPT


def _remove_now(connection: Connection, access_token: str, patience: redemption.Patience) -> bool:
    """Within the request of a browser: Microsoft's short waits are waited for, because the token is not kept."""
    graph = connections.graph_as_person(access_token)
    try:
        return redemption.wait_out(lambda: _remove_grants(graph, connection), patience)
    except PortalError:
        return False


def _will_revoke(connection: Connection) -> bool:
    """Whether a setup with a token has begun and has not yet revoked what others accepted."""
    begun = connection.status in {Connection.Status.CONNECTING, Connection.Status.FAILED}
    return begun and connection.way == ConnectionMethod.TOKEN and connection.customer_part_done_at is None


def _is_in_use(connection: Connection) -> bool:
    before_clean_up = _sharing(connection).filter(customer_part_done_at=None)
    live = Operation.objects.live().filter(kind=NEW_REGISTRATION, subject_id__in=before_clean_up.values("pk"))
    return live.exclude(
        waits_for=Operation.WaitsFor.CUSTOMER
    ).exists()  # an operation that waits for a new sign-in gets a new grant with it


def _was_revoked_since(connection: Connection, since: datetime | None) -> bool:
    # A revocation removes every grant of the sync app in the organisation, whichever service it was for.
    subjects = [str(pk) for pk in _sharing(connection).values_list("pk", flat=True)]
    return AuditEvent.objects.filter(action="grant.removed", subject_id__in=subjects, at__gt=since).exists()


def report_unrevoked(operation: Operation) -> None:
    """In the closing transaction: say that the grant is still in place, where cancelling could not revoke it."""
    connection = connection_of(operation)
    if connection.grant_removed is None:
        _record_outcome(connection, False, operation)
        Operation.objects.filter(pk=operation.pk).update(message=f"{operation.message} {NOT_REVOKED}".strip())


def _record_outcome(connection: Connection, removed: bool, operation: Operation) -> None:
    _save_outcome(connection, removed)
    audit.record(
        "grant.removed" if removed else "grant.left", actor=audit.WORKER, subject=connection, operation_id=operation.pk
    )


def _save_outcome(connection: Connection, removed: bool) -> None:
    """In the caller's transaction. All rows are locked in one order: two setups of an organisation may end together."""
    list(_sharing(connection).select_for_update(no_key=True, of=("self",)).order_by("pk").values_list("pk"))
    Connection.objects.filter(pk=connection.pk).update(grant_removed=removed)
    if removed:  # with every grant of the sync app, what earlier setups could not revoke has gone too
        _sharing(connection).filter(grant_removed=False).update(grant_removed=True)


def _remove_grants(graph: GraphClient, connection: Connection) -> bool:
    """Remove the sync app's delegated grants in the customer's tenant; False where Microsoft does not allow it.

    Scopes that a stored delegated token of the organisation depends on stay in everybody's grants and its own person's.
    """
    needed, holders = {scope.lower() for scope in _scopes_of_tokens(connection)}, _holders_of_tokens(connection)
    try:
        principal = graph.find_service_principal(sync_app_of(connection.invitation.service.instance).app_id)
        for grant in graph.delegated_grants(principal) if principal else []:
            is_of_another = grant.principal_id and grant.principal_id.lower() not in holders
            remaining = [] if is_of_another else [scope for scope in grant.scopes if scope.lower() in needed]
            if not remaining:
                graph.remove_delegated_grant(grant.id)
            elif len(remaining) < len(grant.scopes):
                graph.narrow_delegated_grant(grant.id, remaining)
    except NotPermittedError:
        return False
    return True


def _scopes_of_tokens(connection: Connection) -> list[str]:
    if not _tokens_in_use(connection).exists():
        return []
    elsewhere = [scope.value for scope in requirements.TOKEN_SCOPES_ELSEWHERE]
    return [*requirements.SCOPES_TOKEN, *elsewhere, *SIGN_IN_SCOPES]


def _holders_of_tokens(connection: Connection) -> set[str]:
    """The object IDs of the people whose tokens are in use."""
    return set(_tokens_in_use(connection).values_list("connection__admin_object_id", flat=True))


def _tokens_in_use(connection: Connection) -> QuerySet[DelegatedToken]:
    """The tokens that depend on the sync app's grant in this organisation.

    The UMP keeps its copy of the token of a connected service, whether ours is stored still or was deleted.
    """
    by_token = Q(connection__status=Connection.Status.CONNECTED, connection__way=ConnectionMethod.TOKEN)
    in_use = ~Q(cache_envelope="") | (by_token & ~is_replaced("connection__"))
    return DelegatedToken.objects.filter(in_use, connection__in=_sharing(connection))
