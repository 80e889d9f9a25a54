"""`make demo` as a person meets it: started, used, ended, started again."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from demo.__main__ import PORT_VARIABLES
from demo.processes import clean_environment, free_port
from demo.services import PROJECT
from tests import default_signals, process_logs

pytestmark = [pytest.mark.stack, pytest.mark.timeout(180)]
PATIENCE_SECONDS = 60.0
QUICK_SECONDS = 10.0


@dataclass
class Demo:
    """A demo of its own, in a directory whose name has a blank, on free ports, in a hostile shell.

    It is started with default signals and without a terminal, whatever the tests were started with.
    """

    directory: Path
    environment: dict[str, str]
    popen: subprocess.Popen[str] | None = field(default=None, init=False)

    def start(self) -> None:
        """Start it; its output is read by `read_until`."""
        self.popen = subprocess.Popen(
            default_signals.command([sys.executable, "-m", "demo", "--directory", str(self.directory)]),
            env=self.environment,
            cwd=PROJECT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def read_until(self, words: str) -> str:
        """What it says until a line has these words, or to its end. A failing test shows it."""
        assert self.popen is not None
        assert self.popen.stdout is not None
        said = ""
        for line in self.popen.stdout:
            said += line
            sys.stdout.write(line)
            if words in line:
                break
        return said

    def end(self, number: signal.Signals = signal.SIGINT) -> int:
        """Send the signal and return the exit status."""
        assert self.popen is not None
        self.popen.send_signal(number)
        self.read_until("\0")
        return self.popen.wait(PATIENCE_SECONDS)

    def close(self) -> None:
        """End it if it still runs, and let go of its output."""
        if self.popen is not None:
            self.popen.terminate()
            self.popen.wait(PATIENCE_SECONDS)
            if self.popen.stdout is not None:
                self.popen.stdout.close()

    def processes(self) -> list[str]:
        """Command lines of processes that were started for this demo."""
        found = []
        for entry in Path("/proc").glob("[0-9]*/environ"):
            try:
                if f"{self.directory}/".encode() in entry.read_bytes():
                    found.append((entry.parent / "cmdline").read_text().replace("\0", " "))
            except OSError:  # it ended while we looked, or is somebody else's
                continue
        return found


@pytest.fixture(scope="module")
def ports() -> dict[str, str]:
    """The same free ports for all tests of this module: the demo remembers its own."""
    return {variable: str(free_port()) for variable in PORT_VARIABLES}


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the demo of this module keeps everything."""
    return tmp_path_factory.mktemp("demo") / "a blank in it"


@pytest.fixture(scope="module")
def took() -> dict[str, float]:
    """Seconds that earlier tests of this module took for something."""
    return {}


@pytest.fixture
def demo(directory: Path, ports: dict[str, str]) -> Iterator[Demo]:
    """The demo, ended after the test if it still runs."""
    hostile = {
        "DJANGO_SETTINGS_MODULE": "nothing.here",
        "DATABASE_URL": "postgres://nobody@192.0.2.1/nothing",
        "REDIS_URL": "redis://192.0.2.1/0",
        "http_proxy": "http://192.0.2.1:1",
        "https_proxy": "http://192.0.2.1:1",
        "REQUESTS_CA_BUNDLE": "/nonexistent",
        "GUNICORN_CMD_ARGS": "--bind 192.0.2.1:1",
        "CELERY_BROKER_URL": "redis://192.0.2.1/0",
    }
    demo = Demo(directory, clean_environment() | ports | hostile)
    with process_logs.watch(directory / "logs"):
        yield demo
        demo.close()


def test_a_taken_port_gives_one_line_that_names_port_and_wisher(demo: Demo, ports: dict[str, str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", int(ports["DEMO_SMTP_PORT"])))
        taken.listen()
        demo.start()
        said = demo.read_until("\0")
    assert demo.popen is not None
    assert demo.popen.wait(PATIENCE_SECONDS) == 1
    assert said.count("\n") == 1
    assert f"Port {ports['DEMO_SMTP_PORT']} is taken, and the sandbox's mail server wants it." in said


def test_the_first_start_shows_each_step_and_says_where_to_look(demo: Demo, took: dict[str, float]) -> None:
    began = time.monotonic()
    demo.start()
    said = demo.read_until("Ctrl-C")
    took["the first start"] = time.monotonic() - began
    for words in (
        "Prove the secret",
        "Deliver the portal URL",
        "is active",
        "olga /",
        "arthur /",
        "carla@",
        "/mailbox/",
    ):
        assert words in said
    [admin] = re.findall(r"http://localhost:\d+/admin/", said)
    with urllib.request.urlopen(admin, timeout=10) as page:
        assert b"password" in page.read()
    assert demo.end(signal.SIGTERM) == 0
    assert demo.processes() == []


def test_the_next_start_continues_from_what_is_there_within_ten_seconds(demo: Demo, took: dict[str, float]) -> None:
    began = time.monotonic()
    demo.start()
    said = demo.read_until("Ctrl-C")
    # On a machine that is too slow for ten seconds it is still quicker than the first start, which does more.
    assert time.monotonic() - began < max(QUICK_SECONDS, took["the first start"])
    assert "Provision" not in said
    assert re.search(r"/authenticate/[\w-]{43}", said)
    assert demo.end(signal.SIGHUP) == 0
    assert demo.processes() == []


def test_a_second_demo_beside_a_running_one_is_refused(demo: Demo) -> None:
    demo.start()
    demo.read_until("Ctrl-C")
    second = Demo(demo.directory, demo.environment)
    second.start()
    assert "runs already" in second.read_until("\0")
    second.close()
    assert demo.end() == 0


def test_other_ports_than_the_first_time_are_refused_with_a_way_out(demo: Demo) -> None:
    demo.environment["DEMO_PORT"] = str(free_port())
    demo.start()
    assert "make demo-reset" in demo.read_until("\0")


def test_a_process_that_dies_is_named_with_its_log_and_everything_ends(demo: Demo) -> None:
    demo.start()
    demo.read_until("Ctrl-C")
    [sandbox] = [entry for entry in Path("/proc").glob("[0-9]*/cmdline") if _is_sandbox_of(demo, entry)]
    os.kill(int(sandbox.parent.name), signal.SIGKILL)
    said = demo.read_until("\0")
    assert "The sandbox ended: SIGKILL from outside" in said
    assert "sandbox.log" in said
    assert demo.popen is not None
    assert demo.popen.wait(PATIENCE_SECONDS) == 1
    assert demo.processes() == []


def _is_sandbox_of(demo: Demo, entry: Path) -> bool:
    try:
        words = entry.read_text().split("\0")
    except OSError:
        return False
    return "sandbox" in words and str(demo.directory / "sandbox") in words


def test_killing_the_demo_itself_leaves_no_process(demo: Demo) -> None:
    demo.start()
    demo.read_until("Ctrl-C")
    assert demo.popen is not None
    demo.popen.kill()
    demo.popen.wait(PATIENCE_SECONDS)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while demo.processes() and time.monotonic() < deadline:
        time.sleep(0.2)
    assert demo.processes() == []


def test_reset_forgets_the_demo(demo: Demo) -> None:
    command = [sys.executable, "-m", "demo", "--directory", str(demo.directory), "--reset"]
    subprocess.run(command, env=demo.environment, cwd=PROJECT, check=True, capture_output=True)
    assert not demo.directory.exists()
