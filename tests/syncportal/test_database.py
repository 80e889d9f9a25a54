"""The start looks at the database: real PostgreSQL and a real PgBouncer, each in the state that has to be refused."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from demo.processes import Process, Supervisor, clean_environment, free_port
from tests import ephemeral, programs
from tests.syncportal.test_settings import KEYS, PROJECT

pytestmark = pytest.mark.postgresql  # each takes seconds, so they run once

ASK = """
from django.db import connection
from syncportal import start
start.require_database({seconds})
cursor = connection.cursor()
cursor.execute("SHOW statement_timeout")
print(cursor.fetchone()[0], connection.settings_dict["CONN_MAX_AGE"], connection.settings_dict["OPTIONS"]["connect_timeout"])
"""


@pytest.fixture(scope="module")
def server() -> Iterator[ephemeral.PostgreSQL]:
    with ephemeral.postgresql() as running:
        yield running


def manage(url: str, *arguments: str, **changed: str) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": os.environ["PATH"],
        "SYNCPORTAL_ENV_FILE": os.devnull,
        "DATABASE_URL": url,
        **KEYS,
        **changed,
    }
    command = [sys.executable, "manage.py", *arguments]
    return subprocess.run(
        command, cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


def ask(url: str, seconds: int, **changed: str) -> subprocess.CompletedProcess[str]:
    """Start as a process with this limit on statements, and show what its connections have."""
    return manage(url, "shell", "--no-imports", "--command", ASK.format(seconds=seconds), **changed)


def one_line(ended: subprocess.CompletedProcess[str]) -> str:
    assert ended.returncode == 1
    (line,) = ended.stderr.strip().splitlines()
    assert ephemeral.PASSWORD not in line
    return line


@pytest.mark.parametrize(("encoding", "command"), [("LATIN1", "migrate"), ("SQL_ASCII", "provision")])
def test_a_database_that_is_not_utf8_is_refused(server: ephemeral.PostgreSQL, encoding: str, command: str) -> None:
    name = encoding.lower()
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0")
    line = one_line(manage(server.url(name), command, *(["a.b.example"] if command == "provision" else [])))
    assert line.startswith(f"SyncPortal cannot start: the database's encoding is {encoding}, and names need UTF8.")


def test_a_read_only_database_is_one_line_from_commands(server: ephemeral.PostgreSQL) -> None:
    url = server.new_database()
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {url.rpartition('/')[2]} SET default_transaction_read_only = on")
    line = one_line(manage(url, "migrate"))
    assert line.startswith("The database cannot be used: ")
    assert "cannot execute CREATE TABLE in a read-only transaction" in line


def test_statements_of_the_web_end_and_those_of_commands_do_not(server: ephemeral.PostgreSQL) -> None:
    url = server.new_database()
    assert ask(url, 15).stdout.split() == ["15s", "60", "5"]
    assert ask(url, 0).stdout.split() == ["0", "60", "5"]


def test_what_the_url_says_wins_over_our_defaults(server: ephemeral.PostgreSQL) -> None:
    url = server.new_database()
    says = "?conn_max_age=0&connect_timeout=9&options=-c%20statement_timeout%3D7s%20-c%20work_mem%3D8MB"
    assert ask(url + says, 15).stdout.split() == ["7s", "0", "9"]
    assert ask(url + "?options=-c%20work_mem%3D8MB", 15).stdout.split() == ["15s", "60", "5"]


SLEEP = """
from django.db import OperationalError, connection
from registrations import unavailable
from syncportal import start
start.require_database(1)
try:
    connection.cursor().execute("SELECT pg_sleep(20)")
except OperationalError as error:
    print(unavailable.is_too_slow(error))
"""


def test_a_statement_beyond_the_limit_ends_and_is_told_from_an_outage(server: ephemeral.PostgreSQL) -> None:
    assert manage(server.new_database(), "shell", "--no-imports", "--command", SLEEP).stdout.split() == ["True"]


AWAY = """
from django.test import Client
for host, path in (("localhost", "/admin/"), ("umptoken.finebak.com", "/authenticate"), ("umptoken.finebak.com", "/")):
    client = Client(raise_request_exception=False, headers={"host": host})
    client.cookies["__Host-session"] = "x" * 32
    print(client.get(path).status_code)
"""


def test_a_server_that_does_not_answer_is_a_page_for_customers_and_staff() -> None:
    url = f"postgres://u:{ephemeral.PASSWORD}@127.0.0.1:9/x"
    ended = manage(url, "shell", "--no-imports", "--command", AWAY)
    assert ended.stdout.split() == ["503", "503", "503"]
    assert "Traceback" not in ended.stderr
    assert ephemeral.PASSWORD not in ended.stderr
    assert ended.stderr.count("the database cannot be used") == 3


@pytest.fixture(scope="module")
def pooler(server: ephemeral.PostgreSQL) -> Iterator[dict[str, str]]:
    """URLs of a migrated database behind PgBouncer in transaction mode: as it comes, and told to ignore `options`."""
    url = server.new_database()
    assert manage(url, "migrate").returncode == 0
    urls: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix="syncportal-") as folder, Supervisor() as supervisor:
        directory = Path(folder)
        directory.chmod(0o755)  # PgBouncer refuses to run as root
        for name, ignored in (("plain", ""), ("ignoring", "options")):
            port = free_port()
            configuration = directory / f"{name}.ini"
            configuration.write_text(
                f"[databases]\n* = host=127.0.0.1 port={server.port} user=portal password={ephemeral.PASSWORD}\n"
                f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nauth_type = any\npool_mode = transaction\n"
                f"unix_socket_dir =\ndefault_pool_size = 3\nignore_startup_parameters = {ignored}\n"
            )
            command = [str(programs.needed(programs.pgbouncer())), str(configuration)]
            user = "nobody" if os.geteuid() == 0 else None
            log = directory / f"{name}.log"
            process = Process(name, command, clean_environment(), directory, log, user=user)
            supervisor.start(process)
            urls[name] = url.replace(f":{server.port}/", f":{port}/")
            process.wait_until(lambda url=urls[name]: _answers(url))  # type: ignore[misc]
        yield urls


def _answers(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.OperationalError:
        time.sleep(0.1)
        return False
    return True


@pytest.mark.parametrize("name", ["plain", "ignoring"])
def test_a_pooler_that_drops_our_settings_is_refused_with_the_option_that_helps(
    pooler: dict[str, str], name: str
) -> None:
    line = one_line(ask(pooler[name], 15))
    assert "PgBouncer" in line
    assert "Add ?disable_server_side_cursors=true to DATABASE_URL" in line


def test_with_that_option_the_product_works_behind_the_pooler(pooler: dict[str, str], tmp_path: Path) -> None:
    url = pooler["plain"] + "?disable_server_side_cursors=true"
    assert ask(url, 15).stdout.split() == ["0", "60", "5"]
    assert manage(url, "add_staff", "anna", "--group", "administrators").returncode == 0
    check = "from registrations import audit; print(audit.first_broken())"
    assert manage(url, "shell", "--no-imports", "--command", check).returncode == 0


def test_another_key_than_the_databases_is_one_line(server: ephemeral.PostgreSQL) -> None:
    url = server.new_database()
    assert manage(url, "migrate").returncode == 0
    assert manage(url, "add_staff", "anna", "--group", "operators").returncode == 0
    wrong = manage(url, "add_staff", "bert", "--group", "operators", PORTAL_KEYS=ephemeral.portal_key())
    assert one_line(wrong) == (
        "SyncPortal cannot start: the key k1 of PORTAL_KEYS is not the one that this database's secrets are encrypted with. "
        "Put the right one back."
    )
