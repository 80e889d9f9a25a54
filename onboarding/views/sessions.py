"""The customers' sessions: that of a signed-in administrator, and that of a browser that entered values and may watch.

Both are bound to one connection on one host and to the link they came from, and last two hours. The first holds the
identity of the administrator. The second opens no page that changes anything.
"""

import uuid
from dataclasses import asdict
from datetime import timedelta

from onboarding.errors import RefusedError
from onboarding.identity import Identity
from onboarding.middleware import InstanceRequest
from onboarding.models import Connection, Invitation
from onboarding.services import invitations, leftovers, lookups
from onboarding.views import pages
from registrations import audit
from registrations.models import Operation

CONNECTION = "connection"
WATCHED = "watched_operation"
LINK = "link"
PERSON = "person"
VALID_FOR = timedelta(hours=2)


def open_for(request: InstanceRequest, connection: Connection, person: Identity, *, link: str) -> None:
    """Start a new session, with a new key, for an administrator whom Microsoft has just identified.

    `link` is the hash of the link they came from: the session ends when the link is replaced.
    """
    request.session.flush()
    request.session[CONNECTION] = str(connection.pk)
    request.session[LINK] = link
    request.session[PERSON] = asdict(person)
    request.session.set_expiry(int(VALID_FOR.total_seconds()))


def open_to_watch(request: InstanceRequest, operation: Operation, *, link: str) -> None:
    """Start a new session for a browser that entered a registration's values: it sees their check and nothing else.

    `link` is the hash of the link it came from: the session ends when the link is replaced.
    """
    request.session.flush()
    request.session[WATCHED] = str(operation.pk)
    request.session[LINK] = link
    request.session.set_expiry(int(VALID_FOR.total_seconds()))


def watched(request: InstanceRequest) -> tuple[Connection, Operation | None]:
    """The connection and the operation that this browser may watch. Raises RefusedError as `connection_of` does."""
    kept = _kept_id(request, WATCHED)
    operation = Operation.objects.filter(pk=kept).first() if kept else None
    if operation is None:
        connection = connection_of(request)
        return connection, lookups.operation_of(connection)
    connection = _usable(request, operation.subject_id)
    # This browser must not see what others did after its own check had ended.
    has_ended = operation.status in (Operation.Status.FAILED, Operation.Status.CANCELLED)
    continues = connection.registration_id is not None or connection.status != Connection.Status.IDENTIFIED
    if has_ended and continues and lookups.operation_of(connection) != operation:
        raise RefusedError("session_missing")
    return connection, operation


def is_open_for(request: InstanceRequest, invitation: Invitation) -> bool:
    """Whether the administrator who started this invitation's setup is signed in here, and the setup is running."""
    try:
        connection = connection_of(request)
    except RefusedError:
        return False
    if connection.invitation_id != invitation.pk or person_of(request).object_id != connection.admin_object_id:
        return False
    operation = lookups.operation_of(connection)
    return operation is not None and operation.is_live


def invitation_behind(request: InstanceRequest) -> Invitation | None:
    """The invitation of this browser's session, even if either is no longer valid; for the history."""
    watched_id, kept = _kept_id(request, WATCHED), _kept_id(request, CONNECTION)
    if watched_id:
        kept = Operation.objects.filter(pk=watched_id).values_list("subject_id", flat=True).first()
    if not kept:
        return None
    related = Invitation.objects.select_related("service__customer", "service__instance__provider__tenant")
    return related.filter(connection=kept, service__instance=request.instance).first()


def invitation_with_current_link(request: InstanceRequest) -> Invitation | None:
    """The invitation of this browser's session, unless its link was replaced since: whose forms are counted."""
    invitation = invitation_behind(request)
    return invitation if invitation and invitation.token_hash == request.session.get(LINK) else None


def signed_in_object_id(request: InstanceRequest) -> str:
    """The object ID of the person whom Microsoft identified; "" for a browser that only watches, or has no session."""
    return person_of(request).object_id if CONNECTION in request.session and PERSON in request.session else ""


def connection_of(request: InstanceRequest) -> Connection:
    """The connection of the signed-in administrator, read from the database with each request.

    Raises RefusedError without a session, with another host's session, and if the invitation was revoked or expired
    or its link replaced.
    """
    kept = _kept_id(request, CONNECTION)
    if kept is None or PERSON not in request.session:
        raise RefusedError("session_missing")
    return _usable(request, kept)


def _usable(request: InstanceRequest, kept: uuid.UUID) -> Connection:
    connection = (
        Connection.objects.select_related("registration", "invitation__service__customer")
        .select_related("invitation__service__instance__provider__tenant")
        .filter(pk=kept, invitation__service__instance=request.instance)
        .first()
    )
    if connection is None:
        raise RefusedError("session_missing")
    invitation = connection.invitation
    if invitation.status == Invitation.Status.REVOKED:
        raise leftovers.revoked_error(invitation)
    if invitation.token_hash != request.session.get(LINK):  # the holder of the newest link signs in again
        raise RefusedError("replaced_link", customer=invitation.service.customer.name)
    if invitation.is_expired:
        raise RefusedError("expired_link", customer=invitation.service.customer.name)
    return connection


def refuse_another(request: InstanceRequest, connection: Connection) -> None:
    """Raises RefusedError unless the signed-in administrator is the connection's.

    Another administrator may have taken it over since, or may only view it while a worker uses the first one's token.
    """
    person = person_of(request)
    if person.object_id == connection.admin_object_id:
        return
    refused = RefusedError(
        "another_administrator", facts=person.label, customer=connection.invitation.service.customer.name
    )
    refused.link = invitations.link_of(connection.invitation)  # a session ends with its link, so this is the same link
    raise refused


def person_of(request: InstanceRequest) -> Identity:
    """The person who signed in, as Microsoft named them. Call `connection_of` first."""
    return Identity(**request.session[PERSON])


def actor_of(request: InstanceRequest) -> audit.Actor:
    """The signed-in administrator, for the history."""
    person = person_of(request)
    return pages.customer_actor(request, person.label, person.object_id)


def _kept_id(request: InstanceRequest, name: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(str(request.session.get(name, "")))
    except ValueError:
        return None
