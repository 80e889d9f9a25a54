"""A wrong or missing setting ends the start with one clear line: no traceback, and no part of a password."""

import contextlib
import os
import sqlite3
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from registrations import encryption
from tests import ephemeral

PROJECT = Path(__file__).resolve().parents[2]


KEYS = {"SECRET_KEY": "only-for-tests-" * 4, "PORTAL_KEYS": ephemeral.portal_key()}


def run(tmp_path: Path, command: list[str], **changed: str) -> subprocess.CompletedProcess[str]:
    given = {"DATABASE_URL": f"sqlite:///{tmp_path / 'db.sqlite3'}", "SYNCPORTAL_ENV_FILE": os.devnull}
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), **given, **changed}
    return subprocess.run(
        [sys.executable, *command],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def manage(tmp_path: Path, *arguments: str, **changed: str) -> subprocess.CompletedProcess[str]:
    return run(tmp_path, ["manage.py", *arguments], **changed)


def start(tmp_path: Path, **changed: str) -> subprocess.CompletedProcess[str]:
    return manage(tmp_path, "check", **(KEYS | changed))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "postgres://syncportal:pa/ssw0rd@db.example/syncportal"),
        ("DATABASE_URL", "mysql://root@localhost/x"),
        ("ENTRA_URL", "http://localhost:8443"),
        ("ENTRA_URL", "https://[::1"),
        ("GRAPH_URL", "https://graph.microsoft.com/v1.0"),
        ("REMOTE_CA_BUNDLE", "/nowhere/ca.pem"),
        ("REMOTE_TIMEOUT_SECONDS", "soon"),
        ("PORTAL_KEYS", "k1:short"),
        ("PORTAL_LOCALHOST_PORT", "0"),
        ("PORTAL_LOCALHOST_PORT", ""),
        ("INVITATION_VALID_DAYS", "-3"),
        ("EMAIL_URL", "smtp://u:pa/ssw0rd@mail.example:25"),
        ("EMAIL_URL", "pigeon://loft"),
        ("EMAIL_URL", "smtp+tls://relay@corp.example:123#ssw0rd@mail.example:587"),
        ("DATABASE_URL", "postgres://u:123?ssw0rd@dbhost:5432/name"),
        ("DATABASE_URL", "sqlite://:memory:"),
        ("REDIS_URL", "redis://:12#ssw0rd@host"),
        ("REDIS_URL", "rediss://:ssw0rd@host/0?ssl_cert_reqs=maybe"),
        ("CELERY_BROKER_URL", "redis://:ssw0rd@host/0"),
        ("GRAPH_URL", "https://u:ssw0rd@graph.microsoft.com"),
        ("GRAPH_URL", "https://graph.microsoft.com:ssw0rd"),
        ("SECRET_KEY", "ssw0rd\u200b" + "x" * 40),
        ("EMAIL_TIMEOUT_SECONDS", "x"),
        ("TRUSTED_PROXIES", "proxy.example"),
        ("REDIS_URL", "redis://:pa/ssw0rd@redis.example:6379/0"),
        ("REDIS_URL", "amqp://localhost"),
        ("LOG_LEVEL", "loud"),
        ("SECRET_KEY", "abc"),
        ("ADMIN_HOSTS", "https://portal.example/"),
        ("ADMIN_HOSTS", ""),
        ("UMP_ALLOWED_HOSTS", "ump.example,https://other.example"),
        ("DEFAULT_FROM_EMAIL", "SyncPortal"),
        ("SYNCPORTAL_ENV_FILE", "/nowhere/environment"),
        ("STATIC_ROOT", ""),
        ("STATIC_ROOT", "static"),
        ("STATIC_ROOT", "/"),
        ("STATIC_ROOT", str(PROJECT)),
    ],
)
def test_a_wrong_setting_is_one_line_that_names_it(tmp_path: Path, name: str, value: str) -> None:
    ended = start(tmp_path, **{name: value})
    lines = ended.stderr.strip().splitlines()
    assert ended.returncode == 1
    assert len(lines) == 1, ended.stderr
    assert lines[0].startswith("SyncPortal cannot start: ")
    assert name in lines[0]
    assert "ssw0rd" not in lines[0]
    assert "'pa'" not in lines[0]


