"""Delete what is stored of a completed connection: its client secret or its delegated token.

What exists at Microsoft and in the UMP stays as it is: only the customer's administrators and the UMP's staff can end that.
"""

from django.db.models import QuerySet

from onboarding.models import Connection, DelegatedToken, Invitation
from onboarding.services import stored_tokens
from registrations import audit
from registrations.applications import secret_values
from registrations.errors import WrongStateError
from registrations.models import ClientSecret, Operation

OPEN = "The invitation is not completed. Revoke it: that deletes what is stored too."
NOTHING = "Nothing is stored of this connection any more."
RUNNING = "An operation of this connection has not ended. Wait for it, or cancel it."


def label(connection: Connection) -> str:
    """What is stored, for staff; "" where nothing is."""
    found = []
    if _secrets(connection).exists():
        found.append("client secret")
    if _tokens(connection).exists():
        found.append("delegated token")
    return " and ".join(found)


def delete(connection: Connection, *, actor: audit.Actor) -> None:
    """Delete the stored secret or token, each with a history entry.

    Raises WrongStateError if nothing is stored, or the setup is not completed: then the invitation is revoked.
    """
    with audit.atomic():
        status = Invitation.objects.select_for_update(no_key=True).values_list("status", flat=True)
        if status.get(pk=connection.invitation_id) != Invitation.Status.COMPLETED:
            raise WrongStateError(OPEN)
        if Operation.objects.live().of_subject(connection).exists():
            raise WrongStateError(RUNNING)
        if not label(connection):
            raise WrongStateError(NOTHING)
        stored_tokens.clear(_tokens(connection), actor=actor)
        secret_values.delete(_secrets(connection), actor=actor)


def _secrets(connection: Connection) -> QuerySet[ClientSecret]:
    return ClientSecret.objects.filter(registration__connection=connection).exclude(envelope="")


def _tokens(connection: Connection) -> QuerySet[DelegatedToken]:
    return DelegatedToken.objects.filter(connection=connection).exclude(cache_envelope="")
