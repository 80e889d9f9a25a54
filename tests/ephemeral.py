"""A real PostgreSQL and a real Redis, on free ports, that run for the length of a with block and leave no files.

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


@dataclass(frozen=True)
class PostgreSQL:
    """A running server. Call `new_database` for each user of it."""

    port: int
    folder: Path
    process: Process

    def restart(self) -> None:
        """End every connection, stop the server and start it again on the same data."""
        self.process.stop(seconds=30)
        self.process.start()
        self.wait_until_ready()

    def wait_until_ready(self) -> None:
        """Return when the server accepts connections. Raise ProcessError if it does not."""
        self.process.wait_until(lambda: _accepts(self))

    def url(self, database: str = "postgres") -> str:
        """The address of one of its databases, for DATABASE_URL and for psycopg."""
        return f"postgres://portal:{PASSWORD}@127.0.0.1:{self.port}/{database}"

    def new_database(self) -> str:
        """The address of a new, empty database."""
        name = f"portal_{secrets.token_hex(4)}"
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return self.url(name)

    def dump(self, url: str) -> str:
        """The contents of a database as SQL text."""
        command = [str(self.folder / "pg_dump"), "--dbname", url, "--inserts"]
        return subprocess.run(command, env=clean_environment(), check=True, capture_output=True, text=True).stdout


@contextlib.contextmanager
def postgresql() -> Iterator[PostgreSQL]:
    """A PostgreSQL server. It refuses to run as root, so root runs it as an unprivileged user."""
    folder = programs.needed(programs.postgresql())
    user = _unprivileged() if os.geteuid() == 0 else None
    with _directory(user) as directory, Supervisor() as supervisor:
        _make_cluster(folder, directory, user)
        port = free_port()
        process = supervisor.start(_postgresql_process(folder, directory, port, user))
        server = PostgreSQL(port, folder, process)
        server.wait_until_ready()
        yield server


def _make_cluster(folder: Path, directory: Path, user: str | None) -> None:
    """Run initdb. https://www.postgresql.org/docs/current/app-initdb.html"""
    password = directory / "password"
    password.write_text(PASSWORD)
    if user:
        shutil.chown(password, user)
    options = ["--username=portal", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"]
    command = [str(folder / "initdb"), f"--pgdata={directory / 'data'}", f"--pwfile={password}", *options]
    subprocess.run(command, env=clean_environment(), cwd=directory, user=user, check=True, capture_output=True)


def _postgresql_process(folder: Path, directory: Path, port: int, user: str | None) -> Process:
    """A PostgreSQL server, not started yet. It does not force writes to disk, because nothing must survive a crash."""
    settings = {
        "port": str(port),
        "unix_socket_directories": str(directory),
        "listen_addresses": "127.0.0.1",
        "fsync": "off",
        "full_page_writes": "off",
        "max_connections": "50",
    }
    options = [f"--{name}={value}" for name, value in settings.items()]
    command = [str(folder / "postgres"), "-D", str(directory / "data"), *options]
    log, stop = directory / "log", signal.SIGINT
    return Process("PostgreSQL", command, clean_environment(), directory, log, user=user, stop_signal=stop)


@contextlib.contextmanager
def redis_server() -> Iterator[str]:
    """A Redis server. Yields its address."""
    with _directory(None) as directory, Supervisor() as supervisor:
        port = free_port()
        process = supervisor.start(redis_process(directory, port))
        process.wait_until(lambda: _pings(redis_url(port)))
        yield redis_url(port)


def redis_url(port: int) -> str:
    """The address of a Redis server on this port, for REDIS_URL."""
    return f"redis://:{PASSWORD}@127.0.0.1:{port}/0"


def redis_process(directory: Path, port: int) -> Process:
    """A Redis server, not started yet. It logs every write command, so that tests can look for secrets in the log."""
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
    """A new key ring, for PORTAL_KEYS."""
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
    """Run the command while both servers run, and return its exit status."""
    with postgresql() as database, redis_server() as redis_url:
        environment = {**os.environ, "DATABASE_URL": database.new_database(), "REDIS_URL": redis_url}
        return subprocess.run(command, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
