"""A fault that did not happen must not look like a passed row."""

from collections import Counter

from tests.chaos.results import Result


def test_a_fault_that_did_not_happen_fails_its_row() -> None:
    tried, untried = Result("a fault", 2), Result("a fault", 2)
    tried.did_not_happen([])
    untried.did_not_happen(["no request met it"])
    assert (tried.passed, untried.passed) == (True, False)
    assert untried.details == ["did not happen: no request met it"]


def test_a_result_survives_json() -> None:
    result = Result("a fault", 2, lost=1, states=Counter({"succeeded": 1, "failed": 1}), details=["a detail"])
    assert Result.from_json(result.as_json()) == result
    assert result.row() == "| a fault | 2 | 1 | 0 | 0 | 0 | 1 failed, 1 succeeded |"
