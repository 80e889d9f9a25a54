"""`python -m demo`: start everything, seed the example, say where to look, and wait.

`--dev` restarts what uses a changed source file; `--reset` deletes its data.
"""

import argparse
import contextlib
import fcntl
import http.client
import os
import secrets
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

from demo import processes, reloading, seeding, services
from demo.processes import ProcessError, Supervisor
from demo.reloading import Reloader, Sources
from demo.seeding import Memory, Seeding
from demo.services import Layout, Ports

DIRECTORY = services.PROJECT / "var" / "demo"
PORT_VARIABLES = {  # variable: (field of Ports, what wants it)
    "DEMO_PORT": ("portal", "the portal"),
    "DEMO_SANDBOX_HTTPS_PORT": ("sandbox_https", "the sandbox (Entra ID, Graph, UMP)"),
    "DEMO_SANDBOX_HTTP_PORT": ("sandbox_http", "the sandbox's pages"),
    "DEMO_SMTP_PORT": ("smtp", "the sandbox's mail server"),
    "DEMO_BROKER_PORT": ("broker", "the embedded broker"),
}


class Clock:
    """Prints progress messages with the time since the start."""

    def __init__(self) -> None:
        self.started = time.monotonic()

    def say(self, words: str) -> None:
        """Print one line with the seconds since the start."""
        show(f"{time.monotonic() - self.started:5.1f} s  {words}")


def show(words: str) -> None:
    """Print. Ignore a closed terminal: the processes must still be stopped."""
    try:
        print(words, flush=True)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def main() -> int:
    """Run the demo until Ctrl-C, SIGTERM or a closed terminal. Returns 0, or 1 after an error."""
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    parser.add_argument("--directory", type=Path, default=DIRECTORY, help="where the demo keeps everything")
    parser.add_argument("--reset", action="store_true", help="delete the demo's data")
    parser.add_argument("--dev", action="store_true", help="restart the product's processes when their code changes")
    options = parser.parse_args()
    directory = options.directory.resolve()
    try:
        with alone(directory):
            if options.reset:
                reset(directory)
            else:
                play(directory, ports_wanted(directory), dev=options.dev)
    except ProcessError as error:
        show(str(error))
        return 1
    except KeyboardInterrupt:
        pass
    return 0


@contextlib.contextmanager
def alone(directory: Path) -> Iterator[None]:
    """Lock the directory against a second demo, and turn each stop signal into KeyboardInterrupt."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:  # nohup keeps its meaning
            signal.signal(number, interrupt)
    if "MAKELEVEL" in os.environ:
        processes.end_with_parent()
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (directory / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ProcessError("The demo runs already, in another terminal. End it there with Ctrl-C.") from None
        yield


def reset(directory: Path) -> None:
    """Delete the demo's directory, after checking that it is one."""
    if (directory / "demo.json").exists():
        shutil.rmtree(directory)
        show("The demo's data is deleted.")
    else:
        show("There is no demo data to delete.")


def interrupt(number: int, frame: object) -> None:
    """The one reaction to any signal: leave every with block, which stops what it started."""
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)  # a second Ctrl-C must not interrupt the shutdown
    raise KeyboardInterrupt


def ports_wanted(directory: Path) -> Ports:
    """The ports from the environment. Raises ProcessError, naming the port and its owner, if one is invalid or in use."""
    made_for = Memory(directory / "demo.json")["ports"] or []
    wanted: dict[str, int] = {}
    for variable, (name, owner) in PORT_VARIABLES.items():
        text = os.environ.get(variable) or str(getattr(Ports, name))
        if not text.isdecimal() or not 0 < int(text) < 65536:
            raise ProcessError(f"{variable} is not a port number: {text}")
        port = wanted[name] = int(text)
        if not processes.port_is_free(port):
            other = f"{variable}={port + 1} make demo"
            if port in made_for:  # the database and the sandbox keep its addresses
                other = f"free it, or start over on another port: make demo-reset, then {other}"
            else:
                other = f"Choose another: {other}"
            raise ProcessError(f"Port {port} is taken, and {owner} wants it. {other[0].upper()}{other[1:]}")
    return Ports(**wanted)


