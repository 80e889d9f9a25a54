"""Kinds of operation: their steps and what their ends mean. The app that owns the steps registers its kinds here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import models

from registrations import audit
from registrations.errors import WrongStateError
from registrations.models import Operation


@dataclass(frozen=True)
class Step:
    """One act. `run` looks before it acts; what it returns is a note for people.

    One that cannot look (a mail is sent or not) is not repeatable: nothing that follows may undo the commit of its end.
    """

    name: str
    title: str
    run: Callable[[Operation], str | None]
    repeatable: bool = True


@dataclass(frozen=True)
class Kind:
    """A kind of operation: its steps, and what its end means for its subject.

    `succeeded` is called in the commit that ends the last step (in one of its own where that step is not repeatable): where
    it breaks, that step has failed and is repeated on Resume. `failed` is called in the commit that ends the operation.
    `lane` is the queue its bells ring in. `reopens` names, for a code that it may fail with, the steps that Resume begins anew
    although they were done: what they had made is gone.
    """

    name: str
    title: str
    steps: tuple[Step, ...]
    subject: type[models.Model]
    succeeded: Callable[[Operation], None]
    failed: Callable[[Operation], None]
    before_bulk_turn: Callable[[Operation], None] | None = (
        None  # pays what the turn will need, or says how long to wait
    )
    before_failing: Callable[[Operation], str] | None = None  # may use the network; what it returns is said to people
    lane: str = Operation.Lane.INTERACTIVE
    reopens: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


known: dict[str, Kind] = {}


def register(kind: Kind) -> None:
    """Make a kind known; the app that owns its steps calls this once, when it is ready."""
    known[kind.name] = kind


def kind_of(operation: Operation) -> Kind:
    """The kind of an operation. Raises WrongStateError for a kind that no app registered."""
    try:
        return known[operation.kind]
    except KeyError:
        raise WrongStateError(f"Operations of kind {operation.kind!r} are not known to this version.") from None


def about(operation: Operation) -> audit.Subject:
    """The operation's subject for the history, as it was called when the operation was asked for."""
    return audit.Subject(operation.subject_type, str(operation.subject_id), operation.subject_label)


def subject_of(operation: Operation) -> Any:
    """The row that the operation is about, read afresh. Raises WrongStateError where it is gone."""
    subject = kind_of(operation).subject._default_manager.filter(pk=operation.subject_id).first()
    if subject is None:
        raise WrongStateError(f"{operation.subject_label} does not exist any more.")
    return subject
