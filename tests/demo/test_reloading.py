"""`make dev` restarts the processes that use a changed file."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo import processes
from demo.processes import Process, ProcessError, Supervisor
from demo.reloading import Reloader, Sources

PROGRAM = "import sys, time; exec(open(sys.argv[1]).read()); print('up'); time.sleep(60)"


class Running:
    """A sandbox and the three processes of the product. Each runs `code.py` when it starts."""

    def __init__(self, folder: Path, supervisor: Supervisor) -> None:
        self.code = folder / "sources" / "code.py"
        self.supervisor = supervisor
        self.said: list[str] = []
        self.code.parent.mkdir()
        self.code.write_text("")
        for name in ("sandbox", "worker", "scheduler", "portal"):
            command = [sys.executable, "-u", "-c", PROGRAM, str(self.code)]
            process = Process(name, command, processes.clean_environment(), folder, folder / f"{name}.log")
            process.ready = lambda running: running.said("up")
            supervisor.start(process).wait_until_ready()
        self.reloader = Reloader(supervisor, Sources([self.code.parent]), self.said.append)

    def pids(self) -> dict[str, int]:
        return {each.name: each.popen.pid for each in self.supervisor.processes if each.popen}

    def write(self, name: str, text: str) -> None:
        """Change a file. Its time moves on even if the clock of the file system is coarse."""
        path = self.code.parent / name
        later = path.stat().st_mtime_ns + 1_000_000_000 if path.exists() else None
        path.write_text(text)
        if later:
            os.utime(path, ns=(later, later))

    def restarted_by(self, name: str, text: str) -> set[str]:
        before = self.pids()
        self.write(name, text)
        self.reloader.look()
        return {process for process, pid in self.pids().items() if pid != before[process]}


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    """The processes, stopped after the test."""
    with Supervisor() as supervisor:
        yield Running(tmp_path, supervisor)


def test_edited_added_and_removed_files_count_as_changed(tmp_path: Path) -> None:
    edited, removed, added = (tmp_path / name for name in ("edited.py", "removed.html", "added.css"))
    for path in (edited, removed, tmp_path / "same.py", tmp_path / "no_source.pyc"):
        path.write_text("1")
    sources = Sources([tmp_path])
    assert sources.changed() == set()
    edited.write_text("2")
    os.utime(edited, ns=(1, 1))
    removed.unlink()
    added.write_text("1")
    (tmp_path / "no_source.pyc").write_text("2")
    assert sources.changed() == {edited, removed, added}
    assert sources.changed() == set()


def test_a_change_restarts_only_the_processes_that_use_the_file(running: Running) -> None:
    assert running.restarted_by("code.py", "1") == {"worker", "scheduler", "portal"}
    assert running.restarted_by("page.html", "1") == {"worker", "portal"}
    assert running.restarted_by("admin.css", "1") == {"portal"}
    assert running.restarted_by("notes.md", "1") == set()
    assert running.said[:2] == ["code.py changed: restarting worker, scheduler, portal", "Ready"]


def test_code_that_fails_to_start_is_retried_at_the_next_change(running: Running) -> None:
    running.write("code.py", "raise SystemExit('a mistake')")
    running.reloader.look()
    running.supervisor.check()
    assert "The portal did not start: a mistake" in "".join(running.said)
    assert running.said[-1] != "Ready"
    assert running.restarted_by("code.py", "") == {"worker", "scheduler", "portal"}
    assert running.said[-1] == "Ready"
    assert all(process.alive for process in running.supervisor.processes)


def test_a_process_that_ends_is_reported_once(running: Running) -> None:
    worker = next(process for process in running.supervisor.processes if process.name == "worker")
    worker.kill()
    running.reloader.look()
    running.reloader.look()
    assert [said.partition(" (log")[0] for said in running.said] == ["The worker ended: SIGKILL from outside"]


def test_the_end_of_the_sandbox_ends_the_demo(running: Running) -> None:
    running.supervisor.processes[0].kill()
    with pytest.raises(ProcessError, match="The sandbox ended"):
        running.reloader.watch(lambda: False)
