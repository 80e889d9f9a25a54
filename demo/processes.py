"""Starts, supervises and stops processes, so that none is left running."""

import contextlib
import ctypes
import os
import select
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

STOP_SECONDS = 5.0
START_SECONDS = 30.0
PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None

# Nothing else of a person's shell reaches a child: a proxy, a DATABASE_URL or DJANGO_SETTINGS_MODULE would break it.
KEPT_VARIABLES = {"PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "LC_CTYPE", "TERM", "TMPDIR", "TZ"}


class ProcessError(Exception):
    """A process did not start, or ended too early. The message is one sentence to show to the user."""


def clean_environment() -> dict[str, str]:
    """The few variables of the caller's environment that say where things are, and none that configures a program."""
    return {name: value for name, value in os.environ.items() if name in KEPT_VARIABLES} | {"PYTHONUNBUFFERED": "1"}


def end_with_parent() -> None:
    """Ask Linux to stop this process when the one that started it dies, however it dies. Elsewhere: nothing."""
    if _libc is not None:
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class Terminal:
    """The terminal of stdin, stdout or stderr, if any. Closing it does not always send a signal, e.g. under ssh."""

    def __init__(self) -> None:
        self._poll = select.poll()
        for descriptor in (0, 1, 2):
            if os.isatty(descriptor):
                self._poll.register(descriptor, 0)  # POLLHUP is always reported

    def is_gone(self) -> bool:
        """True once it was closed."""
        return any(event & select.POLLHUP for _, event in self._poll.poll(0))


def port_is_free(port: int) -> bool:
    """True where nothing listens on the port of either loopback address."""
    return all(_can_bind(family, host, port) for family, host in loopbacks())


def loopbacks() -> list[tuple[socket.AddressFamily, str]]:
    """The loopback addresses of this machine: browsers take either for a name under .localhost."""
    return [
        (family, host)
        for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))
        if _can_bind(family, host, 0)
    ]


