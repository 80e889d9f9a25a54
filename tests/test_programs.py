"""What the tests need of the operating system is installed or named, never skipped."""

import os
import subprocess
import sys
from pathlib import Path

from demo.services import PROJECT
from tests import programs

# A stand-in for apt-get: notes what it was asked, and "installs" the programs beside itself.
APT_GET = """#!/bin/sh
echo "$DEBIAN_FRONTEND $*" >> "{folder}/asked"
/bin/cp /bin/true "{folder}/chromium"
/bin/cp /bin/true "{folder}/redis-server"
/bin/cp /bin/true "{folder}/pgbouncer"
/bin/cp /bin/true "{folder}/initdb"
/bin/cp /bin/true "{folder}/postgres"
"""


def run_with_path(path: Path) -> subprocess.CompletedProcess[str]:
    """`python -m tests.programs` where nothing else is on PATH."""
    command = [sys.executable, "-m", "tests.programs"]
    return subprocess.run(command, env={"PATH": str(path)}, cwd=PROJECT, capture_output=True, text=True, check=False)


def test_missing_programs_are_named_in_one_line_and_the_run_fails(tmp_path: Path) -> None:
    run = run_with_path(tmp_path)
    assert run.returncode == 1
    assert run.stderr.count("\n") == 1
    assert "redis-server" in run.stderr
    assert "Install with" in run.stderr


def test_root_on_debian_installs_them_and_others_get_the_command(tmp_path: Path) -> None:
    apt_get = tmp_path / "apt-get"
    apt_get.write_text(APT_GET.format(folder=tmp_path))
    apt_get.chmod(0o755)
    run = run_with_path(tmp_path)
    if os.geteuid() == 0:
        assert run.returncode == 0
        assert "noninteractive -qq -y install --no-install-recommends" in (tmp_path / "asked").read_text()
    else:
        assert run.returncode == 1
        assert "sudo apt-get install" in run.stderr
        assert not (tmp_path / "asked").exists()


def test_the_tests_own_programs_are_there() -> None:
    assert programs.missing() == []
