"""Where a refusal says why."""

from typing import Any

import pytest

from registrations.clients.refusal_words import codes_in, words_in

WHY = "The service is locked."


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"code": "x", "message": WHY}},
        {"Error": {"Message": WHY}},
        {"error": WHY},
        {"error": "invalid_request", "error_description": WHY},
        {"message": WHY},
        {"Message": WHY},
        {"title": "Bad Request", "detail": WHY, "status": 400},
        {"title": "One or more validation errors occurred.", "errors": {"clientId": [WHY]}},
        {"odata.error": {"message": {"lang": "en", "value": WHY}}},
        {"error": {"message": " ", "details": [{"target": "x"}, {"message": WHY}]}},
        {"value": [WHY]},
    ],
)
def test_the_reason_is_found_in_every_usual_shape(body: Any) -> None:
    assert words_in(body) == WHY


@pytest.mark.parametrize(
    "body", [None, 1, True, [], {}, {"error": None}, {"error": {"message": 7}}, {"errors": {"a": []}}]
)
def test_a_body_without_a_reason_gives_none(body: Any) -> None:
    assert words_in(body) == ""
    assert codes_in(body) == set()


def test_a_body_that_is_nested_without_end_is_left_early() -> None:
    body: dict[str, Any] = {"message": "too deep"}
    for _ in range(1000):
        body = {"error": body, "innererror": body}
    assert words_in(body) == ""
    assert codes_in(body) == set()


def test_codes_are_found_in_details_and_inner_errors() -> None:
    error = {"code": "a", "details": [{"code": "b"}], "innerError": {"code": "c", "innererror": {"code": "d"}}}
    assert codes_in({"error": error}) == {"a", "b", "c", "d"}
