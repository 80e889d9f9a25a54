"""The units' second Python: which one is taken, and what happens where there is none."""

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import programs, run, second_python
from tests.second_python import Python

SCRIPT = "#!/bin/sh\necho '[[3, {minor}, {patch}], \"{prefix}\"]'\n"
MINOR = sys.version_info.minor
OTHERS = [minor for minor in second_python.MINORS if minor != MINOR]


@pytest.fixture
def offer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Put an interpreter into the only folder that is searched; there are no packages to install."""
    monkeypatch.setattr(os, "get_exec_path", lambda: [str(tmp_path)])
    monkeypatch.setattr(second_python, "FOLDERS", ())
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "no-pyenv"))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    def write(minor: int, patch: int = 5, prefix: str = "/opt/another") -> Path:
        program = tmp_path / f"python3.{minor}"
        program.write_text(SCRIPT.format(minor=minor, patch=patch, prefix=prefix))
        program.chmod(0o755)
        return program

    return write


def test_the_newest_other_minor_version_is_taken(offer: Callable[..., Path]) -> None:
    paths = {minor: offer(minor) for minor in second_python.MINORS}
    found = second_python.find()
    assert found is not None
    assert found.program == paths[max(OTHERS)]
    assert str(found) == f"Python 3.{max(OTHERS)}.5 ({found.program})"


def test_another_build_of_the_same_version_is_taken_where_no_other_is(offer: Callable[..., Path]) -> None:
    program = offer(MINOR)
    found = second_python.find()
    assert found is not None
    assert found.program == program


def test_the_running_python_and_one_that_cannot_start_are_no_second_one(offer: Callable[..., Path]) -> None:
    offer(MINOR, prefix=sys.base_prefix)
    offer(OTHERS[0]).write_text("#!/bin/sh\nexit 1\n")
    assert second_python.find() is None


def test_root_on_debian_gets_another_minor_version_installed(
    offer: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    offer(MINOR)
    asked: list[tuple[str, ...]] = []

    def apt_get(*arguments: str) -> None:
        asked.append(arguments)
        offer(OTHERS[-1])

    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(shutil, "which", _which(shutil.which))
    monkeypatch.setattr(second_python, "_has_package", lambda name: name == f"python3.{OTHERS[-1]}")
    monkeypatch.setattr(programs, "apt_get", apt_get)
    found = second_python.find()
    assert found is not None
    assert found.version[:2] == (3, OTHERS[-1])
    assert asked == [("install", "--no-install-recommends", f"python3.{OTHERS[-1]}", f"python3.{OTHERS[-1]}-venv")]


def _which(real: Callable[..., str | None]) -> Callable[..., str | None]:
    return lambda name, path=None: "/usr/bin/apt-get" if name == "apt-get" else real(name, path=path)


def test_without_a_second_python_one_line_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(second_python, "find", lambda: None)
    assert run.run("units-on-second-python") == 0
    title, said = capsys.readouterr().out.splitlines()
    assert title == "--- units-on-second-python ---"
    assert said.startswith("Not run: this machine has and offers no second Python")


def test_packages_that_cannot_be_installed_fail_the_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(second_python, "find", lambda: Python(Path("/bin/false"), (3, 12, 1), "/opt"))
    monkeypatch.setattr(second_python, "ENVIRONMENT", tmp_path)
    assert run.run("units-on-second-python") == 1
    assert capsys.readouterr().err.startswith("The packages cannot be installed for Python 3.12.1")
