"""Operations of a kind that a test makes up."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from registrations import audit
from registrations.engine import queue, registry, shutdown
from registrations.models import EntraTenant, Operation
from tests import factories
from tests.registrations.engine.operations import Behaviour, MakeOperation


@pytest.fixture
def ends() -> list[str]:
    """The ends that the kind was informed of, in order."""
    return []


@pytest.fixture
def make_operation(ends: list[str]) -> Iterator[MakeOperation]:
    """Queue an operation of kind "try" whose steps behave as given."""

    def request(*behaviours: Behaviour, subject: EntraTenant | None = None, **values: Any) -> Operation:
        steps = tuple(registry.Step(f"step{n}", f"Step {n}", run) for n, run in enumerate(behaviours))
        registry.register(
            registry.Kind(
                "try", "Try", steps, EntraTenant, lambda _: ends.append("succeeded"), lambda _: ends.append("failed")
            )
        )
        return queue.request("try", subject or factories.make_tenant(), actor=audit.SYSTEM, **values)

    yield request
    registry.kinds.pop("try", None)


@pytest.fixture
def stop_this_process() -> Iterator[Callable[[], None]]:
    """Stop this process as SIGTERM does. After the test it may run again."""
    yield shutdown.stop_worker
    shutdown._stops.clear()
