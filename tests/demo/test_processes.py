"""What the demo starts it also ends."""

import os
import pty
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from demo import processes
from demo.processes import Process, ProcessError, Supervisor


def make_process(directory: Path, code: str, name: str = "thing", *arguments: str) -> Process:
    """A Python process that runs this code."""
    command = [sys.executable, "-c", code, *arguments]
    return Process(name, command, processes.clean_environment(), directory, directory / f"{name}.log")


def is_running(pid: int) -> bool:
    """True while a process has this id; one that only waits to be collected has ended."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")
    return not (state.exists() and state.read_text().rpartition(")")[2].split()[0] == "Z")


def wait_for(condition: Callable[[], bool], seconds: float = 10) -> bool:
    """True once the condition holds."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return False


def test_a_failed_start_reports_the_last_line_and_the_log(tmp_path: Path) -> None:
    process = make_process(tmp_path, "print('the disk is full'); raise SystemExit(3)")
    process.start()
    with pytest.raises(ProcessError, match=r"The thing did not start: the disk is full \(log: .*thing\.log\)"):
        process.wait_until(lambda: False)


def test_waiting_for_readiness_times_out(tmp_path: Path) -> None:
    with Supervisor() as supervisor:
        process = supervisor.start(make_process(tmp_path, "import time; time.sleep(60)"))
        with pytest.raises(ProcessError, match="was not ready after 0 s"):
            process.wait_until(lambda: False, seconds=0.2)


def test_a_worker_whose_thread_hung_is_started_again(tmp_path: Path) -> None:
    code = (
        "import pathlib, sys, time; f = pathlib.Path('n'); n = f.exists(); f.touch(); n or sys.exit(75); time.sleep(60)"
    )
    with Supervisor() as supervisor:
        process = make_process(tmp_path, code, "worker")
        process.restart_status = 75
        supervisor.start(process)
        first = process.popen
        assert first is not None
        first.wait(10)
        supervisor.check()
        assert process.popen is not first
        assert process.alive
        process.kill()
        with pytest.raises(ProcessError, match="The worker ended: SIGKILL from outside"):
            supervisor.check()


def test_a_process_that_ends_later_is_named(tmp_path: Path) -> None:
    with Supervisor() as supervisor:
        supervisor.start(make_process(tmp_path, "import time; time.sleep(60)", name="steady"))
        supervisor.start(make_process(tmp_path, "print('no memory left')", name="weak"))
        with pytest.raises(ProcessError, match="The weak ended: no memory left"):
            supervisor.watch(ended=lambda: False)


def test_leaving_the_block_ends_every_process_the_last_one_first(tmp_path: Path) -> None:
    code = """
import signal, sys, time
def end(*_):
    open("ends", "a").write(sys.argv[1])
    sys.exit()
signal.signal(signal.SIGTERM, end)
print("ready", flush=True)
time.sleep(60)
"""
    with Supervisor() as supervisor:
        for name in ("first", "second"):
            process = supervisor.start(make_process(tmp_path, code, name, name))
            process.wait_until(partial(process.said, "ready"))
    assert (tmp_path / "ends").read_text() == "secondfirst"


def test_a_process_that_ignores_signals_is_killed_with_its_children(tmp_path: Path) -> None:
    code = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print("child", child.pid, flush=True)
time.sleep(60)
"""
    process = make_process(tmp_path, code)
    process.start()
    process.wait_until(lambda: process.said("child"))
    child = int(process.log.read_text().split()[1])
    process.stop(seconds=0.3)
    assert not process.alive
    assert wait_for(lambda: not is_running(child))


def test_the_callers_configuration_is_not_passed_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in (
        "DJANGO_SETTINGS_MODULE",
        "DATABASE_URL",
        "http_proxy",
        "REQUESTS_CA_BUNDLE",
        "PYTHONPATH",
        "CELERY_BROKER_URL",
    ):
        monkeypatch.setenv(name, "wrong")
    assert "wrong" not in processes.clean_environment().values()


def test_a_failed_command_reports_its_last_line(tmp_path: Path) -> None:
    with Supervisor() as supervisor, pytest.raises(ProcessError, match="^Row 3 is bad"):
        supervisor.run(make_process(tmp_path, "raise SystemExit('CommandError: Row 3 is bad')"))


def test_output_lines_arrive_live_and_without_the_log(tmp_path: Path) -> None:
    heard: list[str] = []
    with Supervisor() as supervisor:
        code = "import sys; print('one'); print('aside', file=sys.stderr); print('two')"
        output = supervisor.run(make_process(tmp_path, code), heard.append)
    assert heard == ["one", "two"]
    assert output == "one\ntwo\n"


def test_a_command_stops_when_a_process_ends(tmp_path: Path) -> None:
    with Supervisor() as supervisor:
        supervisor.start(make_process(tmp_path, "import time; time.sleep(0.5)", name="worker"))
        command = make_process(tmp_path, "import time; time.sleep(60)", name="command")
        with pytest.raises(ProcessError, match="The worker ended: nothing was said"):
            supervisor.run(command)
        assert not command.alive


def test_a_closed_terminal_is_noticed_even_without_a_signal(tmp_path: Path) -> None:
    master, slave = pty.openpty()
    code = "from demo.processes import Terminal\nimport time\nt = Terminal()\nprint('open', t.is_gone(), flush=True)\n"
    code += "while not t.is_gone(): time.sleep(0.05)\n"
    with subprocess.Popen([sys.executable, "-c", code], stdin=slave, stdout=subprocess.PIPE, text=True) as watcher:
        os.close(slave)
        assert watcher.stdout is not None
        assert watcher.stdout.readline() == "open False\n"
        os.close(master)
        assert watcher.wait(10) == 0


def test_a_taken_port_is_seen() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert not processes.port_is_free(taken.getsockname()[1])
    assert processes.port_is_free(processes.free_port())


if sys.platform == "linux":  # only Linux can tie a process to its parent's life

    def test_children_do_not_outlive_a_launcher_that_was_killed(tmp_path: Path) -> None:
        launcher = """
import sys, time
from pathlib import Path
from demo.processes import Process
child = Process("child", [sys.executable, "-c", "import time; time.sleep(60)"], {}, Path.cwd(), Path(sys.argv[1]))
child.start()
print(child.popen.pid, flush=True)
time.sleep(60)
"""
        with subprocess.Popen(
            [sys.executable, "-c", launcher, str(tmp_path / "log")], stdout=subprocess.PIPE, text=True
        ) as parent:
            assert parent.stdout is not None
            child = int(parent.stdout.readline())
            assert is_running(child)
            parent.send_signal(signal.SIGKILL)
        assert wait_for(lambda: not is_running(child))
