"""A worker that is told to stop starts nothing new."""

from collections.abc import Callable

import pytest

from registrations.engine import queue, runner
from registrations.models import Operation
from tests.registrations.engine.operations import MakeOperation, run_once, succeeds

pytestmark = pytest.mark.django_db


def test_a_stopping_worker_claims_nothing(make_operation: MakeOperation, stop_this_process: Callable[[], None]) -> None:
    operation = make_operation(succeeds)
    stop_this_process()
    assert runner.run(operation.pk) is False
    assert queue.due() == [operation.pk]


def test_a_stop_finishes_the_current_step_and_queues_the_rest(
    make_operation: MakeOperation, stop_this_process: Callable[[], None]
) -> None:
    def stops_its_process(operation: Operation) -> str:
        stop_this_process()
        return "finished"

    operation = run_once(make_operation(stops_its_process, succeeds))
    assert (operation.status, operation.lease) == ("queued", "")
    assert [step.status for step in operation.steps] == ["done", "pending"]
    assert queue.due() == [operation.pk]
