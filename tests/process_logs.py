"""A pytest plugin: a failing test shows the end of the log of every process that ran during it.

It knows each `demo.processes.Process`. For a program that keeps its logs in a folder of its own, use `watch`.
"""

import contextlib
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest

from demo.processes import Process

LINES = 40  # of each log


class _Seen:
    """What ran since the test began: processes with their logs, and folders of logs."""

    def __init__(self) -> None:
        self.processes: list[Process] = []
        self.last_lines: dict[Path, str] = {}  # of processes that were ended: their logs may be deleted by now
        self.folders: list[Path] = []

    def forget_ended(self) -> None:
        """A new test begins: what ended before it is not its business."""
        self.processes = [process for process in self.processes if process.alive]
        self.last_lines.clear()

    def sections(self) -> Iterator[tuple[str, str]]:
        """A title and the last lines, for each log that is not empty."""
        logs = {process.log: process.name for process in self.processes}
        for folder in self.folders:
            logs |= {log: log.stem for log in sorted(folder.glob("*.log"))}
        for log, name in logs.items():
            lines = _last_lines(log) or self.last_lines.get(log, "")
            if lines:
                yield f"log of {name} ({log})", lines


_seen = _Seen()


@contextlib.contextmanager
def watch(folder: Path) -> Iterator[None]:
    """Within the block, a failing test also shows the logs in this folder."""
    _seen.folders.append(folder)
    try:
        yield
    finally:
        _seen.folders.remove(folder)


def pytest_configure() -> None:
    """Note each process at its start, and its last lines at its end."""
    Process.start = _noting_start(Process.start)  # type: ignore[method-assign]
    Process.kill = _noting_end(Process.kill)  # type: ignore[method-assign, assignment]


def pytest_runtest_setup() -> None:
    """Begin with what still runs."""
    _seen.forget_ended()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the logs to the report of a failure."""
    report = yield
    if report.failed:
        report.sections += _seen.sections()
    return report


def _noting_start(start: Callable[..., None]) -> Callable[..., None]:
    def noted(process: Process, stdout: int | None = None) -> None:
        _seen.processes.append(process)
        start(process, stdout)

    return noted


def _noting_end(kill: Callable[[Process], None]) -> Callable[[Process], None]:
    def noted(process: Process) -> None:
        kill(process)
        _seen.last_lines[process.log] = _last_lines(process.log)

    return noted


def _last_lines(log: Path) -> str:
    try:
        return "\n".join(log.read_text(errors="replace").splitlines()[-LINES:])
    except OSError:
        return ""