def free_port() -> int:
    """A port that was free a moment ago, for a process that cannot choose one itself."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _can_bind(family: socket.AddressFamily, host: str, port: int) -> bool:
    try:
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError:
        return False
    return True


@dataclass
class Process:
    """One child with its log.

    `stdin` is what it reads at its start (a configuration with a password); `user` runs it as somebody else; `ready`
    says whether it does its work; `may_end` keeps its end from being an error to the supervisor; one that ends with
    `restart_status` is started again.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    directory: Path
    log: Path
    stdin: str = ""
    user: str | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    ready: Callable[["Process"], bool] | None = None
    may_end: bool = False
    restart_status: int | None = None
    popen: subprocess.Popen[bytes] | None = field(default=None, init=False)
    _log_start: int = field(default=0, init=False)

    def start(self, stdout: int | None = None) -> None:
        """Start in a session of its own (a terminal's Ctrl-C must not reach it), tied to our life."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._log_start = log.tell()
            self.popen = subprocess.Popen(
                list(self.command),
                env=dict(self.environment),
                cwd=self.directory,
                stdin=subprocess.PIPE if self.stdin else subprocess.DEVNULL,
                stdout=log if stdout is None else stdout,
                stderr=log,
                start_new_session=True,
                user=self.user,
                preexec_fn=end_with_parent,  # noqa: PLW1509  one prctl, and the launcher has one thread
            )
        if self.popen.stdin is not None:
            with contextlib.suppress(BrokenPipeError), self.popen.stdin as stdin:
                stdin.write(self.stdin.encode())

    @property
    def alive(self) -> bool:
        """Whether the process is running."""
        return self.popen is not None and self.popen.poll() is None

    @property
    def asks_for_restart(self) -> bool:
        """Whether it has ended with the status that says so."""
        status = self.popen.poll() if self.popen is not None else None
        return status is not None and status == self.restart_status

    def said(self, words: str) -> bool:
        """True once the log has these words, written since this start."""
        return words in self._log_text()

    def last_line(self) -> str:
        """The last line of the log, since this start, that is not empty."""
        lines = self._log_text().splitlines()
        return next((line.strip() for line in reversed(lines) if line.strip()), "nothing was said")

    def why_it_ended(self) -> str:
        """Its last words, or the signal that ended it: then its last line is about something else."""
        status = self.popen.poll() if self.popen is not None else None
        if status is not None and status < 0:
            return f"{signal.Signals(-status).name} from outside"
        return self.last_line()

    def wait_until(self, ready: Callable[[], bool], seconds: float = START_SECONDS) -> None:
        """Wait for readiness. Raises ProcessError if the process ends or takes longer."""
        deadline = time.monotonic() + seconds
        while not ready():
            if not self.alive:
                raise ProcessError(f"The {self.name} did not start: {self.last_line()} (log: {self.log})")
            if time.monotonic() > deadline:
                raise ProcessError(f"The {self.name} was not ready after {seconds:.0f} s (log: {self.log})")
            time.sleep(0.05)

    def wait_until_ready(self) -> None:
        """Wait until it does its work. Raises ProcessError if the process ends or takes longer."""
        self.wait_until(lambda: self.ready is None or self.ready(self))

    def wait(self) -> int:
        """The exit status, once it has ended by itself."""
        if self.popen is None:
            raise ProcessError(f"The {self.name} was not started.")
        return self.popen.wait()

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """Send the stop signal, wait at most `seconds`, then kill what is left of it and its children."""
        if self.popen is None:
            return
        with contextlib.suppress(ProcessLookupError):
            self.popen.send_signal(self.stop_signal)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.popen.wait(seconds)
        self.kill()

    def kill(self) -> None:
        """Kill it and its children."""
        if self.popen is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.popen.pid, signal.SIGKILL)
            self.popen.wait()

    def _log_text(self) -> str:
        with self.log.open("rb") as log:
            log.seek(self._log_start)
            return log.read().decode(errors="replace")


class Supervisor:
    """The processes of one run: started in order, watched, and stopped in reverse order when the block ends."""

    def __init__(self) -> None:
        self.processes: list[Process] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def start(self, process: Process) -> Process:
        """Start one more process and watch it from now on."""
        self.processes.append(process)
        process.start()
        return process

    def check(self) -> None:
        """Raises ProcessError, naming the process and its log, if one has ended; first starts again what asks for it."""
        for process in self.processes:
            if process.asks_for_restart:
                process.start()
            if not process.alive and not process.may_end:
                raise ProcessError(
                    f"The {process.name} ended: {process.why_it_ended()} (log: {process.log}). "
                    "The others are stopped too. Nothing is lost: start again."
                )

    def watch(self, ended: Callable[[], bool]) -> None:
        """Return when `ended` says so; raises ProcessError as soon as a process ends before that."""
        while not ended():
            self.check()
            time.sleep(0.5)

    def stop(self) -> None:
        """Stop all, the last started first."""
        while self.processes:
            self.processes.pop().stop()

    def run(self, command: Process, hear: Callable[[str], None] | None = None) -> str:
        """Run a command to its end and return its standard output; `hear` gets each line as it comes.

        Raises ProcessError with the command's last words if it fails, or if a watched process ends meanwhile.
        """
        read_end, write_end = os.pipe()
        try:
            command.start(stdout=write_end)
            os.close(write_end)
            output = self._listen(read_end, hear)
            status = command.wait()
        finally:
            os.close(read_end)
            command.kill()
        if status:
            raise ProcessError(f"{command.last_line().removeprefix('CommandError: ')} (log: {command.log})")
        return output

    @contextlib.contextmanager
    def beside(self, command: Process) -> Iterator[None]:
        """Run a command beside the block and wait for its end after it. Raises ProcessError if it fails."""
        try:
            command.start()
            yield
            if command.wait():
                raise ProcessError(f"{command.last_line()} (log: {command.log})")
        finally:
            command.kill()

    def _listen(self, read_end: int, hear: Callable[[str], None] | None) -> str:
        text, heard = b"", 0
        with selectors.DefaultSelector() as selector:
            selector.register(read_end, selectors.EVENT_READ)
            while True:
                self.check()
                if not selector.select(0.2):
                    continue
                chunk = os.read(read_end, 65536)
                text += chunk
                end = text.rfind(b"\n") + 1
                if hear and end > heard:
                    for line in text[heard:end].decode(errors="replace").splitlines():
                        hear(line)
                    heard = end
                if not chunk:
                    return text.decode(errors="replace")
