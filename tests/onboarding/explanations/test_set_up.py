"""Why a setup could not finish: which text a code selects, and that each text can be filled in."""

import pytest

from onboarding.explanations import explain, explain_credential, set_up
from onboarding.services.lookups import KINDS
from registrations.engine import registry
from tests.onboarding.stage import Stage, stage
from tests.onboarding.wizard import text

__all__ = ["stage"]  # a fixture

SETUP_PROBLEMS = [
    set_up.SIGN_IN,
    set_up.SECRETS_FORBIDDEN_LATE,
    set_up.CANCELLED,
    set_up.GENERIC,
    set_up.QUOTA,
    *set_up.QUOTAS.values(),
    *set_up.BY_CODE.values(),
]
CHECK_PROBLEMS = [set_up.CHECK_CANCELLED, set_up.CHECK_FAILED, *set_up.CHECK_PROBLEMS.values()]


def test_a_refused_token_is_explained_by_microsofts_code() -> None:
    told = set_up.token_failed("AADSTS50057", cancelled=False)
    assert told.sentence == explain("AADSTS50057").sentence
    assert set_up.token_failed("no_contract", cancelled=False) is set_up.GENERIC
    assert set_up.token_failed("AADSTS50057", cancelled=True) is set_up.CANCELLED


@pytest.mark.parametrize("problem", [*SETUP_PROBLEMS, *CHECK_PROBLEMS])
def test_each_text_needs_only_provider_name_and_step(problem: set_up.SetupProblem) -> None:
    for sentence in (problem.sentence, problem.next_step):
        filled = sentence.format(provider="Finebak", name="Contoso-sync", step="Create the registration")
        assert filled
        assert "{" not in filled


def test_an_unknown_code_names_the_step() -> None:
    assert set_up.failed("no_such_code", cancelled=False) is set_up.GENERIC
    assert "{step}" in set_up.GENERIC.sentence


@pytest.mark.parametrize("code", ["Directory_QuotaExceeded", "Some_QuotaExceeded", "quotaExceeded"])
def test_a_full_directory_is_explained_by_what_makes_room(code: str) -> None:
    assert set_up.failed(code, cancelled=True) is set_up.CANCELLED
    told = set_up.failed(code, cancelled=False)
    assert "either of the account that signed in or of the whole directory" in told.sentence
    assert "permanently delete those that nobody needs" in told.next_step
    assert not told.next_step.startswith(set_up.AGAIN)


@pytest.mark.parametrize(
    ("words", "told", "advice"),
    [
        (
            "The directory object quota limit for the Principal has been exceeded.",
            "the account that signed in",
            "another",
        ),
        ("The directory object quota limit for the Tenant has been exceeded.", "whole directory", "A verified domain"),
        ("The maximum quota count '100' for forward-link owners has been exceeded.", "owners", "remove owners"),
    ],
)
@pytest.mark.parametrize("code", ["Directory_QuotaExceeded", "Authorization_RequestDenied"])
@pytest.mark.django_db
def test_each_quota_is_explained_by_what_it_counts(stage: Stage, code: str, words: str, told: str, advice: str) -> None:
    body = {"error": {"code": code, "message": words}}
    stage.sandbox.faults.add("graph", "status", method="PATCH", path="/applications", status=403, times=9, body=body)
    page = text(stage.after_the_work())
    assert "as many objects" in page or told in page
    assert advice in page
    assert "either of the account" not in page
    assert "lacks a role" not in page


def test_a_cancelled_setup_is_explained_by_the_cancellation_alone() -> None:
    assert set_up.failed("accessDenied", cancelled=True) is set_up.CANCELLED
    assert set_up.check_failed("AADSTS7000215", cancelled=True) is set_up.CHECK_CANCELLED


def test_a_failed_check_is_explained_by_what_was_wrong_with_the_values() -> None:
    refused = set_up.check_failed("AADSTS7000222", cancelled=False)
    assert refused.sentence == explain_credential("AADSTS7000222").sentence
    assert set_up.check_failed("values_forgotten", cancelled=False) is set_up.VALUES_DELETED
    assert set_up.check_failed("no_such_code", cancelled=False) is set_up.CHECK_FAILED


def test_each_waiting_note_belongs_to_a_step_that_exists() -> None:
    steps = {step.name for kind in KINDS.values() for step in registry.kinds[kind].steps}
    assert set(set_up.WAITING_NOTES) <= steps
    assert set_up.waiting_note("no_such_step") == set_up.REPLICATING
