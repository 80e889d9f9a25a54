"""`python -m tests.run NAME`: one suite or check, or `all` suites, whatever the caller's environment says.

`units-on-second-python` runs the units on another Python, where this machine has one; it is not among `all`.
A proxy, a DATABASE_URL or a `.env` for the real thing must not reach a test, and a test must not reach them.
"""

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from demo.processes import clean_environment
from demo.services import sqlite_url
from tests import ephemeral, second_python

PYTEST = [sys.executable, "-m", "pytest"]
UNITS = ["-n", "2", "--durations=15", "--ignore=tests/stack", "--ignore=tests/browser"]
COMMANDS = {  # the tests of stack and browser build on each other, so the first failure ends them
    "units-on-sqlite": [*PYTEST, *UNITS],
    "units-on-postgresql": [*PYTEST, *UNITS],
    "stack": [*PYTEST, "--exitfirst", "tests/stack"],
    "browser": [*PYTEST, "--exitfirst", "-n", "2", "--dist", "loadfile", "tests/browser"],
    "screenshots": [*PYTEST, "-n", "2", "tests/browser/screenshots.py"],
    "types": [sys.executable, "-m", "mypy", "."],
    "migrations": [sys.executable, "manage.py", "makemigrations", "--check", "--dry-run"],
}
SUITES = ["units-on-sqlite", "units-on-postgresql", "stack", "browser"]
SECOND_PYTHON = "units-on-second-python"


def run(name: str) -> int:
    """Run one command of the table and return its status."""
    print(f"--- {name} ---", flush=True)
    if name == SECOND_PYTHON:
        return run_on_second_python()
    with environment(real_database=name == "units-on-postgresql") as variables:
        return subprocess.run(COMMANDS[name], env=variables, check=False).returncode


def run_on_second_python() -> int:
    """Run the units on SQLite with another Python; 0 with one line where there is none."""
    python = second_python.find()
    if python is None:
        print(f"Not run: this machine has and offers no second Python beside {sys.version.split()[0]}.", flush=True)
        return 0
    print(f"Preparing {python}", flush=True)
    try:
        interpreter = second_python.environment_of(python)
    except second_python.InstallError as error:
        print(error, file=sys.stderr)
        return 1
    with environment(real_database=False) as variables:
        return subprocess.run([str(interpreter), "-m", "pytest", *UNITS], env=variables, check=False).returncode


@contextlib.contextmanager
def environment(*, real_database: bool) -> Iterator[dict[str, str]]:
    """Variables for a child: a database of its own, and a broker that is not there, since units need none."""
    variables = clean_environment() | {"SYNCPORTAL_ENV_FILE": os.devnull, "REDIS_URL": "redis://127.0.0.1:9/0"}
    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="syncportal-")))
        variables["DATABASE_URL"] = sqlite_url(directory / "syncportal.sqlite3")
        if real_database:
            server = stack.enter_context(ephemeral.postgresql())
            keys = {"SECRET_KEY": "only-for-tests-" * 4, "PORTAL_KEYS": ephemeral.portal_key()}
            variables |= {"DATABASE_URL": server.new_database(), **keys}
        yield variables


def main(names: list[str]) -> int:
    """Run what was asked for; the first failure is the last thing on the screen."""
    for name in SUITES if names == ["all"] else names:
        status = run(name)
        if status:
            return status
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
