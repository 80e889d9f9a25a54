"""A program that a test starts gets the signals that the test sends."""

import os
import signal
import subprocess
import sys

import pytest

from tests import default_signals

SLEEPER = [sys.executable, "-c", "import time; print('ready', flush=True); time.sleep(60)"]
NOHUP = "import os, signal, sys; signal.signal(signal.SIGHUP, signal.SIG_IGN); os.execv(sys.argv[1], sys.argv[1:])"


def ends_by(command: list[str], number: signal.Signals) -> bool:
    """Whether the program ends by this signal rather than by SIGKILL, which is sent after it."""
    with subprocess.Popen([sys.executable, "-c", NOHUP, *command], stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "ready\n"
        os.kill(program.pid, number)
        os.kill(program.pid, signal.SIGTERM)
        return program.wait() == -number


@pytest.mark.parametrize(("command", "ends"), [(SLEEPER, False), (default_signals.command(SLEEPER), True)])
def test_a_hangup_ends_the_program_under_nohup_too(command: list[str], ends: bool) -> None:
    assert ends_by(command, signal.SIGHUP) == ends
