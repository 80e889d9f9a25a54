"""A worker that is told to stop starts nothing new and exits in time."""

import os
import threading
from collections.abc import Callable
from datetime import timedelta

import pytest

from registrations.engine import queue, runner, shutdown
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


def test_a_pool_child_exits_in_time_whatever_its_threads_wait_for(
    stop_this_process: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = threading.Event()
    monkeypatch.setattr(os, "_exit", lambda _: ended.set())
    monkeypatch.setattr(shutdown, "FINISH_WITHIN", timedelta(seconds=0.1))
    monkeypatch.setattr(shutdown, "HAND_BACK_WITHIN", 0.1)
    shutdown.exit_in_time()
    ended_early = ended.wait(0.5)
    stop_this_process()  # whatever comes: its thread must not outlive the test
    assert ended.wait(2)
    assert not ended_early
