"""Dataclasses as JSON files."""

import os
import stat
from dataclasses import asdict
from pathlib import Path

import pytest

from sandbox import store
from sandbox.model import Application, Password, SecretPolicy, State, Tenant


def test_a_failed_write_keeps_the_old_file_and_leaves_no_draft(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "state.json"
    store.write_json(path, {"is": "old"})

    def full(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="no space left"):
        store.write_json(path, {"is": "new"})
    assert path.read_text() == '{\n "is": "old"\n}'
    assert list(tmp_path.iterdir()) == [path]


def test_only_the_owner_can_read_a_written_file(tmp_path: Path) -> None:
    store.write_private(tmp_path / "secret", b"value")
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600


def test_keys_of_an_older_version_are_ignored() -> None:
    assert store.load(SecretPolicy, {"max_lifetime_days": 90, "no_longer_known": 1}) == SecretPolicy(90)


def test_nested_objects_survive_a_round_trip() -> None:
    password = Password("key", None, "start", "end", "secret", 0.0)
    application = Application("id", "app", "tenant", "created", 0.0, {"web": {"redirectUris": []}}, [password])
    state = State(tenants={"t": Tenant("t", "Litware", "litware.example", applications={"id": application})})
    assert store.load(State, asdict(state)) == state
