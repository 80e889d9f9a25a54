"""The signed-in session of a customer's administrator: which connection, on which host, for two hours."""

import uuid
from datetime import timedelta

from onboarding.hosts import InstanceRequest
from onboarding.models import Connection, Invitation
from onboarding.refusals import RefusedError
from registrations.services import audit

CONNECTION = "connection"
VALID_FOR = timedelta(hours=2)


def open_for(request: InstanceRequest, connection: Connection) -> None:
    """Start a new session, under a new key, for an administrator whom Microsoft has just identified."""
    request.session.flush()
    request.session[CONNECTION] = str(connection.pk)
    request.session.set_expiry(int(VALID_FOR.total_seconds()))


def connection_of(request: InstanceRequest) -> Connection:
    """The connection of the signed-in administrator, read afresh with each request.

    Raises RefusedError without a session, with another host's session, and where the invitation was revoked or expired.
    """
    kept = _kept_id(request)
    if kept is None:
        raise RefusedError("session_missing")
    connection = (
        Connection.objects.select_related("registration", "invitation__service__customer")
        .select_related("invitation__service__instance__provider__tenant")
        .filter(pk=kept, invitation__service__instance=request.instance)
        .first()
    )
    if connection is None:
        raise RefusedError("session_missing")
    invitation = connection.invitation
    key = ""
    if invitation.status == Invitation.Status.REVOKED:
        key = "revoked_link"
    elif invitation.is_expired and connection.status == Connection.Status.IDENTIFIED:
        key = "expired_link"  # what was begun in time may be brought to its end
    if key:
        raise RefusedError(key, customer=invitation.service.customer.name)
    return connection


def administrator(request: InstanceRequest, connection: Connection) -> audit.Actor:
    """The signed-in administrator as the history names them."""
    label = f"{connection.admin_name} ({connection.admin_username})"
    return audit.Actor.customer(label, connection.admin_object_id, request.META.get("REMOTE_ADDR") or None)


def _kept_id(request: InstanceRequest) -> uuid.UUID | None:
    try:
        return uuid.UUID(str(request.session.get(CONNECTION, "")))
    except ValueError:
        return None
