"""CI runs each kind of chaos row once and a sample that the commit chooses, always the same for one commit."""

import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from tests.chaos import deletions, failed_writes, faults
from tests.chaos.results import Result
from tests.chaos.sample import Sample

COMMITS = [f"{number:040x}" for number in range(30)]


def test_without_a_commit_every_row_runs() -> None:
    assert Sample().of("a kind", range(25)) == list(range(25))
    assert Sample().of_each("abcabc", str) == list("abcabc")


def test_a_commit_chooses_the_same_rows_every_time_and_another_one_others() -> None:
    rows = range(25)
    assert Sample(COMMITS[0]).of("a kind", rows) == Sample(COMMITS[0]).of("a kind", rows)
    assert len(Sample(COMMITS[0]).of("a kind", rows)) == 3
    assert set().union(*(Sample(commit).of("a kind", rows) for commit in COMMITS)) == set(rows)


def test_every_kind_of_row_runs_once_at_least() -> None:
    rows = [(kind, number) for number in range(4) for kind in ("kill", "write", "deleted")]
    for commit in COMMITS:
        chosen = Sample(commit).of_each(rows, lambda row: row[0])
        assert sorted(kind for kind, _ in chosen) == ["deleted", "kill", "write"]
        assert chosen == sorted(chosen, key=rows.index)
    assert Sample(COMMITS[0]).of("none", []) == []


def test_a_new_kind_of_scripted_fault_joins_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    new = faults.ScriptedFault("something new", (faults.graph("GET", "/", "never seen before"),))
    monkeypatch.setattr(faults, "SCRIPTED", (*faults.SCRIPTED, new))
    monkeypatch.setattr(faults, "checked", lambda _, fault: fault)
    environment: Any = SimpleNamespace(sample=Sample(COMMITS[0]))
    rows: list[Any] = list(faults.rows(environment))
    assert new in rows


def test_a_sample_rejects_every_kind_of_write(monkeypatch: pytest.MonkeyPatch) -> None:
    writes = [
        failed_writes.Write(f"registrations_{table}", event, 9, bulk)
        for table in ("a", "b", "c")
        for event in ("INSERT", "UPDATE", "DELETE")
        for bulk in (False, True)
    ]
    monkeypatch.setattr(failed_writes, "_recorded", lambda _: writes)
    monkeypatch.setattr(failed_writes, "rejected", lambda _, write, number: Result(f"{write.event} {write.bulk}", 1))
    environment: Any = SimpleNamespace(sample=Sample(COMMITS[0]))
    names = [row.fault for row in failed_writes.rows(environment)]
    assert len(names) == len(set(names)) == 6


def test_a_sample_deletes_by_hand_once_in_every_kind_of_operation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deletions, "_steps_after", lambda *_: ["secret"])
    monkeypatch.setattr(deletions, "_row", lambda _, scenario, how, steps: (scenario.kind, how))

    def rows(sample: Sample) -> list[Any]:
        environment: Any = SimpleNamespace(sample=sample, request=lambda *_: ["first"], finish=lambda *_: None)
        return list(deletions.rows(environment))

    every = rows(Sample())
    assert len(every) == len(set(every)) == 12
    assert set().union(*(rows(Sample(commit)) for commit in COMMITS)) == set(every)
    for commit in COMMITS:
        assert [kind for kind, _ in rows(Sample(commit))] == [scenario.kind for scenario in deletions.SCENARIOS]


def test_a_sample_is_not_written_as_the_table() -> None:
    command = [sys.executable, "-m", "tests.chaos", "--sample", "abc", "--write", "chaos.md"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert answer.returncode == 2
    assert "A sample is not the table" in answer.stderr
