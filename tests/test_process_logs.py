"""A failing test shows what the processes that ran during it wrote; a passing one shows nothing."""

import subprocess
import sys
from pathlib import Path

from demo.services import PROJECT

TESTS = """
import sys
import tempfile
from pathlib import Path

import pytest

from demo.processes import Process, Supervisor
from tests import process_logs

CODE = "import sys, time; print(sys.argv[1], flush=True); time.sleep(60)"


def start(supervisor, directory, name, words):
    command = [sys.executable, "-c", CODE, words]
    process = supervisor.start(Process(name, command, {}, directory, directory / f"{name}.log"))
    process.wait_until(lambda: process.said(words))


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Supervisor() as supervisor:
        start(supervisor, tmp_path_factory.mktemp("server"), "server", "the server runs")
        yield


@pytest.fixture
def broken(tmp_path):
    with tempfile.TemporaryDirectory() as name, Supervisor() as supervisor:
        start(supervisor, Path(name), "short-lived", "the disk is full")
        raise RuntimeError("not ready")


def test_that_passes(server, tmp_path):
    with Supervisor() as supervisor:
        start(supervisor, tmp_path, "earlier", "of no interest")


@pytest.fixture
def other(tmp_path):
    (tmp_path / "other.log").write_text("of another program")
    with process_logs.watch(tmp_path):
        yield


def test_that_fails(server, other):
    assert False


def test_whose_setup_fails(broken):
    pass
"""


def test_a_failure_shows_the_logs_of_the_processes_of_its_test(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(TESTS)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    command = [sys.executable, "-m", "pytest", "-p", "tests.process_logs", "-p", "no:django", "-p", "no:cacheprovider"]
    run = subprocess.run([*command, tmp_path], cwd=PROJECT, capture_output=True, text=True, check=False)
    assert "1 failed, 1 passed, 1 error" in run.stdout
    error, _, failure = run.stdout.partition("= FAILURES =")
    assert "log of short-lived" in error
    assert "the disk is full" in error
    assert "short-lived" not in failure.partition("short test summary")[0]
    for words in ("log of server", "the server runs", "log of other", "of another program"):
        assert words in failure
    assert "of no interest" not in run.stdout
