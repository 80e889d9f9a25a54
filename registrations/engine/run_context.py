"""What a worker keeps for the length of one run of an operation: cached rows, results of earlier steps, deferred writes.

A run lasts seconds, two minutes at most, and the address of its subject cannot be edited meanwhile. Three things make a
run cheap; docs/performance.md ("What a run saves") has their figures and is the place that describes them:

- `cached` reads a row once per run, and `set_value`/`get_value` pass on what a step has just created, so that no later step asks
  Graph or the UMP for it again. What a step decides by (the secret's state, notes, the lease) is read from the database
  each time, and so are credentials when a token is requested.
- `on_step_commit` defers a write to the commit that ends the step: one commit instead of two, and the history's chain is
  locked once. Only for what a repeated step would find out again.
- Prepayment (`clients.rate_limit`): a bulk run takes the writes of all its steps at once.
"""

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any, TypeVar, cast

from registrations import audit, places

T = TypeVar("T")

_values: ContextVar[dict[str, Any] | None] = ContextVar("values", default=None)
_writes: ContextVar[list[Callable[[], object]] | None] = ContextVar("writes", default=None)


@contextlib.contextmanager
def run_context() -> Iterator[None]:
    """Keep values and deferred writes for the length of a with block. It starts empty."""
    before, writes_before = _values.set({}), _writes.set([])
    try:
        with places.kept():
            yield
    finally:
        _values.reset(before)
        _writes.reset(writes_before)


def cached(name: str, read: Callable[[], T]) -> T:
    """What `read` returns, called once per run; outside a run each time."""
    values = _values.get()
    if values is None:
        return read()
    if name not in values:
        values[name] = read()
    return cast(T, values[name])


def set_value(name: str, value: Any = True) -> None:
    """Keep a value for the later steps of this run; outside a run nothing is kept."""
    values = _values.get()
    if values is not None:
        values[name] = value


def get_value(name: str) -> Any:
    """The value that was kept under this name in this run, or None."""
    return (_values.get() or {}).get(name)


def on_step_commit(write: Callable[[], object]) -> None:
    """Call `write` in the commit that ends the step, or in one of its own if the step is refused; outside a run now.

    If the worker dies or loses its lease before, it is not called: only for what a repeated step finds out again.
    """
    waiting = _writes.get()
    if waiting is not None:
        waiting.append(write)
        return
    with audit.atomic(durable=True):
        write()


def take_deferred_writes() -> list[Callable[[], object]]:
    """The deferred writes, which the caller must carry out. They are kept no longer."""
    waiting = _writes.get() or []
    taken = list(waiting)
    waiting.clear()
    return taken
