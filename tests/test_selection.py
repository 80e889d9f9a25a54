"""A test of one database is deselected on the other, and the summary says so, with and without -n."""

import subprocess
import sys
from pathlib import Path

import pytest
from django.db import connection

from demo.services import PROJECT

pytestmark = [pytest.mark.sqlite, pytest.mark.postgresql]  # it selects differently there

# No database is made: with -n its name would be that of the run around this test, which would lose its own.
TESTS = """
import pytest

@pytest.fixture(scope="session")
def django_db_setup():
    pass

@pytest.mark.sqlite
def test_of_sqlite():
    pass

@pytest.mark.postgresql
def test_of_postgresql():
    pass

@pytest.mark.django_db
def test_of_both():
    pass

def test_of_a_fixture(db):
    pass

def test_without_a_database():
    pass
"""


@pytest.mark.parametrize("processes", ["0", "1"])
def test_only_the_tests_of_this_runs_database_are_selected(tmp_path: Path, processes: str) -> None:
    (tmp_path / "test_it.py").write_text(TESTS)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n    sqlite\n    postgresql\n")
    command = [sys.executable, "-m", "pytest", "-p", "tests.selection", "--ds=syncportal.settings", "-n", processes]
    run = subprocess.run([*command, "-v", tmp_path], cwd=PROJECT, capture_output=True, text=True, check=False)
    counts = {"sqlite": "4 passed, 1 deselected", "postgresql": "3 passed, 2 deselected"}
    assert counts[connection.vendor] in run.stdout, run.stdout
    assert f"test_of_{connection.vendor}" in run.stdout
