"""The table in docs/chaos.md is of this suite: a row that joined since is missing there."""

from pathlib import Path

from tests.chaos import crashes, deletions, disruptions, faults

DOCUMENT = Path(__file__).parents[1] / "docs" / "chaos.md"


def test_the_documents_table_has_every_row_that_has_a_name_before_it_runs() -> None:
    table = [line.split("|")[1].strip() for line in DOCUMENT.read_text().splitlines() if line.startswith("| ")]
    names = [each.name for each in disruptions.DISRUPTIONS] + [each.name for each in faults.SCRIPTED]
    names += [deletions.name_of(scenario, how) for scenario in deletions.SCENARIOS for how in scenario.hows]
    scenarios = (*crashes.BASIC, *crashes.OTHER_METHODS, *crashes.WITH_PRECONDITIONS)
    names += [f"every kill point of {scenario.kind} was reached" for scenario in scenarios]
    assert [name for name in names if name not in table] == []
