"""Work to measure: operations whose steps do nothing, bare tasks, and the chaos suite's bulk jobs."""

import secrets
import uuid
from typing import Any

from registrations import audit, tasks
from registrations.engine import queue, registry
from registrations.models import EntraTenant, Operation
from tests.chaos.bulk_fixtures import request_bulk

KIND = "bench_nothing"


def register_nothing() -> None:
    """Register a kind of operation with three steps that return at once."""
    steps = tuple(registry.Step(f"step{number}", "Nothing", _nothing) for number in range(3))
    registry.register(
        registry.Kind(KIND, "Nothing", steps, EntraTenant, _ended, _ended, priority=Operation.Priority.BULK)
    )


def request_nothing(count: int) -> None:
    """Request empty operations; they are enqueued once all are committed."""
    register_nothing()
    subjects = [EntraTenant(name="bench", tenant_id=str(uuid.uuid4())) for _ in range(count)]
    EntraTenant.objects.bulk_create(subjects)
    made = [queue.request(KIND, subject, actor=audit.SYSTEM) for subject in subjects]
    for operation in made:
        tasks.enqueue(operation.pk, priority=operation.priority)


def request_bare(count: int) -> None:
    """Enqueue bare tasks."""
    from tests.bench.worker import bare  # noqa: PLC0415  importing it makes it a task of this process too

    first = secrets.randbelow(10**9)
    for number in range(count):
        bare.apply_async((first + number,), queue="4-bulk")


REQUESTS: dict[str, Any] = {"nothing": request_nothing, "bare": request_bare, "bulk": request_bulk}


def _nothing(operation: Operation) -> None:
    """Only the engine is measured."""


def _ended(operation: Operation) -> None:
    """The subject does not change."""
