"""The rows that the steps of a connection work on, read afresh for each step."""

from uuid import UUID

from django.utils import timezone

from onboarding.models import Connection, ConnectionMethod, Invitation
from registrations.errors import WrongStateError
from registrations.models import AppRegistration, Operation, UmpInstance

NEW_REGISTRATION = "connect"  # the kind of operation that works with what an administrator lent
DELEGATED_TOKEN = "connect_token"  # noqa: S105  the kind that works with what an administrator gave for good
EXISTING_REGISTRATION = "connect_existing"  # the kind that tries what a link's holder typed, without a sign-in
SIGN_IN_KINDS = (NEW_REGISTRATION, DELEGATED_TOKEN)
KINDS = {
    ConnectionMethod.NEW: NEW_REGISTRATION,
    ConnectionMethod.EXISTING: EXISTING_REGISTRATION,
    ConnectionMethod.TOKEN: DELEGATED_TOKEN,
}


def connection_of(operation: Operation) -> Connection:
    """The connection that the operation is about. Raises WrongStateError where it is gone."""
    found = (
        Connection.objects.select_related("invitation__service__instance__provider__tenant", "registration")
        .filter(pk=operation.subject_id)
        .first()
    )
    if found is None:
        raise WrongStateError(f"{operation.subject_label} does not exist any more.")
    return found


def open_connection(operation: Operation) -> Connection:
    """The same, for a step that is about to act. Raises WrongStateError where the invitation was revoked meanwhile."""
    found = connection_of(operation)
    if found.invitation.status == Invitation.Status.REVOKED:
        raise WrongStateError("The invitation was revoked, so its setup stops. Create a new one.")
    return found


def begin_connecting(invitation_id: UUID) -> None:
    """In the transaction that begins or resumes: the invitation is still good, and has begun from now on.

    Raises WrongStateError where it was revoked or used up, or expired before it began: the network took its time.
    """
    usable = Invitation.objects.usable(timezone.now()).filter(pk=invitation_id)
    if not usable.update(status=Invitation.Status.CONNECTING):
        raise WrongStateError("The invitation can no longer be used.")


def made_registration(operation: Operation) -> AppRegistration:
    """The registration that an earlier step has made. Raises WrongStateError where there is none."""
    registration = open_connection(operation).registration
    if registration is None:
        raise WrongStateError("The registration's row is missing. Revoke the invitation and create a new one.")
    return registration


def sync_app_of(instance: UmpInstance) -> AppRegistration:
    """The instance's own sync app. Raises WrongStateError where the provider's tenant was changed meanwhile."""
    found = instance.registrations.filter(tenant_id=instance.provider.tenant.tenant_id).first()
    if found is None:
        raise WrongStateError(f"{instance.host} has no sync app in its tenant. Provision it first.")
    return found


def operation_of(connection: Connection) -> Operation | None:
    """The newest operation that connects by the connection's present method, or None."""
    kind = KINDS[ConnectionMethod(connection.way)]
    return Operation.objects.filter(kind=kind, subject_id=connection.pk).order_by("-created_at").first()


def method_of(operation: Operation) -> ConnectionMethod:
    """The method by which the operation connects."""
    return next(method for method, kind in KINDS.items() if kind == operation.kind)
