"""`make dev`: restarts the product's processes when a source file changes."""

import time
from collections.abc import Callable, Iterable
from pathlib import Path

from demo.processes import Process, ProcessError, Supervisor

FOLDERS = ("onboarding", "registrations", "syncportal", "templates")
RESTARTS = {  # a changed file's suffix: the processes that read such files when they start, or keep them
    ".py": {"portal", "worker", "scheduler"},
    ".html": {"portal", "worker"},  # the worker writes mails
    ".txt": {"portal", "worker"},
    ".css": {"portal"},
    ".js": {"portal"},
    ".svg": {"portal"},
}
LOOK_SECONDS = 0.5


class Sources:
    """The source files below some folders."""

    def __init__(self, folders: Iterable[Path]) -> None:
        self._folders = list(folders)
        self._times = self._look()

    def changed(self) -> set[Path]:
        """The files that were changed, added or removed since the last call."""
        before, self._times = self._times, self._look()
        return {path for path, _ in before.items() ^ self._times.items()}

    def _look(self) -> dict[Path, int]:
        times: dict[Path, int] = {}
        for folder in self._folders:
            for path in folder.rglob("*"):
                if path.suffix in RESTARTS:
                    try:
                        times[path] = path.stat().st_mtime_ns
                    except FileNotFoundError:  # removed, or replaced by an editor at this moment
                        continue
        return times


class Reloader:
    """Restarts processes after a change. One that does not start waits for the next change, and ends nothing else."""

    def __init__(self, supervisor: Supervisor, sources: Sources, say: Callable[[str], None]) -> None:
        names = set().union(*RESTARTS.values())
        self._processes = [process for process in supervisor.processes if process.name in names]
        self._supervisor, self._sources, self._say = supervisor, sources, say
        self._ended: set[str] = set()
        for process in self._processes:
            process.may_end = True

    def watch(self, ended: Callable[[], bool]) -> None:
        """Return when `ended` says so. Raises ProcessError if the sandbox or the broker ends before that."""
        while not ended():
            self._supervisor.check()
            self.look()
            time.sleep(LOOK_SECONDS)

    def look(self) -> None:
        """Restart what uses a changed file, and say which process has ended."""
        changed = self._sources.changed()
        if changed:
            self._restart(changed)
        for process in self._processes:
            if not process.alive and process.name not in self._ended:
                self._ended.add(process.name)
                self._say(f"The {process.name} ended: {process.why_it_ended()} (log: {process.log})")

    def _restart(self, changed: set[Path]) -> None:
        names = set().union(*(RESTARTS[path.suffix] for path in changed)) | self._ended
        chosen = [process for process in self._processes if process.name in names]
        self._say(f"{', '.join(sorted(path.name for path in changed))} changed: restarting {_listed(chosen)}")
        for process in chosen:
            process.stop()
        for process in chosen:
            self._ended.discard(process.name)
            process.start()
        for process in chosen:
            try:
                process.wait_until_ready()
            except ProcessError as error:
                self._ended.add(process.name)
                self._say(f"{error}. It starts again with the next change.")
        if not self._ended:
            self._say("Ready")


def _listed(processes: list[Process]) -> str:
    return ", ".join(process.name for process in processes)
