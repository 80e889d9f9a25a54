"""What a worker keeps in mind during its turn with one operation: rows that its steps need again and again.

A turn is seconds long, two minutes at most, and while an operation lives its subject's address cannot be edited. What a step
decides by (the client secret's state, notes, the lease) is read afresh all the same, and so are credentials when a token
is asked for.
"""

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any, TypeVar, cast

T = TypeVar("T")

_kept: ContextVar[dict[str, Any] | None] = ContextVar("kept", default=None)


@contextlib.contextmanager
def turn() -> Iterator[None]:
    """Remember for the length of a with block, and nothing of the turn before."""
    before = _kept.set({})
    try:
        yield
    finally:
        _kept.reset(before)


def once(name: str, read: Callable[[], T]) -> T:
    """What `read` returns, asked for once a turn; outside a turn each time."""
    kept = _kept.get()
    if kept is None:
        return read()
    if name not in kept:
        kept[name] = read()
    return cast(T, kept[name])
