"""Reading the environment: renamed settings, hosts, and refusals that never repeat a value."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from registrations.encryption import KeyRing
from syncportal import env


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither name is set, and what a test sets is gone after it."""
    for name, old in env.OLD_NAMES.items():
        for each in (name, old):
            monkeypatch.setenv(each, "")  # so that it is put back, whatever the test does
            monkeypatch.delenv(each)


@pytest.mark.parametrize(("name", "old"), env.OLD_NAMES.items())
def test_a_setting_under_its_old_name_is_read_with_one_warning(
    name: str, old: str, capsys: pytest.CaptureFixture[str]
) -> None:
    os.environ[old] = "4"
    env.take_over_old_names()
    assert (os.environ[name], os.environ.get(old)) == ("4", None)
    assert capsys.readouterr().err == f"SyncPortal: the setting {old} is now called {name}. Please rename it.\n"


@pytest.mark.parametrize(("name", "old"), env.OLD_NAMES.items())
def test_the_new_name_wins_where_both_are_set(name: str, old: str, capsys: pytest.CaptureFixture[str]) -> None:
    os.environ.update({old: "4", name: "9"})
    env.take_over_old_names()
    assert (os.environ[name], os.environ.get(old)) == ("9", None)
    assert name in capsys.readouterr().err


def test_without_old_names_nothing_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    env.take_over_old_names()
    assert capsys.readouterr().err == ""


def test_hosts_are_read_in_lower_case(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADMIN_HOSTS", "Portal.Example, localhost")
    assert env.hosts("ADMIN_HOSTS", []) == ["portal.example", "localhost"]


@pytest.mark.parametrize("value", ["http://localhost", "https://host/path", "https://[::1", "localhost"])
def test_something_that_is_no_https_origin_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("GRAPH_URL", value)
    with pytest.raises(SystemExit, match="SyncPortal cannot start: GRAPH_URL must be an origin"):
        env.origin("GRAPH_URL", "https://graph.microsoft.com")


@pytest.mark.parametrize(
    "value", ["syncportal@localhost", "EU Team <a.b+c@portal.example>", '"Team, EU" <a@bücher.example>']
)
def test_a_sender_with_or_without_a_name_is_read(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("DEFAULT_FROM_EMAIL", value)
    assert env.email("DEFAULT_FROM_EMAIL", "") == value


@pytest.mark.parametrize(
    ("read", "value"),
    [
        (lambda: env.number("SETTING", 5, 1, 9), "ssw0rd"),
        (lambda: env.hosts("SETTING", []), "ump.example,https://u:ssw0rd@ump.example"),
        (lambda: env.networks("SETTING"), "10.0.0.5,https://u:ssw0rd@proxy.example"),
        (lambda: env.email("SETTING", ""), "smtp://u:ssw0rd@mail.example"),
        (lambda: env.email("SETTING", ""), "ssw0rd@example.com, b@example.com"),
        (lambda: env.origin("SETTING", "https://host"), "https://u:ssw0rd@host"),
        (lambda: env.text("SETTING", ""), "ssw0rd\u3164"),
        (lambda: env.text("SETTING", ""), "ssw0rd\ufe0f"),
        (lambda: env.text("SETTING", ""), "ssw\u200b0rd"),
    ],
)
def test_a_refusal_names_the_setting_and_never_its_value(
    monkeypatch: pytest.MonkeyPatch, read: Callable[[], object], value: str
) -> None:
    monkeypatch.setenv("SETTING", value)
    with pytest.raises(SystemExit, match="SyncPortal cannot start: SETTING ") as refused:
        read()
    assert "ssw" not in str(refused.value)


@pytest.mark.parametrize("value", ["ssw0rd", "ssw0rd:k1", "ssw0rd:QUJD", "k1:ssw0rd"])
def test_keys_that_cannot_be_read_are_not_repeated(value: str) -> None:
    with pytest.raises(ValueError, match="key") as refused:
        KeyRing.parse(value)
    assert "ssw" not in str(refused.value)


def test_an_invisible_character_in_a_key_file_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("SECRET_KEY", raising=False)
    (tmp_path / "secret.key").write_text("ssw0rd\u200b\n", encoding="utf-8")
    with pytest.raises(SystemExit, match="SECRET_KEY has an invisible character"):
        env.key("SECRET_KEY", {"SECRET_KEY": tmp_path / "secret.key"})
