"""Graph's refusals, and the error that each becomes."""

import json
from collections.abc import Mapping

import pytest
import requests

from registrations.clients import ump as ump_client
from registrations.clients.graph.errors import GraphRefusedError, Meaning, refusal_of
from registrations.errors import (
    LONGEST_MESSAGE,
    NotFoundError,
    NotPermittedError,
    NotShownError,
    NotYetError,
    RemoteRejectedError,
    RemoteUnavailableError,
)


@pytest.mark.parametrize("body", ['{"error": "invalid_request"}', "[]", '{"error": null}', '"no"'])
def test_a_refusal_in_another_shape_is_still_a_refusal(body: str) -> None:
    answer = requests.Response()
    answer.status_code, answer._content = 400, body.encode()
    answer.headers["Content-Type"] = "application/json"
    assert isinstance(refusal_of(answer), GraphRefusedError)
    assert isinstance(ump_client.refusal_of(answer, sent={}), RemoteRejectedError)


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (
            400,
            '{"error":{"code":"Request_BadRequest","message":"x","details":[{"code":"NoBackingApplicationObject"}]}}',
            NotShownError,
        ),
        (400, '{"error":{"code":"Request_BadRequest","message":"Not a valid reference update."}}', NotShownError),
        (409, '{"error":{"code":"Directory_ConcurrencyViolation","message":"x"}}', NotYetError),
        (403, '{"error":{"code":"Authorization_RequestDenied","message":"x"}}', NotPermittedError),
        (404, '{"error":{"code":"Request_ResourceNotFound","message":"x"}}', NotFoundError),
        (400, '{"error":{"code":"Request_BadRequest","message":"Invalid property"}}', GraphRefusedError),
    ],
)
def test_each_refusal_of_graph_becomes_the_matching_error(status: int, body: str, error: type[Exception]) -> None:
    answer = requests.Response()
    answer.status_code, answer._content = status, body.encode()
    assert type(refusal_of(answer)) is error


QUOTA_CREATOR = "The directory object quota limit for the Principal has been exceeded."
QUOTA_TENANT = "The directory object quota limit for the Tenant has been exceeded."
QUOTA_OWNERS = "The maximum quota count '100' for forward-link owners has been exceeded."


@pytest.mark.parametrize(
    ("words", "meaning", "advice"),
    [
        (QUOTA_CREATOR, Meaning.QUOTA_OF_CREATOR, "Deleted applications"),
        (QUOTA_TENANT, Meaning.QUOTA_OF_TENANT, "Microsoft's support"),
        (QUOTA_OWNERS, Meaning.QUOTA_OF_OWNERS, "remove owners"),
        ("quota of objects of the creator is used up (words of ours)", Meaning.QUOTA, "a quota of objects is used up"),
    ],
)
@pytest.mark.parametrize("status", [400, 403])
def test_a_used_up_quota_is_no_missing_permission_and_says_what_helps(
    status: int, words: str, meaning: Meaning, advice: str
) -> None:
    refusal = refusal_of(answer_with(status, {"code": "Directory_QuotaExceeded", "message": words}))
    assert isinstance(refusal, GraphRefusedError)
    assert refusal.meaning is meaning
    assert advice in str(refusal)
    assert "permission or role is missing" not in str(refusal)
    assert len(str(refusal)) < LONGEST_MESSAGE


def test_a_refusal_without_a_telling_code_quotes_microsoft() -> None:
    said = {"code": "Request_BadRequest", "message": "The value of anna@contoso.example is not allowed."}
    refusal = refusal_of(answer_with(400, said))
    assert "Microsoft says: “The value of [e-mail] is not allowed.”" in str(refusal)
    assert (refusal.request_id, refusal.answer.answered_at) == ("r-1", "Mon, 30 Nov 2026 10:00:00 GMT")


def test_a_code_in_the_details_or_the_inner_error_counts() -> None:
    inner = {"code": "x", "message": QUOTA_TENANT, "innerError": {"code": "Directory_QuotaExceeded"}}
    refusal = refusal_of(answer_with(403, inner))
    assert isinstance(refusal, GraphRefusedError)
    assert refusal.meaning is Meaning.QUOTA_OF_TENANT


@pytest.mark.parametrize("words", [QUOTA_CREATOR, QUOTA_TENANT, QUOTA_OWNERS])
@pytest.mark.parametrize(
    "code", ["Authorization_RequestDenied", "Request_BadRequest", "directory_quotaexceeded", "quotaExceeded", ""]
)
@pytest.mark.parametrize("status", [400, 403, 409, 422])
def test_a_used_up_quota_is_known_by_its_words_whatever_code_they_come_with(status: int, code: str, words: str) -> None:
    refusal = refusal_of(answer_with(status, {"code": code, "message": words}))
    assert isinstance(refusal, GraphRefusedError)
    assert refusal.meaning in {Meaning.QUOTA_OF_CREATOR, Meaning.QUOTA_OF_TENANT, Meaning.QUOTA_OF_OWNERS}
    assert refusal.code.lower().endswith("quotaexceeded")  # pages find their text by it


@pytest.mark.parametrize(
    "error",
    [
        {"code": "Request_BadRequest", "message": "", "details": [{"code": "X", "message": "The name is too long."}]},
        {"code": "Request_BadRequest", "innerError": {"innerError": {"message": "The name is too long."}}},
        {"code": "Request_BadRequest", "message": {"lang": "en", "value": "The name is too long."}},
    ],
)
def test_a_reason_is_found_wherever_it_stands(error: dict[str, object]) -> None:
    assert "Microsoft says: “The name is too long.”" in str(refusal_of(answer_with(400, error)))


@pytest.mark.parametrize(
    ("code", "says_missing"),
    [("Authorization_RequestDenied", True), ("accessDenied", True), ("", True), ("ConditionalAccessBlocked", False)],
)
def test_a_403_keeps_microsofts_sentence(code: str, says_missing: bool) -> None:
    refusal = refusal_of(answer_with(403, {"code": code, "message": "The policy of this organisation forbids it."}))
    assert isinstance(refusal, NotPermittedError)
    assert "Microsoft says: “The policy of this organisation forbids it.”" in str(refusal)
    assert ("a permission or role is missing" in str(refusal)) == says_missing


@pytest.mark.parametrize("status", [400, 403])
def test_a_page_in_place_of_an_answer_names_the_status_and_the_request(status: int) -> None:
    answer = answer_with(status, {})
    answer._content = b"<html>Blocked by a proxy</html>"
    with pytest.raises(RemoteUnavailableError, match=f"HTTP {status}") as refused:
        refusal_of(answer)
    assert refused.value.request_id == "r-1"


def answer_with(status: int, error: Mapping[str, object]) -> requests.Response:
    answer = requests.Response()
    answer.status_code, answer._content = status, json.dumps({"error": error}).encode()
    answer.headers.update({"request-id": "r-1", "Date": "Mon, 30 Nov 2026 10:00:00 GMT"})
    return answer
