"""Steps of a test's own kind of operation, and one run of it."""

from collections.abc import Callable

from registrations.engine import runner
from registrations.models import Operation

Behaviour = Callable[[Operation], str | None]
MakeOperation = Callable[..., Operation]


def succeeds(operation: Operation) -> str:
    """A step that succeeds."""
    return "done"


def raises(error: Exception) -> Behaviour:
    """A step that raises this error each time."""

    def step(operation: Operation) -> str:
        raise error

    return step


def run_once(operation: Operation) -> Operation:
    """Let a worker run the operation once; the operation as its row is then."""
    runner.run(operation.pk)
    operation.refresh_from_db()
    return operation
