"""The history says who ran a command."""

import os
import pwd

import pytest

from registrations import audit


def no_terminal() -> str:
    raise OSError("no terminal")


@pytest.fixture(autouse=True)
def _not_by_sudo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SUDO_USER", raising=False)
    monkeypatch.setattr(os, "getlogin", no_terminal)


def test_the_person_behind_sudo_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUDO_USER", "anna")
    assert audit.command_line().label == "Command line (anna)"


def test_without_sudo_the_login_name_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getlogin", lambda: "bert")
    assert audit.command_line().label == "Command line (bert)"


def test_without_a_terminal_the_account_is_named() -> None:
    assert audit.command_line().label == f"Command line ({pwd.getpwuid(os.getuid()).pw_name})"


def test_an_account_without_a_name_has_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(uid: int) -> None:
        raise KeyError(uid)

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    assert audit.command_line().label == f"Command line (user {os.getuid()})"


@pytest.mark.parametrize("name", ["an\nna", "\u202eanna", "a" * 500, " anna "])
def test_a_strange_name_is_cleaned_and_cut(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUDO_USER", name)
    label = audit.command_line().label
    assert label.isprintable()
    assert len(label) < 100


def sign_in_as(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getlogin", lambda: name)


@pytest.mark.parametrize(
    ("login", "sudo_user", "named"),
    [
        ("anna", "root", "anna"),  # sudo -i, then sudo -u app
        ("anna", "anna", "anna"),
        ("anna", "", "anna"),  # su
        ("root", "anna", "anna"),  # a root shell that nobody signed in to calls sudo for her
        ("anna", "bert", "anna"),  # SUDO_USER is a variable that anyone may set
        ("root", "root", "root"),
        ("root", "", "root"),
    ],
)
def test_the_person_is_named_and_root_only_where_nobody_else_is_known(
    login: str, sudo_user: str, named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_in_as(login, monkeypatch)
    monkeypatch.setenv("SUDO_USER", sudo_user)
    assert audit.command_line().label == f"Command line ({named})"


def test_a_name_of_nothing_printable_is_no_name(monkeypatch: pytest.MonkeyPatch) -> None:
    sign_in_as("\u200b ", monkeypatch)
    monkeypatch.setenv("SUDO_USER", "anna")
    assert audit.command_line().label == "Command line (anna)"
