"""What the administrator lends SyncPortal for the set-up, a token and delegated permissions, and how it is given back."""

from datetime import timedelta

from django.db.models import QuerySet
from django.utils import timezone

from onboarding import requirements
from onboarding.error_catalogue import GrantOutcome
from onboarding.models import Connection, ConnectionMethod, DelegatedToken
from onboarding.services.lookups import NEW_REGISTRATION, connection_of, open_connection, sync_app_of
from registrations import audit, connections
from registrations.clients.graph.client import GraphClient
from registrations.errors import NotPermittedError, PersonNeededError, PortalError
from registrations.models import Operation
from registrations.services import operations

TOKEN_MARGIN = timedelta(minutes=2)  # a step should not begin with a token that ends in the middle of it
SIGN_IN_SCOPES = ("openid", "profile", "User.Read")
REVOKED = "The temporary permissions for the setup were revoked."
NOT_REVOKED = (
    "The temporary permissions for the setup could not be revoked: an administrator can remove them under Enterprise "
    "applications."
)


def graph_client(operation: Operation) -> GraphClient:
    """Graph with the administrator's token. Raises PersonNeededError where it has ended: the customer signs in again."""
    held = Operation.objects.only("pk", "credential_envelope", "credential_expires_at").get(pk=operation.pk)
    ends_at = held.credential_expires_at
    if not held.credential_envelope or (ends_at and ends_at - TOKEN_MARGIN <= timezone.now()):
        raise PersonNeededError(connections.SIGN_IN_AGAIN_SENTENCE, who="customer", code=connections.SIGN_IN_AGAIN)
    return connections.graph_as_person(held.unseal("credential_envelope"))


def revoke(operation: Operation) -> str:
    """The work in the tenant is done: give back what was lent, before the UMP's part begins."""
    connection = open_connection(operation)
    if connection.customer_part_done_at:  # a worker died between this step's commit and its being marked done
        return REVOKED if connection.grant_removed else NOT_REVOKED
    removed = _remove_own_grants(graph_client(operation), connection)
    with audit.atomic(durable=True):
        operations.drop_credential(operation)
        _keep_outcome(connection, removed, operation)
        Connection.objects.filter(pk=connection.pk).update(customer_part_done_at=timezone.now())
    return REVOKED if removed else NOT_REVOKED


def revoke_before_failing(operation: Operation) -> str:
    """The operation is about to fail: give back what was lent while the token is still here. What it returns is said."""
    connection = connection_of(operation)
    if connection.grant_removed is not None:
        return ""
    try:
        removed = _remove_own_grants(graph_client(operation), connection)
    except PortalError:
        removed = False
    with audit.atomic(durable=True):
        _keep_outcome(connection, removed, operation)
    return REVOKED if removed else NOT_REVOKED


def revoke_unused(connection: Connection, access_token: str, *, method: str) -> GrantOutcome:
    """A second sign-in set nothing to work: give back at once, with its own token, what was accepted for it.

    Not while an operation works with the same grant: its end gives that back. Nor where a kept token of the
    organisation lives on what was accepted by the way of a token: taking that away would end the token.
    """
    if method == ConnectionMethod.TOKEN and _kept_tokens(connection).exists():
        return GrantOutcome.KEPT
    if _serves_an_operation(connection):
        return GrantOutcome.IN_USE
    try:
        removed = _remove_own_grants(connections.graph_as_person(access_token), connection)
    except PortalError:
        removed = False
    with audit.atomic(durable=True):
        audit.record("grant.removed" if removed else "grant.left", actor=audit.SYSTEM, subject=connection)
        if not _serves_an_operation(connection):  # one that began meanwhile says for itself how it ends
            Connection.objects.filter(pk=connection.pk).update(grant_removed=removed)
    return GrantOutcome.REVOKED if removed else GrantOutcome.NOT_REVOKED


def _serves_an_operation(connection: Connection) -> bool:
    # All services of one organisation on one instance share the sync app, and so its grant in the organisation.
    invitation = connection.invitation
    before_clean_up = Connection.objects.filter(
        customer_part_done_at=None,
        invitation__tenant_id=invitation.tenant_id,
        invitation__service__instance_id=invitation.service.instance_id,
    )
    live = Operation.objects.live().filter(kind=NEW_REGISTRATION, subject_id__in=before_clean_up.values("pk"))
    return live.exclude(waits_for="customer").exists()  # who waits for a new sign-in gets a new grant with it


def report_unrevoked(operation: Operation) -> None:
    """In the closing transaction: a cancelled operation could not use the network, so what was lent is still there."""
    connection = connection_of(operation)
    if connection.grant_removed is None:
        _keep_outcome(connection, False, operation)
        Operation.objects.filter(pk=operation.pk).update(message=f"{operation.message} {NOT_REVOKED}".strip())


def _keep_outcome(connection: Connection, removed: bool, operation: Operation) -> None:
    Connection.objects.filter(pk=connection.pk).update(grant_removed=removed)
    audit.record(
        "grant.removed" if removed else "grant.left", actor=audit.WORKER, subject=connection, operation_id=operation.pk
    )


def _remove_own_grants(graph: GraphClient, connection: Connection) -> bool:
    """Remove the sync app's delegated grants in the customer's tenant; False where Microsoft does not allow it.

    What a delegated token of another service of the organisation lives on is left.
    """
    needed = {scope.lower() for scope in _needed_by_tokens(connection)}
    try:
        principal = graph.find_service_principal(sync_app_of(connection.invitation.service.instance).app_id)
        for grant in graph.delegated_grants(principal) if principal else []:
            left = [scope for scope in grant.scopes if scope.lower() in needed]
            if not left:
                graph.remove_delegated_grant(grant.id)
            elif len(left) < len(grant.scopes):
                graph.narrow_delegated_grant(grant.id, left)
    except NotPermittedError:
        return False
    return True


def _needed_by_tokens(connection: Connection) -> list[str]:
    if not _kept_tokens(connection).exists():
        return []
    elsewhere = [scope.value for scope in requirements.TOKEN_SCOPES_ELSEWHERE]
    return [*requirements.SCOPES_TOKEN, *elsewhere, *SIGN_IN_SCOPES]


def _kept_tokens(connection: Connection) -> QuerySet[DelegatedToken]:
    """Those that live on the sync app's grant in this organisation."""
    invitation = connection.invitation
    return DelegatedToken.objects.exclude(cache_envelope="").filter(
        connection__invitation__tenant_id=invitation.tenant_id,
        connection__invitation__service__instance_id=invitation.service.instance_id,
    )
