"""The explanations of Microsoft's codes."""

import pytest

from onboarding.explanations import GENERIC, explain

pytestmark = pytest.mark.django_db


def test_every_code_has_both_sentences() -> None:
    for code in ("AADSTS53003", "AADSTS50011", "server_error", "AADSTS1"):
        found = explain(code)
        assert found.sentence
        assert found.next_step
    assert explain("AADSTS1") is GENERIC
