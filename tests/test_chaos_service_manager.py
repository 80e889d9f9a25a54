"""The suite's service manager starts again what ends, and passes SIGTERM on."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.chaos import service_manager

PROGRAM = """
import os, sys, time
from pathlib import Path
from tests.chaos import service_manager

directory = Path(sys.argv[1])

def start(number):
    first = not (directory / f"begun{number}").exists()
    (directory / f"begun{number}").touch()
    (directory / f"pid{number}").write_text(str(os.getpid()))
    if first and number == 0:
        raise SystemExit(75)
    time.sleep(60)

sys.exit(service_manager.keep_running(2, start, directory))
"""


def until(condition: Callable[[], bool]) -> None:
    """Wait for the condition, ten seconds at most."""
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_what_ends_is_started_again_and_a_stop_ends_all(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", PROGRAM, str(tmp_path)]) as manager:
        until(lambda: service_manager.statuses(tmp_path) == [75])
        until(lambda: len(list(tmp_path.glob("pid*"))) == 2)
        second = int((tmp_path / "pid1").read_text())
        subprocess.run(["kill", "-9", str(second)], check=True)
        until(lambda: service_manager.statuses(tmp_path) == [75, -signal.SIGKILL])
        until(lambda: int((tmp_path / "pid1").read_text()) != second)
        manager.send_signal(signal.SIGTERM)
        assert manager.wait(10) == 0
    assert service_manager.statuses(tmp_path) == [75, -signal.SIGKILL]  # a stop is no end by itself
