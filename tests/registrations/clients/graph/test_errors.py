"""Graph's refusals, and the error that each becomes."""

import pytest
import requests

from registrations.clients import ump as ump_client
from registrations.clients.graph.errors import GraphRefusedError, refusal_of
from registrations.errors import (
    NotFoundError,
    NotPermittedError,
    NotShownError,
    NotYetError,
    RemoteRejectedError,
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
