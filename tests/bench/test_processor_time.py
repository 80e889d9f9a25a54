"""Processor time is read from /proc for whole process trees."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench import processor_time

TICKS = os.sysconf("SC_CLK_TCK")
BURN = "import time\nwhile time.process_time() < {seconds}: pass\n"


def test_a_tree_has_the_time_of_all_its_descendants_and_no_others(tmp_path: Path) -> None:
    _add(tmp_path, 10, parent=1, times=(1, 2, 3, 4))
    _add(tmp_path, 11, parent=10, times=(10, 0, 0, 0), command="a (strange) name")
    _add(tmp_path, 12, parent=11, times=(0, 20, 0, 0))
    _add(tmp_path, 13, parent=1, times=(5000, 0, 0, 0))
    assert processor_time.of_trees({"worker": 10, "gone": 99}, tmp_path) == {"worker": 40 / TICKS, "gone": 0}


def test_nothing_is_reported_without_proc(tmp_path: Path) -> None:
    assert processor_time.of_trees({"worker": 10}, tmp_path) == {}


@pytest.mark.skipif(not processor_time.PROC.joinpath("self/stat").exists(), reason="only Linux has /proc")
def test_a_child_that_ended_counts_for_its_parent() -> None:
    before = processor_time.of_trees({"this": os.getpid()})["this"]
    subprocess.run([sys.executable, "-c", BURN.format(seconds=0.2)], check=True)
    assert processor_time.of_trees({"this": os.getpid()})["this"] - before >= 0.1


def _add(proc: Path, pid: int, *, parent: int, times: tuple[int, int, int, int], command: str = "python") -> None:
    folder = proc / str(pid)
    folder.mkdir()
    fields = ["S", parent, pid, pid, 0, -1, 0, 0, 0, 0, 0, *times, 20, 0, 1]
    (folder / "stat").write_text(f"{pid} ({command}) {' '.join(map(str, fields))}\n")
