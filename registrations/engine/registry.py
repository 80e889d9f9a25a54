"""Kinds of operation: their steps and what their ends mean. The app that owns the steps registers its kinds here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import models
from django.db.models import Case, Exists, OuterRef, Q, QuerySet, Value, When

from registrations import audit
from registrations.errors import WrongStateError
from registrations.models import Operation


@dataclass(frozen=True)
class Step:
    """One step. `run` checks the actual state before it acts, and returns a note for people.

    A step that cannot check (a mail is sent or not) is not repeatable. Its end is committed alone, so that nothing that
    follows can roll it back.
    """

    name: str
    title: str
    run: Callable[[Operation], str | None]
    repeatable: bool = True


@dataclass(frozen=True)
class Obstacle:
    """Why Resume could only fail again: a sentence for people, and the condition for the operations that it holds for.

    `for_good`: what the operation was for has ended, so it needs nobody's attention.
    """

    sentence: str
    condition: Q
    for_good: bool = True


@dataclass(frozen=True)
class Kind:
    """A kind of operation: its steps, and what its end means for its subject.

    `succeeded` is called in the transaction that ends the last step (or in one of its own if that step is not repeatable).
    If it raises, the last step has failed and is repeated on Resume. `failed` is called in the transaction that ends the
    operation. `resumed` is called in the transaction in which a person resumes it: what had failed has not failed any more.
    `obstacles` gives the reasons for which operations of this kind cannot be resumed.
    `priority` chooses the Celery queue. `retry_from` lists, by error code, the steps that Resume starts over
    although they were done, because what they had created is gone. A step that raises StartOverError
    with such a code has the same effect without a person.
    """

    name: str
    title: str
    steps: tuple[Step, ...]
    subject: type[models.Model]
    succeeded: Callable[[Operation], None]
    failed: Callable[[Operation], None]
    resumed: Callable[[Operation], None] | None = None
    before_bulk_run: Callable[[Operation], None] | None = None  # prepays the run; raises QuotaSpentError with the wait
    before_failing: Callable[[Operation], str] | None = None  # may use the network; returns a sentence for people
    priority: str = Operation.Priority.INTERACTIVE
    retry_from: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    obstacles: Callable[[], tuple[Obstacle, ...]] = tuple


RESUMABLE = [Operation.Status.FAILED, Operation.Status.WAITING]
kinds: dict[str, Kind] = {}


def register(kind: Kind) -> None:
    """Make a kind known. The app that owns its steps calls this once, in `AppConfig.ready`."""
    kinds[kind.name] = kind


def kind_of(operation: Operation) -> Kind:
    """The kind of an operation. Raises WrongStateError for a kind that no app registered."""
    try:
        return kinds[operation.kind]
    except KeyError:
        raise WrongStateError(f"This version does not know operations of kind {operation.kind!r}.") from None


def history_subject(operation: Operation) -> audit.Subject:
    """The operation's subject for the history, with the label that it had when the operation was requested."""
    return audit.Subject(operation.subject_type, str(operation.subject_id), operation.subject_label)


def subject_of(operation: Operation) -> Any:
    """The row that the operation is about, read now. Raises WrongStateError if it was deleted."""
    subject = kind_of(operation).subject._default_manager.filter(pk=operation.subject_id).first()
    if subject is None:
        raise WrongStateError(f"{operation.subject_label} does not exist any more.")
    return subject


def with_obstacles(rows: QuerySet[Operation]) -> QuerySet[Any]:
    """With `obstacle`, why Resume could only fail again, and `is_over`: what it was for has ended. "" and False for the others."""
    known = [(kind, each) for kind in kinds.values() for each in (_gone(kind), *kind.obstacles())]
    fits = [(Q(kind=kind.name, status__in=RESUMABLE) & each.condition, each) for kind, each in known]
    first = [When(condition, then=Value(each.sentence)) for condition, each in fits]
    for_good = [When(condition, then=Value(True)) for condition, each in fits if each.for_good]
    return rows.annotate(
        obstacle=Case(*first, default=Value(""), output_field=models.CharField()),
        is_over=Case(*for_good, default=Value(False), output_field=models.BooleanField()),
    )


def obstacle_to(operation: Operation) -> str:
    """Why Resume could only fail again; "" if it may succeed."""
    row = with_obstacles(Operation.objects.filter(pk=operation.pk))
    return row.values_list("obstacle", flat=True).first() or ""


def _gone(kind: Kind) -> Obstacle:
    there = kind.subject._default_manager.filter(pk=OuterRef("subject_id"))
    return Obstacle("What it is about does not exist any more.", ~Q(Exists(there)))
