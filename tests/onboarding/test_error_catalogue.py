"""The error catalogue's texts."""

import pytest

from onboarding import error_catalogue

pytestmark = pytest.mark.django_db


def test_every_error_page_fills_its_texts_and_blames_nobody() -> None:
    names = {"provider": "Finebak", "customer": "Contoso", "host": "h", "facts": "Fred", "needed_role": "R", "app": "a"}
    names["wait"] = "40 seconds"
    for refusal in error_catalogue.ERRORS.values():
        for sentence in (refusal.title, refusal.sentence, refusal.next_step, refusal.effect):
            filled = sentence.format(**names)
            assert "{" not in filled
            for word in ("please", "oops", "successfully", "!", "something went wrong", "tenant"):
                assert word not in filled.lower()
        assert refusal.sentence
        assert refusal.next_step
