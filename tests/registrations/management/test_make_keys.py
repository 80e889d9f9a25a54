"""`manage.py make_keys`: both keys beside an SQLite database, never over existing ones."""

import base64
import io
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from registrations.encryption import KeyRing
from registrations.management.commands.make_keys import write_once


@pytest.fixture
def folder(tmp_path: Path, settings: Any) -> Path:
    """The folder of an installation on SQLite that has no keys; it is not there yet."""
    folder = tmp_path / "var"
    settings.KEY_FILES = {"SECRET_KEY": folder / "secret.key", "PORTAL_KEYS": folder / "portal.keys"}
    settings.MISSING_KEYS = ["SECRET_KEY", "PORTAL_KEYS"]
    return folder


def make_keys(*arguments: str) -> str:
    output = io.StringIO()
    call_command("make_keys", *arguments, stdout=output)
    return output.getvalue()


def test_it_makes_the_folder_and_both_keys_for_their_owner_alone(folder: Path) -> None:
    assert make_keys() == f"Made {folder / 'secret.key'}\nMade {folder / 'portal.keys'}\n"
    assert len((folder / "secret.key").read_text().strip()) > 50
    KeyRing.parse((folder / "portal.keys").read_text().strip())
    assert {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()} == {
        "secret.key": 0o600,
        "portal.keys": 0o600,
    }


def test_existing_keys_stay_as_they_are(folder: Path) -> None:
    folder.mkdir()
    (folder / "portal.keys").write_text("k1:today's\n")
    (folder / "portal.keys").chmod(0o640)
    assert make_keys() == f"Made {folder / 'secret.key'}\nKept {folder / 'portal.keys'}\n"
    assert (folder / "portal.keys").read_text() == "k1:today's\n"
    assert (folder / "portal.keys").stat().st_mode & 0o777 == 0o640


def test_a_second_run_changes_nothing(folder: Path) -> None:
    make_keys()
    before = {path: path.read_text() for path in folder.iterdir()}
    make_keys()
    assert {path: path.read_text() for path in folder.iterdir()} == before


def test_two_runs_at_once_agree_on_one_key(tmp_path: Path) -> None:
    made: list[bool] = []
    barrier = threading.Barrier(2)

    def run(text: str) -> None:
        barrier.wait()
        made.append(write_once(tmp_path / "secret.key", text))

    threads = [threading.Thread(target=run, args=[text * 60]) for text in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(made) == [False, True]
    assert (tmp_path / "secret.key").read_text() in {"a" * 60 + "\n", "b" * 60 + "\n"}
    assert os.listdir(tmp_path) == ["secret.key"]


def test_a_key_that_is_a_setting_needs_no_file(folder: Path, settings: Any) -> None:
    settings.MISSING_KEYS = ["SECRET_KEY"]
    assert "PORTAL_KEYS is set; no file is needed." in make_keys()
    assert os.listdir(folder) == ["secret.key"]


def test_an_empty_key_file_is_named(folder: Path) -> None:
    folder.mkdir()
    (folder / "secret.key").touch()
    with pytest.raises(CommandError, match=r"secret\.key is empty"):
        make_keys()


def test_a_folder_that_cannot_be_made_is_named(folder: Path) -> None:
    folder.write_text("a file in the folder's place")
    with pytest.raises(CommandError, match=r"secret\.key cannot be written"):
        make_keys()


def test_printed_keys_are_lines_for_the_settings_and_no_file_is_written(folder: Path) -> None:
    secret_key, portal_keys = make_keys("--print", "--key-id", "k2").splitlines()
    assert secret_key.startswith("SECRET_KEY=")
    name, _, key = portal_keys.partition("=")
    assert name == "PORTAL_KEYS"
    assert key.startswith("k2:")
    assert len(base64.b64decode(key.partition(":")[2])) == 32
    assert not folder.exists()


def test_with_postgresql_keys_are_settings(settings: Any) -> None:
    settings.KEY_FILES = {}
    settings.MISSING_KEYS = ["PORTAL_KEYS"]
    with pytest.raises(CommandError, match=r"make_keys --print"):
        make_keys()
    settings.MISSING_KEYS = []
    assert make_keys() == "SECRET_KEY and PORTAL_KEYS are set.\n"


def test_a_key_name_that_settings_would_refuse_is_refused() -> None:
    with pytest.raises(CommandError, match="letters and digits"):
        make_keys("--print", "--key-id", "k-2")