SHOW = (
    "from django.conf import settings as s; d = s.DATABASES['default']; "
    "print(d.get('HOST'), d.get('PASSWORD'), d['NAME'], s.SECRET_KEY, s.EMAIL_HOST_PASSWORD)"
)


def show(tmp_path: Path, content: str | bytes, **changed: str) -> subprocess.CompletedProcess[str]:
    """Load the settings from an env file with this content, and print some of them."""
    file = tmp_path / "environment"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    given = {
        "PATH": os.environ["PATH"],
        "SYNCPORTAL_ENV_FILE": str(file),
        "DJANGO_SETTINGS_MODULE": "syncportal.settings",
    }
    return subprocess.run(
        [sys.executable, "-c", SHOW],
        cwd=PROJECT,
        env=given | changed,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


FILE = f"DATABASE_URL = postgres://u:$pa$ss@dbhost:5432/name\nPORTAL_KEYS={KEYS['PORTAL_KEYS']}\nSECRET_KEY={{}}\n"


@pytest.mark.parametrize(
    ("secret_key", "found"),
    [
        ("$q0eo+c2u9^tpd6f0szxt6+thj^z9mhkyen036t4455667788", "$q0eo+c2u9^tpd6f0szxt6+thj^z9mhkyen036t4455667788"),
        ("$PATH-and-more-letters-so-that-it-is-long-enough", "$PATH-and-more-letters-so-that-it-is-long-enough"),
        ("'${HOME}#x=y-and-more-letters-so-that-it-is-long'", "${HOME}#x=y-and-more-letters-so-that-it-is-long"),
    ],
)
def test_a_value_from_the_file_is_taken_as_it_stands(tmp_path: Path, secret_key: str, found: str) -> None:
    ended = show(tmp_path, "\ufeff" + FILE.format(secret_key) + "EMAIL_URL=smtp://u:$x$y@mail.example\n")
    assert ended.stderr == ""
    assert ended.stdout.split() == ["dbhost", "$pa$ss", "name", found, "$x$y"]


def test_a_line_that_is_not_understood_ends_the_start_without_its_text(tmp_path: Path) -> None:
    ended = show(tmp_path, FILE.format("x" * 40).replace("URL =", "URL:"))
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == f"SyncPortal cannot start: {tmp_path}/environment, line 1 is not of the form NAME=value.\n"


def test_a_folder_as_the_file_of_settings_is_one_line(tmp_path: Path) -> None:
    ended = show(tmp_path, "", SYNCPORTAL_ENV_FILE=str(tmp_path))
    assert ended.returncode == 1
    assert ended.stderr == f"SyncPortal cannot start: {tmp_path} cannot be read (Is a directory).\n"


def test_an_unknown_name_is_a_warning_with_the_nearest_known_one(tmp_path: Path) -> None:
    wrong = "DATABSE_URL=postgres://u:ssw0rd@h/n\nssw0rdline==\nSYNCPORTAL_ENV_FILE=x\n"
    ended = show(tmp_path, FILE.format("x" * 40) + wrong, EMAIL_ULR="smtp://localhost")
    assert ended.returncode == 0
    file = f"SyncPortal: {tmp_path}/environment"
    lines = ended.stderr.splitlines()
    assert lines[0] == f"{file}, line 4 sets an unknown name. The nearest known one is DATABASE_URL."
    assert lines[1].startswith(f"{file}, line 5 sets an unknown name. The nearest known one is ")
    assert lines[2] == f"{file}, line 6 sets SYNCPORTAL_ENV_FILE, which can only be set in the environment."
    assert (
        lines[3] == "SyncPortal: the environment sets EMAIL_ULR, which is unknown. The nearest known name is EMAIL_URL."
    )
    assert "ssw0rd" not in ended.stderr


MISNAMED = """
DATABSE_URL=postgres://u:ssw0rd@h/n DB_URL=postgres://u:ssw0rd@h/n database_url=postgres://u:ssw0rd@h/n DATABASE=ssw0rd
DATABASE_URI=ssw0rd X='postgresql+psycopg://u:ssw0rd@h/n' X=DATABASE_URL=postgres://u:ssw0rd@h/n ssw0rd=sqlite:///x
"""


@pytest.mark.parametrize("wrong", MISNAMED.split())
def test_a_database_under_an_unknown_name_ends_the_start(tmp_path: Path, wrong: str) -> None:
    ended = show(tmp_path, f"A=1\n{wrong}\n")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith(f"SyncPortal cannot start: {tmp_path}/environment, line 2 sets an unknown name")
    assert "The nearest known name is DATABASE_URL" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
    assert "ssw0rd" not in ended.stderr


def test_a_mistyped_database_in_the_environment_ends_the_start(tmp_path: Path) -> None:
    ended = show(tmp_path, "", DATABSE_URL="postgres://u:ssw0rd@h/n")
    assert ended.returncode == 1
    assert ended.stderr == (
        "SyncPortal cannot start: the environment sets DATABSE_URL, which is unknown, and DATABASE_URL is not set.\n"
    )


def test_a_database_without_tables_is_one_line_that_says_migrate(tmp_path: Path) -> None:
    ended = manage(tmp_path, "provision", "umptoken.finebak.com", **KEYS)
    assert ended.returncode == 1
    assert ended.stderr.strip().splitlines() == [
        "The database lacks what this version needs (no such table: registrations_umpinstance). Is DATABASE_URL the one you "
        "mean? Then run: .venv/bin/python manage.py migrate"
    ]


def test_a_database_that_does_not_answer_is_one_line(tmp_path: Path) -> None:
    database = "postgres://u:ssw0rd@127.0.0.1:9/x"
    ended = manage(tmp_path, "provision", "x.finebak.com", DATABASE_URL=database, **KEYS)
    assert ended.returncode == 1
    (line,) = ended.stderr.strip().splitlines()
    assert line.startswith("The database cannot be used: ")
    assert "ssw0rd" not in line


def test_a_python_without_the_packages_is_one_line(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-I", "-S", "manage.py", "check"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 1
    assert ended.stderr.strip() == (
        "SyncPortal's packages are not in this Python. Run .venv/bin/python manage.py ...; `make demo` makes .venv."
    )


WEB = ["-m", "gunicorn", "syncportal.wsgi", "--preload", "--no-control-socket"]
NO_KEYS = "SyncPortal cannot start: there are no keys. Make them with: .venv/bin/python manage.py make_keys"


@pytest.mark.parametrize(
    "command",
    [
        ["manage.py", "check"],
        ["manage.py", "migrate"],
        [*WEB, "--bind", "127.0.0.1:0"],
        ["-m", "celery", "--app", "syncportal", "worker"],
        ["-m", "celery", "--app", "syncportal", "beat", "--schedule", "/nowhere/schedule"],
    ],
    ids=["check", "migrate", "web", "worker", "scheduler"],
)
def test_a_start_without_keys_is_one_line_and_writes_nothing(tmp_path: Path, command: list[str]) -> None:
    ended = run(tmp_path, command, DATABASE_URL=f"sqlite:///{tmp_path / 'var' / 'db.sqlite3'}")
    assert ended.returncode == 1
    assert (ended.stdout + ended.stderr).strip() == NO_KEYS
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "command",
    [
        ["manage.py", "add_staff", "bert", "--group", "operators"],
        [*WEB, "--bind", "127.0.0.1:0"],
        ["-m", "celery", "--app", "syncportal", "worker"],
        ["-m", "celery", "--app", "syncportal", "beat", "--schedule", "{folder}/schedule"],
    ],
    ids=["command", "web", "worker", "scheduler"],
)
def test_another_key_than_the_databases_ends_the_start_with_one_line(tmp_path: Path, command: list[str]) -> None:
    row = uuid.uuid4()
    ring = encryption.KeyRing.parse(ephemeral.portal_key())
    with contextlib.closing(sqlite3.connect(tmp_path / "db.sqlite3")) as database:
        database.execute("CREATE TABLE registrations_keycanary (id char(32), key_id varchar(120), envelope text)")
        envelope = encryption.seal(ring, "canary", f"registrations_keycanary|envelope|{row}")
        database.execute("INSERT INTO registrations_keycanary VALUES (?, 'k1', ?)", (row.hex, envelope))
        database.commit()
    ended = run(tmp_path, [part.format(folder=tmp_path) for part in command], **KEYS)
    assert ended.returncode == 1
    assert (
        ended.stderr.strip()
        .splitlines()[-1]
        .endswith(
            "SyncPortal cannot start: the key k1 of PORTAL_KEYS is not the one that this database's secrets are encrypted with. "
            "Put the right one back."
        )
    )
    assert "Traceback" not in ended.stderr


def test_with_postgresql_a_start_without_keys_names_the_settings(tmp_path: Path) -> None:
    ended = manage(tmp_path, "check", DATABASE_URL="postgres://u:p@localhost/x", SECRET_KEY=KEYS["SECRET_KEY"])
    assert ended.returncode == 1
    assert ended.stderr.splitlines() == [
        "SyncPortal cannot start: SECRET_KEY or PORTAL_KEYS is not set. Print new ones, for .env, with: "
        ".venv/bin/python manage.py make_keys --print"
    ]


def test_make_keys_needs_no_keys_and_the_start_after_it_uses_them(tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path / 'var' / 'db.sqlite3'}"
    assert manage(tmp_path, "make_keys", DATABASE_URL=database).returncode == 0
    assert manage(tmp_path, "check", DATABASE_URL=database).returncode == 0


def test_key_files_of_an_earlier_version_are_read_where_they_lie(tmp_path: Path) -> None:
    # As version 0 wrote them on the first start: one line, mode 0600, beside the database.
    for name, key in (("secret.key", KEYS["SECRET_KEY"]), ("portal.keys", KEYS["PORTAL_KEYS"])):
        (tmp_path / name).write_text(key + "\n")
        (tmp_path / name).chmod(0o600)
    before = {path: (path.read_text(), path.stat().st_mtime_ns) for path in tmp_path.iterdir()}
    show = "from django.conf import settings; print(settings.SECRET_KEY, settings.PORTAL_KEYS)"
    assert manage(tmp_path, "shell", "--no-imports", "--command", show).stdout.split() == list(KEYS.values())
    assert manage(tmp_path, "make_keys").returncode == 0
    assert {path: (path.read_text(), path.stat().st_mtime_ns) for path in before} == before
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in before)


