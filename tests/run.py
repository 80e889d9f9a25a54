"""`python -m tests.run NAME`: one suite or check, or `all` suites, whatever the caller's environment says.

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
from tests import ephemeral

PYTEST = [sys.executable, "-m", "pytest"]
UNITS = [*PYTEST, "-n", "2", "--ignore=tests/stack", "--ignore=tests/browser"]
COMMANDS = {  # a story whose first chapter fails is not told further
    "units-on-sqlite": UNITS,
    "units-on-postgresql": UNITS,
    "stack": [*PYTEST, "--exitfirst", "tests/stack"],
    "browser": [*PYTEST, "--exitfirst", "-n", "2", "--dist", "loadfile", "tests/browser"],
    "screenshots": [*PYTEST, "-n", "2", "tests/browser/screenshots.py"],
    "types": [sys.executable, "-m", "mypy", "."],
    "migrations": [sys.executable, "manage.py", "makemigrations", "--check", "--dry-run"],
}
SUITES = ["units-on-sqlite", "units-on-postgresql", "stack", "browser"]


def run(name: str) -> int:
    """Run one command of the table and return its status."""
    print(f"--- {name} ---", flush=True)
    with environment(real_database=name == "units-on-postgresql") as variables:
        return subprocess.run(COMMANDS[name], env=variables, check=False).returncode


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
