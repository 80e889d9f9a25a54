"""A disruption reports what did not happen, and what the product did wrong meanwhile."""

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from demo.processes import Process, Supervisor, clean_environment
from tests.chaos import disruptions

IGNORES_SIGTERM = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(60)"
)
STOPS_AT_SIGTERM = "import time; print('ready', flush=True); time.sleep(60)"


@pytest.mark.parametrize(("program", "failures"), [(STOPS_AT_SIGTERM, 0), (IGNORES_SIGTERM, 1)])
def test_a_worker_that_does_not_stop_after_sigterm_is_a_failure(
    program: str, failures: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disruptions, "STOP_SECONDS", 0.5 if program == IGNORES_SIGTERM else 10.0)
    with Supervisor() as supervisor:
        log = tmp_path / "worker.log"
        worker = supervisor.start(
            Process("worker", [sys.executable, "-c", program], clean_environment(), tmp_path, log)
        )
        worker.wait_until(lambda: bool(log.read_text()))
        environment: Any = _environment(supervisor, worker)
        assert not disruptions.stop_worker(environment, [])
        assert len(environment.failures) == failures
        assert not worker.alive


@pytest.mark.parametrize(("requeued", "missed"), [(1, []), (0, ["no running step was requeued"])])
def test_a_long_step_that_is_not_requeued_is_reported(requeued: int, missed: list[str], tmp_path: Path) -> None:
    with Supervisor() as supervisor:
        command = [sys.executable, "-c", STOPS_AT_SIGTERM]
        worker = supervisor.start(Process("worker", command, clean_environment(), tmp_path, tmp_path / "worker.log"))
        environment: Any = _environment(supervisor, worker)
        environment.query = lambda *_: [(requeued,)]
        assert disruptions.stop_worker_in_a_long_step(environment, ["an operation"]) == missed


def test_reads_that_hid_nothing_are_reported() -> None:
    environment: Any = _environment()
    after = disruptions.end_replication_lag("application", "password")
    environment.held_back = lambda: {"application": 1, "password": 0}
    assert after(environment, []) == ["no password was hidden or refused"]


def _environment(supervisor: Supervisor | None = None, worker: Process | None = None) -> SimpleNamespace:
    """The parts of an environment that these tests use, with a sandbox that has no faults left."""
    return SimpleNamespace(
        supervisor=supervisor,
        process=lambda _: worker,
        start_worker=lambda: None,
        failures=[],
        fault=lambda **_: None,
        sandbox=lambda *_, **__: [],
        wait_until=lambda ready, _: ready(),
    )
