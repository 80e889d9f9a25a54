"""Checkpoints: what a step commits of its operation before it ends, and how people's decisions reach the row.

The operation's notes are read and written here alone; `models/notes.py` lists their keys.
"""

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from django.utils import timezone

from registrations import audit
from registrations.engine import lease as leases
from registrations.engine import transitions
from registrations.models import Operation
from registrations.models.notes import Notes

if TYPE_CHECKING:
    from typing_extensions import Unpack


def current_notes(operation: Operation) -> Notes:
    """The notes as the row has them now: staff may have changed them while this worker ran an earlier step."""
    return Operation.objects.values_list("notes", flat=True).get(pk=operation.pk)


def save_notes(operation: Operation, **values: "Unpack[Notes]") -> None:
    """Commit what later attempts must know even if this one dies, under the worker's lease."""
    with audit.atomic(durable=True):
        # The row's own notes, not the copy in memory: staff may have confirmed a hand-over group meanwhile.
        current = Operation.objects.select_for_update(no_key=True).get(pk=operation.pk)
        current.notes.update(values)
        transitions.write(operation, operation.lease, notes=current.notes)


@contextlib.contextmanager
def locked(operation: Operation) -> Iterator[Operation]:
    """The operation's row for a person's decision: locked, in one transaction with whatever else the caller writes.

    The row's notes are written at the end. If the block raises, nothing is written.
    """
    with audit.atomic():
        current = Operation.objects.select_for_update(no_key=True).get(pk=operation.pk)
        yield current
        Operation.objects.filter(pk=current.pk).update(notes=current.notes)


def require_lease(operation: Operation) -> None:
    """Guard what a step writes outside its operation, in the step's transaction. Raises LeaseLostError without the lease."""
    transitions.write(operation, operation.lease, leased_until=timezone.now() + leases.DURATION)


def delete_credential(operation: Operation) -> None:
    """Delete the administrator's token under the worker's lease, in the caller's transaction."""
    transitions.write(operation, operation.lease, credential_envelope="", credential_expires_at=None)


def delete_expired_credentials() -> int:
    """Delete administrators' tokens that have expired; the step that needs one asks for a new sign-in."""
    expired = Operation.objects.filter(credential_expires_at__lt=timezone.now()).exclude(credential_envelope="")
    return expired.update(credential_envelope="")
