"""The laboratory: real PostgreSQL, Redis, Celery workers, scheduler, portal and sandbox, and ways to hurt each of them."""

import contextlib
import json
import random
import secrets
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psycopg

from demo import services
from demo.processes import Process, Supervisor, free_port
from demo.seeding import Memory, Seeding
from demo.services import Layout, Ports
from tests import ephemeral
from tests.chaos.subjects import FOLDERS
from tests.ephemeral import PostgreSQL

IMPATIENT = {"OPERATION_LEASE_SECONDS": "5", "REMOTE_TIMEOUT_SECONDS": "5"}
WORKERS = 3  # processes of one worker
PORTAL_SHARES = 8  # GRAPH_RATE_LIMIT_SHARES as it is without a setting: enough for so many processes
ENDED = ("succeeded", "failed", "cancelled")


@dataclass
class Laboratory:
    """One installation to be hurt."""

    layout: Layout
    supervisor: Supervisor
    server: PostgreSQL
    directory: Path
    module: str = "tests.chaos.worker"
    processes: int = WORKERS
    chance: random.Random = field(default_factory=lambda: random.Random(0))  # noqa: S311  the same in each run
    blamed: set[str] = field(default_factory=set)  # what is left behind and was counted in a row already
    ready_at: float = field(default_factory=time.monotonic)  # by this machine's monotonic clock
    complaints: list[str] = field(default_factory=list)  # what a hurt found wrong by itself, until a row counts it
    _held_back: Counter[str] = field(default_factory=Counter)

    @property
    def seeding(self) -> Seeding:
        """The demo's seed, step by step."""
        return Seeding(self.layout, self.supervisor, Memory(self.layout.directory / "demo.json"), lambda _: None)

    @property
    def seed(self) -> dict[str, Any]:
        """What the sandbox says it was seeded with."""
        return self.seeding.seed

    def request(self, kind: str, count: int, *, points: list[Any] | None = None, record: bool = False) -> list[str]:
        """Ask for operations; with points each is killed at its own. Returns their ids."""
        command = [kind, str(count)]
        if points is not None:
            file = self.directory / f"points-{secrets.token_hex(4)}.json"
            file.write_text(json.dumps(points))
            command += ["--points", str(file)]
        if record:
            command.append("--record")
        told = self.run_module("tests.chaos.subjects", *command)
        return [json.loads(line)["operation"] for line in told.splitlines()]

    def run_module(self, module: str, *arguments: str) -> str:
        """Run one of our own scripts within the product's environment; what it printed."""
        log = self.layout.directory / "logs" / "scripts.log"
        command = [sys.executable, "-m", module, *arguments]
        return self.supervisor.run(Process("script", command, self.layout.environment(), services.PROJECT, log))

    def finish(self, operations: list[str], seconds: float) -> None:
        """Wait until all have ended, or the time is over: whoever has not ended by then counts as lost."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if all(status in ENDED for status, _ in self.states(operations).values()):
                return
            time.sleep(0.3)

    def states(self, operations: list[str]) -> dict[str, tuple[str, str]]:
        """Status and message of each operation."""
        statement = "SELECT id::text, status, message FROM registrations_operation WHERE id = ANY(%s::uuid[])"
        return {pk: (status, message) for pk, status, message in self.query(statement, [operations])}

    def at_work(self, operations: list[str], *statuses: str) -> int:
        """How many of them are in one of these states; in any that is not an end, where none is named."""
        known = [status for status, _ in self.states(operations).values()]
        return sum(status in statuses if statuses else status not in ENDED for status in known)

    def wait_until(self, ready: Callable[[], Any], seconds: float) -> bool:
        """Whether it came about in time."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if ready():
                return True
            time.sleep(0.05)
        return False

    def recorded(self, operation: str) -> list[str]:
        """The points that a recorded operation passed, in order."""
        lines = (self.directory / "record" / operation).read_text().splitlines()
        return list(dict.fromkeys(json.loads(line) for line in lines))

    def plan(self, name: str, point: str = "", *, record: bool = False) -> None:
        """For what has no operation of its own: kill whoever comes to the point first, or note the points, or neither."""
        for folder in FOLDERS:
            (self.directory / folder / name).unlink(missing_ok=True)
        if record:
            (self.directory / "record" / name).touch()
        if point:
            (self.directory / "plan" / name).write_text(json.dumps(point))

    def was_killed(self, operation: str) -> bool:
        """Whether its worker died at the planned point."""
        return (self.directory / "met" / operation).exists()

    def query(self, statement: str, values: Any = None) -> list[tuple[Any, ...]]:
        """Ask the database, with patience while it restarts."""
        for attempt in range(100):
            try:
                with psycopg.connect(self.layout.database_url, connect_timeout=2) as connection:
                    cursor = connection.execute(statement.encode(), values)
                    return cursor.fetchall() if cursor.description else []
            except psycopg.OperationalError:
                if attempt == 99:
                    raise
                time.sleep(0.1)
        raise AssertionError("unreachable")

    def sandbox(self, name: str, body: dict[str, Any] | None = None, method: str = "") -> Any:
        """The sandbox's control API: look (no body) or change."""
        request = urllib.request.Request(
            f"{self.layout.people_url}/_sandbox/{name}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
            method=method or ("GET" if body is None else "POST"),
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def fault(self, **script: Any) -> None:
        """Script a failure of the sandbox."""
        self.sandbox("faults", script)

    def begin_counting_held_back(self) -> None:
        """Forget what the sandbox has hidden or refused so far because it was young."""
        self._held_back = self._all_held_back()

    def held_back(self) -> Counter[str]:
        """How often the sandbox has hidden or refused what was young since the counting began, by kind."""
        return self._all_held_back() - self._held_back

    def _all_held_back(self) -> Counter[str]:
        return Counter(self.sandbox("held-back"))

    # Processes

    def process(self, name: str) -> Process:
        """One of the running processes."""
        return next(process for process in self.supervisor.processes if process.name == name)

    def kill(self, name: str) -> None:
        """End a process with all it started, as a crash would."""
        process = self.process(name)
        self.supervisor.processes.remove(process)
        process.kill()

    def start_worker(self, **settings: str) -> Process:
        """Start a worker whose processes are watched for points to die at; `settings` are its own, in place of the others'."""
        command = ["worker", "--concurrency", str(self.processes), "--loglevel", "INFO"]
        quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
        worker = self._celery("worker", *command, *quiet, **settings)
        worker.wait_until(lambda: worker.said(" ready."), seconds=90)
        return worker

    def start_scheduler(self, name: str = "scheduler") -> Process:
        """Start a scheduler that sweeps each second."""
        schedule = str(self.layout.directory / f"schedule-{name}")
        return self._celery(name, "beat", "--schedule", schedule, "--loglevel", "INFO")

    def start_broker(self) -> Process:
        """Start Redis, with what it kept."""
        process = ephemeral.redis_process(self.layout.directory / "redis", self.layout.ports.broker)
        self.supervisor.start(process)
        process.wait_until(lambda: services.answers(self.layout.ports.broker), seconds=60)
        return process

    def _celery(self, name: str, *arguments: str, **settings: str) -> Process:
        command = [sys.executable, "-m", self.module, *arguments]
        log = self.layout.directory / "logs" / f"{name}.log"
        environment = {**self.layout.environment(), **settings}
        return self.supervisor.start(Process(name, command, environment, services.PROJECT, log))


@contextlib.contextmanager
def laboratory(
    module: str = "tests.chaos.worker", processes: int = WORKERS, settings: Mapping[str, str] = IMPATIENT
) -> Iterator[Laboratory]:
    """Everything started, the tenant connected, the seeded instance provisioned.

    `module` is the worker's wrapper, `processes` how many it forks, `settings` are the product's.
    """
    with tempfile.TemporaryDirectory(prefix="syncportal-chaos-", ignore_cleanup_errors=True) as name:
        directory = Path(name)
        with ephemeral.postgresql() as server, Supervisor() as supervisor:
            layout = _layout(directory, server, processes, settings)
            made = Laboratory(layout, supervisor, server, directory, module, processes)
            try:
                _start(made)
                made.ready_at = time.monotonic()
                yield made
            except BaseException:
                _keep_logs(made)
                raise


def _layout(directory: Path, server: PostgreSQL, processes: int, settings: Mapping[str, str]) -> Layout:
    ports = Ports(*(free_port() for _ in range(5)))
    base = Layout(directory, ports, database_url=server.new_database(), redis_url=ephemeral.redis_url(ports.broker))
    keys = {
        "SECRET_KEY": secrets.token_urlsafe(50),
        "PORTAL_KEYS": ephemeral.portal_key(),
        "GRAPH_RATE_LIMIT_SHARES": str(max(PORTAL_SHARES, processes)),
        **settings,
        "DJANGO_SETTINGS_MODULE": "syncportal.settings",
        "CHAOS_DIRECTORY": str(directory),
        "CHAOS_PEOPLE_URL": base.people_url,
        "CHAOS_SEED": str(base.sandbox_directory / "seed.json"),
    }
    return replace(base, keys=keys)


def _start(made: Laboratory) -> None:
    layout, supervisor = made.layout, made.supervisor
    for folder in FOLDERS:
        (made.directory / folder).mkdir()
    made.start_broker()
    sandbox = services.sandbox(layout)
    sandbox.command = [*sandbox.command, "--in-memory"]
    supervisor.start(sandbox)
    seed_file = layout.sandbox_directory / "seed.json"
    sandbox.wait_until(lambda: seed_file.exists() and services.answers(layout.ports.sandbox_http), seconds=60)
    services.prepare(layout, supervisor)
    serving = supervisor.start(services.portal(layout))
    made.start_worker()
    made.start_scheduler()
    serving.wait_until(lambda: services.answers(layout.ports.portal), seconds=60)
    made.seeding.connect_tenant()
    made.seeding.import_instance()
    made.seeding.provision()


def _keep_logs(made: Laboratory) -> None:
    folder = services.PROJECT / "var" / "chaos-logs" / made.directory.name
    folder.mkdir(parents=True)
    for log in (made.layout.directory / "logs").glob("*.log"):
        (folder / log.name).write_bytes(log.read_bytes()[-2_000_000:])
