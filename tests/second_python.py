"""Another Python for the units: found on this machine or installed by its package manager, in an environment of its own.

Another minor version that the project supports is preferred, then another build of the same one: the distribution's
beside one that was built here.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from demo.processes import clean_environment
from demo.services import PROJECT
from tests import programs

MINORS = (13, 12, 11)  # of Python 3, the newest first
FOLDERS = ("/usr/bin", "/usr/local/bin", "/opt/homebrew/bin")
ENVIRONMENT = PROJECT / "var" / "second-python"
REQUIREMENTS = [PROJECT / "requirements.txt", PROJECT / "requirements-dev.txt"]
PROBE = "import ensurepip, json, sys, venv; print(json.dumps([list(sys.version_info[:3]), sys.base_prefix]))"


class InstallError(Exception):
    """The packages could not be installed. The message is one sentence for a person."""


@dataclass(frozen=True)
class Python:
    """An interpreter that can make virtual environments."""

    program: Path
    version: tuple[int, int, int]
    prefix: str

    def __str__(self) -> str:
        """Version and place, for a person."""
        return f"Python {'.'.join(map(str, self.version))} ({self.program})"


def find() -> Python | None:
    """The best second Python, or None. Where nothing else is there, root on Debian gets another minor version installed."""
    running = _probe(Path(sys.executable))
    found = [python for python in _installed() if python.prefix != running.prefix] if running else []
    another_minor = [python for python in found if running and python.version[:2] != running.version[:2]]
    if not another_minor and running:
        another_minor = [python for python in _from_packages(running) if python.version[:2] != running.version[:2]]
    return max(another_minor or found, key=lambda python: python.version, default=None)


def environment_of(python: Python) -> Path:
    """The interpreter of a virtual environment with the packages for development. Raises InstallError."""
    made, inside = ENVIRONMENT / "made-for", ENVIRONMENT / "bin" / "python"
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in REQUIREMENTS)).hexdigest()
    wanted = f"{python} {digest}\n"
    if made.exists() and made.read_text() == wanted:
        return inside
    pip = [str(inside), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
    files = [word for file in REQUIREMENTS for word in ("-r", str(file))]
    for command in (
        [str(python.program), "-m", "venv", "--clear", str(ENVIRONMENT)],
        [*pip, "--require-hashes", *files],
    ):
        ended = subprocess.run(command, env=clean_environment(), capture_output=True, text=True, check=False)
        if ended.returncode:
            last = next(reversed(ended.stderr.strip().splitlines()), "")
            raise InstallError(f"The packages cannot be installed for {python}: {last}")
    made.write_text(wanted)
    return inside


def _installed() -> Iterator[Python]:
    """Every fitting Python on PATH, where systems keep them, and of pyenv."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    folders = [*os.get_exec_path(), *FOLDERS, *map(str, sorted(pyenv.glob("versions/*/bin")))]
    for folder in dict.fromkeys(folders):
        for minor in MINORS:
            program = shutil.which(f"python3.{minor}", path=folder)
            python = _probe(Path(program)) if program else None
            if python:
                yield python


def _from_packages(running: Python) -> Iterator[Python]:
    """The newest other minor version that Debian's packages have, installed now."""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return
    for minor in MINORS:
        package = f"python3.{minor}"
        if running.version[1] != minor and _has_package(package):
            programs.apt_get("install", "--no-install-recommends", package, f"{package}-venv")
            yield from _installed()
            return


def _has_package(name: str) -> bool:
    command = ["apt-cache", "show", "--quiet=2", name]
    return subprocess.run(command, env=clean_environment(), capture_output=True, check=False).returncode == 0


def _probe(program: Path) -> Python | None:
    """What this interpreter is, or None where it does not fit."""
    command = [str(program), "-I", "-c", PROBE]
    ended = subprocess.run(command, env=clean_environment(), capture_output=True, text=True, check=False)
    if ended.returncode:
        return None
    (major, minor, patch), prefix = json.loads(ended.stdout)
    return Python(program, (major, minor, patch), prefix) if (major, minor) in [(3, m) for m in MINORS] else None
