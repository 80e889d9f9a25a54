"""Reading the environment: renamed settings and hosts."""

import os

import pytest

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
