"""A test environment of real PostgreSQL, Redis, Celery workers, scheduler, portal and sandbox, with means to disturb each."""

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
from tests.chaos.request_operations import FOLDERS
from tests.chaos.sample import Sample
from tests.ephemeral import PostgreSQL

SHORT_TIMEOUTS = {"OPERATION_LEASE_SECONDS": "5", "REMOTE_TIMEOUT_SECONDS": "5"}
PROCESSES, THREADS = 2, 4  # of the worker
PORTAL_SHARES = 8  # the default of GRAPH_RATE_LIMIT_SHARES: enough for this many processes
ENDED = ("succeeded", "failed", "cancelled")


@dataclass
class Environment:
    """One running installation."""

    layout: Layout
    supervisor: Supervisor
    server: PostgreSQL
    directory: Path
    module: str = "tests.chaos.worker"
    processes: int = PROCESSES
    threads: int = THREADS
    sample: Sample = field(default_factory=Sample)  # which rows run
    rng: random.Random = field(default_factory=lambda: random.Random(0))  # noqa: S311  repeatable, not secret
    already_reported: set[str] = field(default_factory=set)  # leftovers that a row has counted
    ready_at: float = field(default_factory=time.monotonic)  # time.monotonic()
    failures: list[str] = field(default_factory=list)  # faults of the product that no row has counted yet
    _held_back: Counter[str] = field(default_factory=Counter)

    @property
    def seeding(self) -> Seeding:
        """The demo's seeding, to be run step by step."""
        return Seeding(self.layout, self.supervisor, Memory(self.layout.directory / "demo.json"), lambda _: None)

    @property
    def seed(self) -> dict[str, Any]:
        """The content of the sandbox's seed.json."""
        return self.seeding.seed

    def request(
        self,
        kind: str,
        count: int,
        *,
        points: list[Any] | None = None,
        deletions: list[Any] | None = None,
        record: bool = False,
        hang: tuple[str, float] | None = None,
    ) -> list[str]:
        """Request operations and return their ids. With `points`, the worker of each is killed at its point.

        With `deletions` (step and way), what each stands on is deleted before that step.
        `hang`: a step of each hangs once, "before" or "after" its first POST, for so many seconds.
        """
        command = [kind, str(count)]
        if hang is not None:
            command += ["--hang", json.dumps(hang)]
        if points is not None:
            file = self.directory / f"points-{secrets.token_hex(4)}.json"
            file.write_text(json.dumps(points))
            command += ["--points", str(file)]
        if record:
            command.append("--record")
        if deletions is not None:
            file = self.directory / f"deletions-{secrets.token_hex(4)}.json"
            file.write_text(json.dumps(deletions))
            command += ["--deletions", str(file)]
        output = self.run_module("tests.chaos.request_operations", *command)
        return [json.loads(line)["operation"] for line in output.splitlines()]

    def run_module(self, module: str, *arguments: str) -> str:
        """Run a module as a process with the product's settings. Returns its output."""
        log = self.layout.directory / "logs" / "scripts.log"
        command = [sys.executable, "-m", module, *arguments]
        return self.supervisor.run(Process("script", command, self.layout.environment(), services.PROJECT, log))

    def finish(self, operations: list[str], seconds: float) -> None:
        """Wait until all have ended, at most so many seconds. Operations that have not ended by then count as lost."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if all(status in ENDED for status, _ in self.states(operations).values()):
                return
            time.sleep(0.3)

    def states(self, operations: list[str]) -> dict[str, tuple[str, str]]:
        """Status and message of each operation."""
        statement = "SELECT id::text, status, message FROM registrations_operation WHERE id = ANY(%s::uuid[])"
        return {pk: (status, message) for pk, status, message in self.query(statement, [operations])}

    def count(self, operations: list[str], *statuses: str) -> int:
        """How many of them have one of these statuses; without statuses, how many have not ended."""
        known = [status for status, _ in self.states(operations).values()]
        return sum(status in statuses if statuses else status not in ENDED for status in known)

    def wait_until(self, ready: Callable[[], Any], seconds: float) -> bool:
        """Poll until the condition holds. Returns whether it did in time."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if ready():
                return True
            time.sleep(0.05)
        return False

    def recorded(self, operation: str) -> list[str]:
        """The kill points that a recorded operation passed, in order and without repetition."""
        lines = (self.directory / "record" / operation).read_text().splitlines()
        return list(dict.fromkeys(json.loads(line) for line in lines))

    def plan(self, name: str, point: str = "", *, record: bool = False) -> None:
        """For code that runs outside an operation: kill the first process at this point, or record the points, or neither."""
        for folder in FOLDERS:
            (self.directory / folder / name).unlink(missing_ok=True)
        if record:
            (self.directory / "record" / name).touch()
        if point:
            (self.directory / "plan" / name).write_text(json.dumps(point))

    def was_killed(self, operation: str) -> bool:
        """Whether its worker was killed at the planned point."""
        return (self.directory / "killed" / operation).exists()

    def query(self, statement: str, values: Any = None) -> list[tuple[Any, ...]]:
        """Run a statement and return its rows; retried for ten seconds while the server restarts."""
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
        """Call the sandbox's control API: GET without a body, POST with one."""
        request = urllib.request.Request(
            f"{self.layout.people_url}/_sandbox/{name}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
            method=method or ("GET" if body is None else "POST"),
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def fault(self, **script: Any) -> None:
        """Script a fault of the sandbox."""
        self.sandbox("faults", script)

    def reset_held_back(self) -> None:
        """Reset the counters of the objects that the sandbox hides or refuses because they are not replicated yet."""
        self._held_back = self._all_held_back()

    def held_back(self) -> Counter[str]:
        """How often the sandbox hid or refused an object that was not replicated yet, by kind, since the reset."""
        return self._all_held_back() - self._held_back

    def _all_held_back(self) -> Counter[str]:
        return Counter(self.sandbox("held-back"))

    # Processes

    def process(self, name: str) -> Process:
        """A running process by its name."""
        return next(process for process in self.supervisor.processes if process.name == name)

    def kill(self, name: str) -> None:
        """Kill a process and its children, like a crash."""
        process = self.process(name)
        self.supervisor.processes.remove(process)
        process.kill()

    def start_worker(self, **settings: str) -> Process:
        """Start the worker's processes, kept running and instrumented; `settings` override the environment's."""
        command = ["worker", str(self.processes), "--concurrency", str(self.threads), "--loglevel", "INFO"]
        quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
        worker = self._celery("worker", *command, *quiet, **settings)
        worker.wait_until(lambda: worker.said(" ready."), seconds=90)
        return worker

    def restart_worker(self, processes: int, threads: int) -> None:
        """Kill the worker and start it with other numbers, which later starts use too."""
        self.kill("worker")
        self.processes, self.threads = processes, threads
        self.start_worker()

    def hung(self, operation: str) -> bool:
        """Whether its step began to hang."""
        return (self.directory / "hung" / operation).exists()

    def start_scheduler(self, name: str = "scheduler") -> Process:
        """Start a scheduler that sweeps every second."""
        schedule = str(self.layout.directory / f"schedule-{name}")
        return self._celery(name, "beat", "--schedule", schedule, "--loglevel", "INFO")

    def start_broker(self) -> Process:
        """Start Redis on its existing data."""
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
def running_environment(
    module: str = "tests.chaos.worker",
    processes: int = PROCESSES,
    threads: int = THREADS,
    settings: Mapping[str, str] = SHORT_TIMEOUTS,
) -> Iterator[Environment]:
    """Start everything, connect the tenant and provision the seeded instance.

    `module` starts so many worker processes with so many threads each; `settings` are environment variables of the product. After an
    error the logs are kept in var/chaos-logs.
    """
    with tempfile.TemporaryDirectory(prefix="syncportal-chaos-", ignore_cleanup_errors=True) as name:
        directory = Path(name)
        with ephemeral.postgresql() as server, Supervisor() as supervisor:
            layout = _layout(directory, server, processes, settings)
            environment = Environment(layout, supervisor, server, directory, module, processes, threads)
            try:
                _start(environment)
                environment.ready_at = time.monotonic()
                yield environment
            except BaseException:
                _save_logs(environment)
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


def _start(environment: Environment) -> None:
    layout, supervisor = environment.layout, environment.supervisor
    for folder in FOLDERS:
        (environment.directory / folder).mkdir()
    environment.start_broker()
    sandbox = services.sandbox(layout)
    sandbox.command = [*sandbox.command, "--in-memory"]
    supervisor.start(sandbox)
    seed_file = layout.sandbox_directory / "seed.json"
    sandbox.wait_until(lambda: seed_file.exists() and services.answers(layout.ports.sandbox_http), seconds=60)
    services.prepare(layout, supervisor)
    serving = supervisor.start(services.portal(layout))
    environment.start_worker()
    environment.start_scheduler()
    serving.wait_until(lambda: services.answers(layout.ports.portal), seconds=60)
    environment.seeding.connect_tenant()
    environment.seeding.import_instance()
    environment.seeding.provision()


def _save_logs(environment: Environment) -> None:
    folder = services.PROJECT / "var" / "chaos-logs" / environment.directory.name
    folder.mkdir(parents=True)
    for log in (environment.layout.directory / "logs").glob("*.log"):
        (folder / log.name).write_bytes(log.read_bytes()[-2_000_000:])
