"""The watchdog ends a worker's process in time, and one whose thread hangs."""

import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from registrations.engine import lease as leases
from registrations.engine import shutdown, watchdog
from registrations.models import Operation
from tests.registrations.engine.operations import MakeOperation, run_once, succeeds


class Worker:
    """What a watchdog did to its process: the statuses with which it ended it, and with which it stopped its consumer."""

    def __init__(self) -> None:
        self.exits: list[int] = []
        self.stops: list[int] = []
        self.ended = threading.Event()

    def exit(self, status: int) -> None:
        """In place of os._exit."""
        self.exits.append(status)
        self.ended.set()


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch, stop_this_process: Callable[[], None]) -> Iterator[Worker]:
    """A watched process with short times. Its watchdog does not outlive the test."""
    made = Worker()
    monkeypatch.setattr(os, "_exit", made.exit)
    monkeypatch.setattr(shutdown, "CHECK_EVERY", 0.02)
    monkeypatch.setattr(leases, "CHECK_EVERY", 0.02)
    monkeypatch.setattr(shutdown, "FINISH_WITHIN", timedelta(seconds=0.2))
    monkeypatch.setattr(shutdown, "HAND_BACK_WITHIN", 0.3)
    watchdog.start(made.stops.append)
    yield made
    stop_this_process()
    assert made.ended.wait(5)


def outlive(lease: leases.Lease, by: timedelta) -> None:
    """Let the lease have ended so long ago."""
    lease._renewed -= (leases.DURATION + by).total_seconds()


def test_a_process_exits_in_time_whatever_its_threads_wait_for(
    worker: Worker, stop_this_process: Callable[[], None]
) -> None:
    with leases.hold("an operation", "mine") as lease:
        monkey: Any = lease
        monkey.hand_back = lambda: time.sleep(30)  # the database does not answer
        assert not worker.ended.wait(0.4)
        stop_this_process()
        assert worker.ended.wait(2)
    assert worker.exits == [0]
    assert worker.stops == []


@pytest.mark.django_db
def test_a_step_that_ran_long_but_keeps_its_lease_is_left_alone(make_operation: MakeOperation, worker: Worker) -> None:
    def lasts(operation: Operation) -> str:
        [lease] = leases.running()
        lease._step_began -= 200
        time.sleep(0.3)
        return "done"

    assert run_once(make_operation(lasts)).status == "succeeded"
    assert worker.exits == []


@pytest.mark.django_db(transaction=True)
def test_a_step_that_hangs_ends_its_process_and_gives_the_others_back(
    make_operation: MakeOperation, worker: Worker, caplog: pytest.LogCaptureFixture
) -> None:
    operation = make_operation(succeeds)
    assert Operation.objects.claim(operation.pk, "another's", timezone.now(), leases.DURATION)
    with leases.hold(operation.pk, "another's") as other, leases.hold(uuid.UUID(int=1), "mine") as hung:
        hung.started_step = "application"
        outlive(hung, watchdog.HUNG_AFTER + timedelta(seconds=1))
        assert worker.ended.wait(5)
        assert other.is_handed_back
    operation.refresh_from_db()
    assert (operation.status, operation.lease) == ("queued", "")
    assert worker.exits == worker.stops == [watchdog.HUNG_STATUS]
    [line] = [record.getMessage() for record in caplog.records if "hangs" in record.getMessage()]
    assert line.startswith(f"The step application of operation {uuid.UUID(int=1)} hangs, and its lease has ended.")


def test_a_step_is_given_time_to_notice_that_its_lease_has_ended(worker: Worker) -> None:
    with leases.hold("an operation", "mine") as lease:
        outlive(lease, watchdog.HUNG_AFTER - timedelta(seconds=5))
        assert not worker.ended.wait(0.3)


def test_a_task_without_a_lease_must_not_hold_its_thread_either(
    worker: Worker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    watchdog.task_begins("registrations.tasks.sweep")
    watchdog.task_ends()
    watchdog.task_begins("registrations.tasks.sweep")
    assert not worker.ended.wait(0.2)
    monkeypatch.setattr(watchdog, "LONGEST_TASK", timedelta(seconds=0.1))
    assert worker.ended.wait(2)
    watchdog.task_ends()
    assert worker.exits == [watchdog.HUNG_STATUS]
    assert "The task registrations.tasks.sweep hangs." in caplog.text
