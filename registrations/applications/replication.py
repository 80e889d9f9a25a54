"""Microsoft replicates slowly: a new object may be hidden or refused for minutes, and one that is missing may still exist."""

from datetime import datetime, timedelta

from django.utils import timezone

from registrations import engine
from registrations.errors import NotYetError
from registrations.models import ClientSecret, Operation

REPLICATES_WITHIN = timedelta(minutes=10)  # of its creation Microsoft may hide or refuse an object
# Entra's words for an application that it does not know, or that has no service principal in the tenant.
APPLICATION_UNKNOWN = frozenset({"AADSTS700016", "AADSTS7000229", "AADSTS650051"})
CONFIRM_DELETED_AFTER = timedelta(minutes=1)
FEWEST_LOOKS = 3  # within that minute
FORGET_LOOKS_AFTER = timedelta(minutes=3)  # without another look: what was missing then says nothing about now


def may_be_replicating(since: datetime | None) -> bool:
    """Whether Microsoft may still be copying what was created at that time. Without a time it is from before times were kept."""
    return since is not None and timezone.now() - since < REPLICATES_WITHIN


def secret_may_be_replicating(secret: ClientSecret, code: str, operation: Operation) -> bool:
    """Whether Entra may refuse the secret with this code only because something new is still being copied.

    A restored application keeps its secrets, and so does one whose service principal was created again.
    """
    if may_be_replicating(secret.stored_at):
        return True
    if code not in APPLICATION_UNKNOWN:
        return False
    made = (step.ended_at for step in operation.steps if step.name == "service_principal" and step.ended_at)
    return any(may_be_replicating(since) for since in (secret.registration.made_at, *made) if since)


def confirm_deleted(operation: Operation, id: str, what: str) -> None:
    """Return once a known object was missing in several looks over a minute: one look may have met a replica that lags.

    Raises NotYetError until then.
    """
    now, missing = timezone.now(), _missing(operation)
    known = missing.get(id)
    first, last, looks = known if isinstance(known, (list, tuple)) else (now.isoformat(), now.isoformat(), 0)
    if now - datetime.fromisoformat(last) > FORGET_LOOKS_AFTER:
        first, looks = now.isoformat(), 0
    engine.save_notes(operation, missing={**missing, id: (first, now.isoformat(), looks + 1)})
    if now - datetime.fromisoformat(first) < CONFIRM_DELETED_AFTER or looks + 1 < FEWEST_LOOKS:
        raise NotYetError(
            f"Microsoft does not show {what} any more. SyncPortal checks again for a minute before it treats it as deleted."
        )


def reset_missing(operation: Operation, id: str) -> None:
    """The object exists after all: the next time that it is missing, counting starts again."""
    missing = _missing(operation)
    if id in missing:
        engine.save_notes(operation, missing={known: looks for known, looks in missing.items() if known != id})


def _missing(operation: Operation) -> dict[str, tuple[str, str, int]]:
    missing = operation.notes.get("missing", {})
    return missing if isinstance(missing, dict) else {}