@pytest.mark.parametrize("command", ["makemigrations --check --dry-run", "collectstatic --no-input"])
def test_commands_without_secrets_need_no_keys(tmp_path: Path, command: str) -> None:
    assert manage(tmp_path, *command.split(), STATIC_ROOT=str(tmp_path / "static")).returncode == 0


def test_a_web_server_without_static_files_is_one_line(tmp_path: Path) -> None:
    ended = run(tmp_path, [*WEB, "--bind", "127.0.0.1:0"], **KEYS)
    assert ended.returncode == 1
    assert (ended.stdout + ended.stderr).splitlines() == [
        "SyncPortal cannot start: the static files are not collected, or not since the last update. Collect them with: "
        ".venv/bin/python manage.py collectstatic --noinput"
    ]


def test_a_renamed_setting_is_read_under_its_old_name_with_one_warning(tmp_path: Path) -> None:
    ended = start(tmp_path, GRAPH_BUDGET_SHARES="4")
    assert ended.returncode == 0
    assert ended.stderr.splitlines() == [
        "SyncPortal: the setting GRAPH_BUDGET_SHARES is now called GRAPH_RATE_LIMIT_SHARES. Please rename it."
    ]


def test_the_folder_of_database_and_keys_is_never_public(tmp_path: Path) -> None:
    ended = start(tmp_path, STATIC_ROOT=str(tmp_path))
    assert ended.returncode == 1
    assert "STATIC_ROOT must be an absolute path to a folder of its own" in ended.stderr


def test_a_lost_portal_key_beside_a_database_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "db.sqlite3").write_bytes(b"not empty")
    ended = manage(tmp_path, "make_keys")
    assert ended.returncode != 0
    assert "Restore the file" in ended.stderr
    assert not (tmp_path / "portal.keys").exists()


def test_the_product_hashes_passwords_as_django_does_by_default(tmp_path: Path) -> None:
    code = "import django; django.setup(); from django.contrib.auth.hashers import make_password; print(make_password('x'))"
    done = run(tmp_path, ["-c", code], DJANGO_SETTINGS_MODULE="syncportal.settings", **KEYS)
    algorithm, rounds, *_ = done.stdout.split("$")
    assert algorithm == "pbkdf2_sha256", done.stderr
    assert int(rounds) >= 600_000