def play(directory: Path, ports: Ports, *, dev: bool) -> None:
    """Start, seed, tell, and wait. Raises ProcessError as soon as anything fails."""
    clock = Clock()
    password = secrets.token_urlsafe(24)
    layout = Layout(
        directory,
        ports,
        database_url=services.sqlite_url(directory / "syncportal.sqlite3"),
        redis_url=f"redis://:{password}@127.0.0.1:{ports.broker}/0",
        broker_password=password,
        from_sources=dev,
    )
    memory = Memory(directory / "demo.json")
    seeding.remember_addresses(memory, layout)
    for old_log in (directory / "logs").glob("*.log"):
        old_log.unlink()
    with Supervisor() as supervisor:
        services.start(layout, supervisor, clock.say)
        seed = Seeding(layout, supervisor, memory, clock.say)
        seed.run()
        write_environment_file(layout)
        clock.say("Ready\n")
        show(where_to_look(layout, seed))
        try:
            wait(supervisor, clock.say, dev=dev)
        except KeyboardInterrupt:
            show("\nStopping")
            raise


def wait(supervisor: Supervisor, say: Callable[[str], None], *, dev: bool) -> None:
    """Wait until the terminal is closed. Raises ProcessError as soon as a process ends before that."""
    ended = processes.Terminal().is_gone
    if dev:
        sources = Sources(services.PROJECT / folder for folder in reloading.FOLDERS)
        show("A change of the code restarts what uses it.\n")
        Reloader(supervisor, sources, say).watch(ended)
    else:
        supervisor.watch(ended)


def write_environment_file(layout: Layout) -> None:
    """Save the settings of this run, for commands that are run by hand."""
    ours = {name: value for name, value in layout.environment().items() if name not in processes.clean_environment()}
    lines = [f"{name}={value}" for name, value in ours.items() if name != "SYNCPORTAL_ENV_FILE"]
    seeding.private_file(layout.directory / "environment", "\n".join(lines) + "\n")


def where_to_look(layout: Layout, seed: Seeding) -> str:
    """The summary shown once all is ready: URLs, sign-ins and the account to pick."""
    customer = seed.seed["customer"]
    rows = [("Admin", layout.admin_url)]
    for name, (group, _, password) in seeding.STAFF.items():
        rows.append((f"  {group[:-1]}", f"{name} / {password}"))
    rows += [
        ("Invitation", seed.memory["link"]),
        ("Mailbox", f"{layout.people_url}/mailbox/"),
        ("Microsoft", f"the sandbox's sign-in page: pick {customer['admin_upn']}, {customer['name']}'s administrator"),
        ("Commands", f"SYNCPORTAL_ENV_FILE={_shown(layout.directory / 'environment')} .venv/bin/python manage.py help"),
        ("Logs", _shown(layout.directory / "logs")),
    ]
    if link_is_used(seed.memory["link"]):
        rows.insert(4, ("", "(already used; send a new invitation in the admin, or start over with make demo-reset)"))
    lines = [f"  {label:<12}{text}" for label, text in rows]
    return "\n".join([*lines, "", "Ctrl-C stops everything. make demo-reset deletes its data."])


def link_is_used(link: str) -> bool:
    """Ask the landing page, which changes nothing when it is opened; 410 means used or no longer valid."""
    parts = urlsplit(link)
    # Browsers resolve *.localhost themselves; Python asks the system's resolver, which may not.
    connection = http.client.HTTPConnection("127.0.0.1", parts.port or 80, timeout=5)
    with contextlib.closing(connection):
        connection.request("GET", parts.path, headers={"Host": parts.netloc})
        return connection.getresponse().status == HTTPStatus.GONE


def _shown(path: Path) -> str:
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)


if __name__ == "__main__":
    sys.exit(main())
