"""How a refusal's page is filled in: by Microsoft's code, by the step, and for holders of the link."""

import pytest

from onboarding.error_catalogue import CONSENTED, ERRORS, SAVED, UNCHANGED, ButtonTarget
from onboarding.errors import LONGEST_CODE, RefusedError
from onboarding.explanations import explain


def test_what_a_browser_posts_as_a_code_is_cut_off() -> None:
    refusal = RefusedError("microsoft_error", code="A" * 10_000, correlation_id="b" * 10_000)
    assert (refusal.code, refusal.correlation_id) == ("A" * LONGEST_CODE, "b" * LONGEST_CODE)


def test_the_meaning_of_a_code_replaces_the_general_sentence() -> None:
    meaning = explain("AADSTS53003")
    page = RefusedError("microsoft_error", explanation=meaning, code="AADSTS53003").page
    assert (page.sentence, page.next_step) == (meaning.sentence, meaning.next_step)
    assert (page.title, page.status) == (ERRORS["microsoft_error"].title, ERRORS["microsoft_error"].status)
    assert ERRORS["microsoft_error"].sentence != meaning.sentence


def test_after_a_consent_no_page_says_that_nothing_changed() -> None:
    for key, page in ERRORS.items():
        effect = RefusedError(key).after_consent().page.effect
        assert effect == (CONSENTED if page.effect == UNCHANGED else page.effect)


def test_a_link_holder_without_a_session_goes_back_to_the_link() -> None:
    for key, page in ERRORS.items():
        refusal = RefusedError(key).for_link_holder("https://umptoken.finebak.localhost/authenticate/x")
        assert refusal.page.target is not ButtonTarget.PROGRESS
        assert bool(refusal.link) == (page.target is ButtonTarget.PROGRESS)


def test_a_refusal_in_the_second_step_leads_back_to_that_step() -> None:
    page = RefusedError("consent_declined").in_second_step().page
    assert (page.button, page.target, page.effect) == ("Try again", ButtonTarget.REGISTRATION, SAVED)


@pytest.mark.parametrize("key", ["another_administrator", "approval_needed", "roles_missing", "revoked_link"])
def test_the_second_step_leaves_other_buttons_as_they_are(key: str) -> None:
    assert RefusedError(key).in_second_step().page is ERRORS[key]
