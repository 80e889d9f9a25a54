"""A wrong or missing setting ends the start with one clear line: no traceback, and no part of a password."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import ephemeral

PROJECT = Path(__file__).resolve().parents[2]


def start(tmp_path: Path, **changed: str) -> subprocess.CompletedProcess[str]:
    given = {"DATABASE_URL": f"sqlite:///{tmp_path / 'db.sqlite3'}", "SYNCPORTAL_ENV_FILE": os.devnull}
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), **given, **changed}
    return subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_it_starts_on_defaults_and_keeps_its_keys_private(tmp_path: Path) -> None:
    assert start(tmp_path).returncode == 0
    for name in ("portal.keys", "secret.key"):
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "postgres://syncportal:pa/ssw0rd@db.example/syncportal"),
        ("DATABASE_URL", "mysql://root@localhost/x"),
        ("DATABASE_URL", "postgres://u:p@localhost/x"),  # its keys are missing
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
    ],
)
def test_a_wrong_setting_is_one_line_that_names_it(tmp_path: Path, name: str, value: str) -> None:
    ended = start(tmp_path, **{name: value})
    lines = ended.stderr.strip().splitlines()
    assert ended.returncode == 1
    assert len(lines) == 1, ended.stderr
    assert lines[0].startswith("SyncPortal cannot start: ")
    assert name in lines[0] or "SECRET_KEY" in lines[0]
    assert "ssw0rd" not in lines[0]
    assert "'pa'" not in lines[0]


def manage(tmp_path: Path, *arguments: str, **changed: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "SYNCPORTAL_ENV_FILE": os.devnull, **changed}
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_database_without_tables_is_one_line_that_says_migrate(tmp_path: Path) -> None:
    ended = manage(tmp_path, "provision", "umptoken.finebak.com", DATABASE_URL=f"sqlite:///{tmp_path / 'db.sqlite3'}")
    assert ended.returncode == 1
    assert ended.stderr.strip().splitlines() == [
        "The database lacks what this version needs (no such table: registrations_umpinstance). Is DATABASE_URL the one you "
        "mean? Then run: .venv/bin/python manage.py migrate"
    ]


def test_a_database_that_does_not_answer_is_one_line(tmp_path: Path) -> None:
    keys = {"SECRET_KEY": "only-for-tests-" * 4, "PORTAL_KEYS": ephemeral.portal_key()}
    ended = manage(tmp_path, "provision", "x.finebak.com", DATABASE_URL="postgres://u:ssw0rd@127.0.0.1:9/x", **keys)
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
