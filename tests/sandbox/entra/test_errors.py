"""Entra's error responses."""

import string

import pytest

from sandbox.clock import Clock
from sandbox.entra.errors import CODES, EntraError


def test_a_code_without_a_definition_cannot_be_raised() -> None:
    with pytest.raises(KeyError):
        EntraError(1)


def test_an_error_without_its_values_cannot_be_raised() -> None:
    with pytest.raises(KeyError, match="tenant"):
        EntraError(90002)


def test_a_body_has_a_suberror_only_if_the_code_has_one() -> None:
    clock = Clock()
    assert EntraError(65001, app_id="x", name="y").body(clock)["suberror"] == "consent_required"
    assert "suberror" not in EntraError(54005).body(clock)


@pytest.mark.parametrize("code", CODES)
def test_every_error_contains_its_code_and_ids(code: int) -> None:
    names = {name for _, name, _, _ in string.Formatter().parse(CODES[code].text) if name}
    error = EntraError(code, **dict.fromkeys(names, "some value"))
    body = error.body(Clock())
    assert body["error_codes"] == [code]
    assert body["error_description"].startswith(f"AADSTS{code}: ")
    assert f"Trace ID: {body['trace_id']} Correlation ID: {body['correlation_id']}" in body["error_description"]
