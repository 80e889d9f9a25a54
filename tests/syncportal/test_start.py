"""What a start needs, and the one line where it is missing."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.db.backends.signals import connection_created

from registrations.encryption import KeyRing
from registrations.models import KeyCanary
from syncportal import start
from tests.syncportal.test_settings import KEYS, manage


def test_with_both_keys_the_start_goes_ahead(settings: Any) -> None:
    settings.MISSING_KEYS = []
    start.require_keys()


@pytest.mark.parametrize(
    ("files", "words"),
    [({"SECRET_KEY": Path("secret.key")}, "manage.py make_keys$"), ({}, "manage.py make_keys --print$")],
    ids=["SQLite", "PostgreSQL"],
)
def test_a_missing_key_ends_the_start_with_the_command_that_helps(
    settings: Any, files: dict[str, Path], words: str
) -> None:
    settings.KEY_FILES, settings.MISSING_KEYS = files, ["PORTAL_KEYS"]
    with pytest.raises(SystemExit, match=words):
        start.require_keys()


@pytest.fixture
def came_back(db: None, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A server that started while the database was away, which is back now; what happens to its process."""
    assert KeyCanary.objects.refusal() == ""
    before, happened = list(connection_created.receivers), []
    (tmp_path / "database").touch()  # SQLite's is in memory in tests
    monkeypatch.setitem(settings.DATABASES["default"], "NAME", tmp_path / "database")
    monkeypatch.setattr(start, "end_process", lambda: happened.append("ended"))
    monkeypatch.setattr(start, "_limit_statements", lambda seconds: False)
    monkeypatch.setattr(connection, "close", lambda: None)
    with monkeypatch.context() as away:
        away.setattr(KeyCanary._default_manager.__class__, "refusal", _away)
        start.require_database_if_it_answers(1)
    yield happened
    connection_created.receivers = before
    connection_created.sender_receivers_cache.clear()


def _away(*_: Any) -> str:
    raise OperationalError("connection refused")


def connect(happened: list[str]) -> None:
    """What Django does for a new connection."""
    made = SimpleNamespace(alias="default", close=lambda: happened.append("closed"))
    connection_created.send(sender=object, connection=made)


def test_wrong_keys_are_refused_once_the_database_is_back(came_back: list[str], settings: Any) -> None:
    settings.PORTAL_KEYS = KeyRing.new_key("k1")
    for _ in range(2):  # no connection gets through
        with pytest.raises(OperationalError, match="the key k1 of PORTAL_KEYS is not the one"):
            connect(came_back)
    assert came_back == ["closed", "ended"] * 2


def test_right_keys_are_checked_once_when_the_database_is_back(
    came_back: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(came_back)
    monkeypatch.setattr(start, "_check_database", _away)
    connect(came_back)
    assert came_back == []


def test_a_database_that_goes_away_again_is_checked_later(came_back: list[str], settings: Any) -> None:
    with pytest.MonkeyPatch.context() as away:
        away.setattr(start, "_check_database", _away)
        with pytest.raises(OperationalError, match="refused"):
            connect(came_back)
    settings.PORTAL_KEYS = KeyRing.new_key("k1")
    with pytest.raises(OperationalError, match="PORTAL_KEYS"):
        connect(came_back)


@pytest.mark.parametrize("command", ["provision umptoken.finebak.com", "showmigrations"])
def test_a_file_that_is_no_database_is_one_line(tmp_path: Path, command: str) -> None:
    (tmp_path / "db.sqlite3").write_text("a text that somebody saved under this name")
    ended = manage(tmp_path, *command.split(), **KEYS)
    (line,) = ended.stderr.strip().splitlines()
    assert ended.returncode == 1
    assert "DATABASE_URL" in line
    assert "file is not a database" in line
