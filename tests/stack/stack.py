"""SyncPortal as it really runs: its own processes beside the sandbox, in one directory, on ports that were free."""

import contextlib
import json
import os
import secrets
import sqlite3
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from demo import services
from demo.processes import Process, Supervisor, free_port
from demo.seeding import Memory, Seeding
from demo.services import Layout, Ports
from tests import ephemeral
from tests.ephemeral import PostgreSQL

PATIENCE_SECONDS = 60.0


@dataclass
class Stack:
    """One running installation."""

    layout: Layout
    supervisor: Supervisor
    server: PostgreSQL | None
    broker: Callable[[], Process]
    said: list[str] = field(default_factory=list)

    @property
    def seeding(self) -> Seeding:
        """The demo's own seed, to be carried out step by step."""
        return Seeding(self.layout, self.supervisor, Memory(self.layout.directory / "demo.json"), self.said.append)

    @property
    def seed(self) -> dict[str, Any]:
        """What the sandbox says it was seeded with."""
        return self.seeding.seed

    @property
    def host(self) -> str:
        """The seeded instance's host."""
        return self.seeding.host

    def manage(self, *arguments: str) -> str:
        """Run one of the product's commands and return what it printed. Raises ProcessError if it fails."""
        return self.supervisor.run(services.manage(self.layout, *arguments))

    def manage_json(self, *arguments: str) -> list[dict[str, Any]]:
        """The same with --json: one object a line."""
        return [json.loads(line) for line in self.manage(*arguments, "--json").splitlines()]

    def process(self, name: str) -> Process:
        """One of the running processes."""
        return next(process for process in self.supervisor.processes if process.name == name)

    def end(self, name: str, *, politely: bool = True) -> None:
        """End one process, or kill it with all it started, as a crash would."""
        process = self.process(name)
        self.supervisor.processes.remove(process)
        if politely:
            process.stop()
        else:
            process.kill()

    def ask_to_stop(self, name: str, patience: float, *, with_children: bool = False) -> float:
        """Send SIGTERM and return the seconds until the process has ended by itself. Raises TimeoutExpired after patience.

        With children the signal goes to all that it started too, as some service managers do.
        """
        process = self.process(name)
        self.supervisor.processes.remove(process)
        began = time.monotonic()
        assert process.popen is not None
        if with_children:
            os.killpg(process.popen.pid, process.stop_signal)
        else:
            process.popen.send_signal(process.stop_signal)
        try:
            process.popen.wait(patience)
        finally:
            took = time.monotonic() - began
            process.kill()
        return took

    def start_worker(self) -> None:
        """Start another worker and wait until it takes work."""
        worker = self.supervisor.start(services.worker(self.layout))
        worker.wait_until(lambda: worker.said(" ready."))

    def start_broker(self) -> None:
        """Start the broker, with what it kept; it stays the first to start and so the last to stop."""
        process = self.supervisor.start(self.broker())
        self.supervisor.processes.insert(0, self.supervisor.processes.pop())
        process.wait_until(lambda: services.answers(self.layout.ports.broker))

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        """Ask the database itself; a change is committed."""
        if self.server is not None:
            with psycopg.connect(self.layout.database_url) as postgresql:
                cursor = postgresql.execute(statement.encode())
                return cursor.fetchall() if cursor.description else []
        with contextlib.closing(sqlite3.connect(self._sqlite, timeout=20)) as sqlite, sqlite:
            return sqlite.execute(statement).fetchall()

    def sandbox(self, name: str, body: dict[str, Any] | None = None, method: str = "") -> Any:
        """The sandbox's control API: look (no body) or change."""
        request = urllib.request.Request(
            f"{self.layout.people_url}/_sandbox/{name}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
            method=method or ("GET" if body is None else "POST"),
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def everything_kept(self) -> str:
        """Database, broker (with every message that ever passed it) and all logs, as one text."""
        if self.server is not None:
            parts = [self.server.dump(self.layout.database_url)]
        else:
            with contextlib.closing(sqlite3.connect(self._sqlite)) as connection:
                parts = ["\n".join(connection.iterdump())]
        ours = [path for path in self.layout.directory.rglob("*") if path.is_file() and self._is_ours(path)]
        return "\n".join([*parts, *(path.read_bytes().decode("latin-1") for path in ours)])

    @property
    def _sqlite(self) -> Path:
        return self.layout.directory / "syncportal.sqlite3"

    def _is_ours(self, path: Path) -> bool:
        return self.layout.sandbox_directory not in path.parents and path.name != "demo.json"


@contextlib.contextmanager
def on_embedded_defaults(directory: Path) -> Iterator[Stack]:
    """SQLite and the embedded broker: what the demo and a small installation use."""
    password, ports = secrets.token_urlsafe(24), _ports()
    layout = Layout(
        directory,
        ports,
        database_url=services.sqlite_url(directory / "syncportal.sqlite3"),
        redis_url=f"redis://:{password}@127.0.0.1:{ports.broker}/0",
        broker_password=password,
    )
    with Supervisor() as supervisor:
        stack = Stack(layout, supervisor, None, lambda: services.broker(layout))
        services.start(layout, supervisor, stack.said.append)
        yield stack


@contextlib.contextmanager
def on_servers(directory: Path) -> Iterator[Stack]:
    """PostgreSQL and Redis: what a large installation uses."""
    with ephemeral.postgresql() as server, Supervisor() as supervisor:
        ports = _ports()
        layout = Layout(
            directory,
            ports,
            database_url=server.new_database(),
            redis_url=ephemeral.redis_url(ports.broker),
            keys={"SECRET_KEY": secrets.token_urlsafe(50), "PORTAL_KEYS": ephemeral.portal_key()},
        )
        stack = Stack(layout, supervisor, server, lambda: ephemeral.redis_process(directory / "redis", ports.broker))
        stack.start_broker()
        services.start(layout, supervisor, stack.said.append)
        yield stack


def _ports() -> Ports:
    return Ports(*(free_port() for _ in range(5)))
