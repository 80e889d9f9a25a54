"""Command lines and environments of the demo's processes."""

import socket
from pathlib import Path

import pytest

from demo import services
from demo.processes import ProcessError, Supervisor
from demo.services import Layout, Ports


def layout(directory: Path, **values: object) -> Layout:
    settings: dict[str, object] = {"database_url": "sqlite://", "redis_url": "redis://127.0.0.1:6390/0", **values}
    return Layout(directory, Ports(), **settings)  # type: ignore[arg-type]


def test_a_machine_without_a_broker_binary_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ProcessError, match="no server for this machine"):
        services.valkey_server()


def test_nothing_answers_on_a_closed_port() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        assert not services.answers(port)
        listener.listen()
        assert services.answers(port)


def test_the_brokers_password_is_not_on_its_command_line(tmp_path: Path) -> None:
    broker = services.broker(layout(tmp_path, broker_password="broker-password"))
    assert "requirepass broker-password\n" in broker.stdin
    assert "broker-password" not in " ".join(broker.command)
    assert "bind 127.0.0.1\n" in broker.stdin


def test_existing_keys_are_not_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commands: list[str] = []
    monkeypatch.setattr(Supervisor, "run", lambda self, process, *_: commands.append(process.name))
    with Supervisor() as supervisor:
        services.prepare_database(layout(tmp_path), supervisor)
        for name in services.KEY_FILES:
            (tmp_path / name).touch()
        services.prepare_database(layout(tmp_path), supervisor)
        services.prepare_database(layout(tmp_path / "other", keys={"SECRET_KEY": "x"}), supervisor)
    assert commands == ["command make_keys", "command migrate", "command migrate", "command migrate"]


def test_a_developers_env_file_does_not_apply_to_the_demo(tmp_path: Path) -> None:
    made = layout(tmp_path, keys={"SECRET_KEY": "x"}).environment()
    assert made["SYNCPORTAL_ENV_FILE"] == "/dev/null"
    assert made["SECRET_KEY"] == "x"
    assert "DJANGO_SETTINGS_MODULE" not in made
    assert layout(tmp_path, from_sources=True).environment()["DJANGO_SETTINGS_MODULE"] == "syncportal.settings_dev"


def test_a_blank_in_the_databases_path_is_quoted() -> None:
    assert services.sqlite_url(Path("/a b/c.sqlite3")) == "sqlite:////a%20b/c.sqlite3"
