"""What a worker keeps in mind during its turn with one operation: rows that its steps need again and again, and what it made.

A turn is seconds long, two minutes at most, and while an operation lives its subject's address cannot be edited. What a step
decides by (the client secret's state, notes, the lease) is read afresh all the same, and so are credentials when a token
is asked for; but what this turn has made in Entra or saved in a UMP it knows from the answer. What a step writes and a repeated
step would find out again may wait here for the commit that ends the step: one commit in place of two, and the history's chain
is locked once.
"""

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any, TypeVar, cast

from registrations import audit

T = TypeVar("T")

_kept: ContextVar[dict[str, Any] | None] = ContextVar("kept", default=None)
_writes: ContextVar[list[Callable[[], object]] | None] = ContextVar("writes", default=None)


@contextlib.contextmanager
def turn() -> Iterator[None]:
    """Remember for the length of a with block, and nothing of the turn before."""
    before, writes_before = _kept.set({}), _writes.set([])
    try:
        yield
    finally:
        _kept.reset(before)
        _writes.reset(writes_before)


def once(name: str, read: Callable[[], T]) -> T:
    """What `read` returns, asked for once a turn; outside a turn each time."""
    kept = _kept.get()
    if kept is None:
        return read()
    if name not in kept:
        kept[name] = read()
    return cast(T, kept[name])


def remember(name: str, value: Any = True) -> None:
    """Keep what a step has found or made for the later steps of its turn; outside a turn nothing is kept."""
    kept = _kept.get()
    if kept is not None:
        kept[name] = value


def recall(name: str) -> Any:
    """What was kept under that name in this turn, or None."""
    return (_kept.get() or {}).get(name)


def with_the_step(write: Callable[[], object]) -> None:
    """Have this written in the commit that ends the step, or in one of its own where the step is refused; outside a turn at once.

    For what a repeated step finds out again: if the worker dies or is overtaken before, it is not written.
    """
    waiting = _writes.get()
    if waiting is not None:
        waiting.append(write)
        return
    with audit.atomic(durable=True):
        write()


def writes_of_step() -> list[Callable[[], object]]:
    """What waits for the step's commit. Whoever takes it writes it, or it is lost with the transaction."""
    waiting = _writes.get() or []
    taken = list(waiting)
    waiting.clear()
    return taken
