"""The rows that a connection's operations work on, and the operation that belongs to a method."""

from uuid import UUID

from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from onboarding.models import Connection, ConnectionMethod, Invitation
from registrations import engine
from registrations.errors import WrongStateError
from registrations.models import AppRegistration, Operation, UmpInstance

NEW_REGISTRATION = "connect"  # the kind that works with an administrator's temporary access
DELEGATED_TOKEN = "connect_token"  # noqa: S105  a kind, not a password: it works with a stored delegated token
EXISTING_REGISTRATION = "connect_existing"  # the kind that checks entered values, without a sign-in
SIGN_IN_KINDS = (NEW_REGISTRATION, DELEGATED_TOKEN)
KINDS = {
    ConnectionMethod.NEW: NEW_REGISTRATION,
    ConnectionMethod.EXISTING: EXISTING_REGISTRATION,
    ConnectionMethod.TOKEN: DELEGATED_TOKEN,
}


def connection_of(operation: Operation) -> Connection:
    """The operation's connection. Raises WrongStateError if it no longer exists."""
    found = (
        Connection.objects.select_related("invitation__service__instance__provider__tenant", "registration")
        .filter(pk=operation.subject_id)
        .first()
    )
    if found is None:
        raise WrongStateError(f"{operation.subject_label} does not exist any more.")
    return found


def open_connection(operation: Operation) -> Connection:
    """The operation's connection, for a step. Raises WrongStateError if the invitation was revoked."""
    found = connection_of(operation)
    if found.invitation.status == Invitation.Status.REVOKED:
        raise WrongStateError("The invitation was revoked, so its setup stops. Create a new one.")
    return found


def obstacles() -> tuple[engine.Obstacle, ...]:
    """Why a setup cannot be resumed: its invitation has ended."""
    return tuple(
        engine.Obstacle(sentence, Q(Exists(Connection.objects.filter(condition, pk=OuterRef("subject_id")))))
        for sentence, condition in ended_invitations("invitation__")
    )


def ended_invitations(path: str = "") -> list[tuple[str, Q]]:
    """The ends of an invitation: a sentence, and the condition for it; `path` leads to the invitation."""
    status, expires_at = f"{path}status", f"{path}expires_at"
    expired = {f"{status}__in": Invitation.UNBEGUN, f"{expires_at}__lte": timezone.now()}
    return [
        ("The invitation was revoked.", Q(**{status: Invitation.Status.REVOKED})),
        ("The invitation is completed.", Q(**{status: Invitation.Status.COMPLETED})),
        ("The invitation has expired: set a later expiry first.", Q(**expired)),
    ]


def begin_connecting(invitation_id: UUID) -> None:
    """Mark the invitation as connecting, in the transaction that starts or resumes an operation.

    Raises WrongStateError if it was completed, revoked or expired while the network was used.
    """
    usable = Invitation.objects.usable(timezone.now()).filter(pk=invitation_id)
    if not usable.update(status=Invitation.Status.CONNECTING):
        raise WrongStateError("The invitation can no longer be used.")


def reopen(connection: Connection) -> None:
    """In the transaction that ends an operation which created nothing: the setup has not begun."""
    ended = [Connection.Status.CONNECTING, Connection.Status.FAILED]
    Connection.objects.filter(pk=connection.pk, status__in=ended).update(status=Connection.Status.IDENTIFIED)
    Invitation.objects.filter(
        pk=connection.invitation_id, status=Invitation.Status.CONNECTING, expires_at__gt=timezone.now()
    ).update(status=Invitation.Status.STARTED)


def made_registration(operation: Operation) -> AppRegistration:
    """The registration that an earlier step created. Raises WrongStateError if there is none."""
    registration = open_connection(operation).registration
    if registration is None:
        raise WrongStateError(
            "SyncPortal's record of the registration is missing. Revoke the invitation and create a new one."
        )
    return registration


def sync_app_of(instance: UmpInstance) -> AppRegistration:
    """The instance's sync app. Raises WrongStateError if its tenant has none, for example after a change of tenant."""
    found = AppRegistration.objects.sync_app_of(instance)
    if found is None:
        raise WrongStateError(f"{instance.host} has no sync app in its tenant. Provision it first.")
    return found


def operation_of(connection: Connection) -> Operation | None:
    """The newest operation that connects by the connection's present method, or None."""
    return Operation.objects.newest_of(connection, KINDS[ConnectionMethod(connection.way)])


def method_of(operation: Operation) -> ConnectionMethod:
    """The method by which the operation connects."""
    return next(method for method, kind in KINDS.items() if kind == operation.kind)
