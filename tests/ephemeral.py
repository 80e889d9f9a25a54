"""Temporary PostgreSQL and Redis servers on free ports. They and their data are removed when the with block ends.

`python -m tests.ephemeral COMMAND...` runs a command with DATABASE_URL and REDIS_URL pointing at such servers.
"""

import contextlib
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import redis
from psycopg import sql

from demo.processes import Process, Supervisor, clean_environment, free_port
from registrations.encryption import KeyRing
from tests import programs

PASSWORD = secrets.token_hex(16)
INITDB_OPTIONS = ("--username=portal", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync")
SERVER_SETTINGS = {"listen_addresses": "127.0.0.1", "fsync": "off", "full_page_writes": "off"}


@dataclass(frozen=True)
class PostgreSQL:
    """A running server. Each user of it needs a database of its own."""

    port: int
    folder: Path
    process: Process

    def restart(self) -> None:
        """End every connection, stop the server and start it again on the same data."""
        self.process.stop(seconds=30)
        self.process.start()
        self.wait_until_ready()

    def wait_until_ready(self) -> None:
        """Wait until it accepts connections."""
        self.process.wait_until(lambda: _accepts(self))

    def url(self, database: str = "postgres") -> str:
        """The URL of one of its databases, for DATABASE_URL and for psycopg."""
        return f"postgres://portal:{PASSWORD}@127.0.0.1:{self.port}/{database}"

    def new_database(self) -> str:
        """Create an empty database and return its URL."""
        name = f"portal_{secrets.token_hex(4)}"
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return self.url(name)

    def dump(self, url: str) -> str:
        """The content of a database, as SQL text."""
        command = [str(self.folder / "pg_dump"), "--dbname", url, "--inserts"]
        return subprocess.run(command, env=clean_environment(), check=True, capture_output=True, text=True).stdout


@contextlib.contextmanager
def postgresql() -> Iterator[PostgreSQL]:
    """A PostgreSQL server. It refuses to run as root, so root runs it as another user."""
    folder = programs.needed(programs.postgresql())
    user = _unprivileged() if os.geteuid() == 0 else None
    with _directory(user) as directory, Supervisor() as supervisor:
        data, port = directory / "data", free_port()
        password = directory / "password"
        password.write_text(PASSWORD)
        if user:
            shutil.chown(password, user)
        initdb = [str(folder / "initdb"), f"--pgdata={data}", f"--pwfile={password}", *INITDB_OPTIONS]
        subprocess.run(initdb, env=clean_environment(), cwd=directory, user=user, check=True, capture_output=True)
        settings = [f"--{name}={value}" for name, value in SERVER_SETTINGS.items()]
        command = [str(folder / "postgres"), "-D", str(data), "-p", str(port), "-k", str(directory), *settings]
        log = directory / "log"
        stop = signal.SIGINT
        process = Process("PostgreSQL", command, clean_environment(), directory, log, user=user, stop_signal=stop)
        server = PostgreSQL(port, folder, supervisor.start(process))
        server.wait_until_ready()
        yield server


@contextlib.contextmanager
def redis_server() -> Iterator[str]:
    """A Redis server. Yields its URL."""
    with _directory(None) as directory, Supervisor() as supervisor:
        port = free_port()
        process = supervisor.start(redis_process(directory, port))
        process.wait_until(lambda: _pings(redis_url(port)))
        yield redis_url(port)


def redis_url(port: int) -> str:
    """The URL of a Redis server on this port, for REDIS_URL."""
    return f"redis://:{PASSWORD}@127.0.0.1:{port}/0"


def redis_process(directory: Path, port: int) -> Process:
    """A Redis server, not started yet. It logs every write command, for tests that search it for secrets."""
    directory.mkdir(parents=True, exist_ok=True)
    configuration = [
        f"port {port}",
        "bind 127.0.0.1",
        f"requirepass {PASSWORD}",
        f'dir "{directory}"',
        'save ""',
        "appendonly yes",
        "auto-aof-rewrite-percentage 0",
    ]
    command = [str(programs.needed(programs.redis_server())), "-"]
    log = directory / "redis.log"
    return Process("broker", command, clean_environment(), directory, log, stdin="\n".join(configuration) + "\n")


def portal_key() -> str:
    """A fresh key ring, for PORTAL_KEYS."""
    return KeyRing.new_key("k1")


def _unprivileged() -> str:
    return next(entry.pw_name for name in ("postgres", "nobody") for entry in pwd.getpwall() if entry.pw_name == name)


@contextlib.contextmanager
def _directory(user: str | None) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="syncportal-", ignore_cleanup_errors=True) as name:
        if user:
            shutil.chown(name, user)
        yield Path(name)


def _accepts(server: PostgreSQL) -> bool:
    try:
        psycopg.connect(server.url(), connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def _pings(url: str) -> bool:
    try:
        with contextlib.closing(redis.Redis.from_url(url, socket_connect_timeout=1)) as client:
            return bool(client.ping())
    except redis.ConnectionError:
        return False


def main(command: list[str]) -> int:
    """Run the command with both servers and return its exit status."""
    with postgresql() as database, redis_server() as redis_url:
        environment = {**os.environ, "DATABASE_URL": database.new_database(), "REDIS_URL": redis_url}
        return subprocess.run(command, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
