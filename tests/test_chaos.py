"""The chaos suite tests itself: a fault that did not happen must not look like a passed row."""

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from demo.processes import Process, Supervisor, clean_environment
from tests.chaos import disruptions
from tests.chaos.results import Result
from tests.chaos.writes import Write

DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
OBEDIENT = "import time; print('ready', flush=True); time.sleep(60)"


def test_a_fault_that_did_not_happen_fails_its_row() -> None:
    tried, untried = Result("a fault", 2), Result("a fault", 2)
    tried.did_not_happen([])
    untried.did_not_happen(["nobody met it"])
    assert (tried.passed, untried.passed) == (True, False)
    assert untried.details == ["did not happen: nobody met it"]


@pytest.mark.parametrize(("count", "numbers"), [(1, [1]), (3, [1]), (4, [1, 3]), (40, [1, 21])])
def test_the_first_write_and_one_in_the_middle_are_refused(count: int, numbers: list[int]) -> None:
    assert Write("registrations_operation", "UPDATE", count, bulk=False).numbers == numbers


@pytest.mark.parametrize(("program", "complaints"), [(OBEDIENT, 0), (DEAF, 1)])
def test_a_worker_that_has_to_be_killed_after_sigterm_is_a_complaint(
    program: str, complaints: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disruptions, "STOP_SECONDS", 0.5 if program == DEAF else 10.0)
    with Supervisor() as supervisor:
        log = tmp_path / "worker.log"
        worker = supervisor.start(
            Process("worker", [sys.executable, "-c", program], clean_environment(), tmp_path, log)
        )
        worker.wait_until(lambda: bool(log.read_text()))
        environment: Any = _environment(supervisor, worker)
        assert not disruptions.stop_worker(environment, [])
        assert len(environment.complaints) == complaints
        assert not worker.alive


@pytest.mark.parametrize(("requeued", "missed"), [(1, []), (0, ["no running step was requeued"])])
def test_a_step_that_was_not_requeued_at_the_stop_is_a_complaint(
    requeued: int, missed: list[str], tmp_path: Path
) -> None:
    with Supervisor() as supervisor:
        command = [sys.executable, "-c", OBEDIENT]
        worker = supervisor.start(Process("worker", command, clean_environment(), tmp_path, tmp_path / "worker.log"))
        environment: Any = _environment(supervisor, worker)
        environment.query = lambda *_: [(requeued,)]
        assert disruptions.stop_worker_in_a_long_step(environment, ["an operation"]) == missed


def test_reads_that_hid_nothing_are_a_complaint() -> None:
    environment: Any = _environment()
    after = disruptions.end_replication_lag("application", "password")
    environment.held_back = lambda: {"application": 1, "password": 0}
    assert after(environment, []) == ["no password was hidden or refused"]


def _environment(supervisor: Supervisor | None = None, worker: Process | None = None) -> SimpleNamespace:
    """As much of a environment as these look at: its sandbox has no faults left."""
    return SimpleNamespace(
        supervisor=supervisor,
        process=lambda _: worker,
        start_worker=lambda: None,
        complaints=[],
        fault=lambda **_: None,
        sandbox=lambda *_, **__: [],
        wait_until=lambda ready, _: ready(),
    )
