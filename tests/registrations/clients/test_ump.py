"""The UMP client sends no secret to another host and repeats none."""

import json

import pytest
import requests

from registrations import connections
from registrations.clients import ump as ump_client
from registrations.errors import NotYetError, RemoteRejectedError
from sandbox.app import Sandbox
from tests import factories


@pytest.mark.django_db
def test_a_ump_that_redirects_gets_no_secret(sandbox: Sandbox) -> None:
    instance = factories.make_instance(sandbox)
    sandbox.faults.add(
        service="ump", kind="status", status=307, path="system-settings", headers={"Location": "https://evil.example/"}
    )
    with pytest.raises(RemoteRejectedError, match="redirect"):
        connections.ump(instance).read_settings()


@pytest.mark.django_db
def test_a_ump_host_that_is_no_longer_allowed_is_not_called(sandbox: Sandbox, settings: object) -> None:
    instance = factories.make_instance(sandbox)
    instance.ump_url = "https://evil.example/tenantui"
    with pytest.raises(RemoteRejectedError, match="not under"):
        connections.ump(instance)


def test_a_secret_that_the_ump_repeats_is_not_in_its_refusal() -> None:
    answer = requests.Response()
    answer.status_code = 400
    answer.headers["Content-Type"] = "application/json"
    answer._content = b'{"error":{"code":"bad","message":"clientSecret abc~very-secret is too old"}}'
    refusal = ump_client.refusal_of(answer, sent={"clientSecret": "abc~very-secret"})
    assert "very-secret" not in str(refusal)


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        (409, "The UMP is busy with another change."),
        (412, "Somebody changed the UMP's settings at the same moment."),
    ],
)
@pytest.mark.parametrize("code", ["", "TaskInProgress"])
def test_only_a_failed_precondition_says_that_somebody_changed_the_settings(
    status: int, sentence: str, code: str
) -> None:
    answer = requests.Response()
    answer.status_code = status
    answer.headers["Content-Type"] = "application/json"
    answer._content = json.dumps({"error": {"code": code, "message": "Not now."}}).encode()
    refusal = ump_client.refusal_of(answer, sent={})
    assert isinstance(refusal, NotYetError)
    assert (str(refusal), refusal.code) == (sentence, code or str(status))
    assert refusal.answer.sentence == "Not now."


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json", '{"error":{"code":"Locked","message":"The service is locked."}}'),
        ("application/json; charset=utf-8", '{"Message":"The service is locked."}'),
        ("application/problem+json", '{"title":"Locked","detail":"The service is locked."}'),
        ("application/json", '{"title":"Invalid","errors":{"clientId":["The service is locked."]}}'),
        ("text/plain; charset=utf-8", "The service is locked.\n"),
    ],
)
@pytest.mark.parametrize("status", [400, 401, 403, 422])
def test_a_refusal_of_the_ump_keeps_its_reason_in_every_shape(kind: str, body: str, status: int) -> None:
    answer = requests.Response()
    answer.status_code, answer._content = status, body.encode()
    answer.headers["Content-Type"] = kind
    refusal = ump_client.refusal_of(answer, sent={})
    assert "The service is locked." in str(refusal)


@pytest.mark.parametrize("body", ['{"detail":"abc~very-secret is too old"}', '{"errors":{"a":["abc~very-secret"]}}'])
def test_a_repeated_secret_is_left_out_wherever_it_stands(body: str) -> None:
    answer = requests.Response()
    answer.status_code, answer._content = 400, body.encode()
    answer.headers["Content-Type"] = "application/json"
    refusal = ump_client.refusal_of(answer, sent={"clientSecret": "abc~very-secret"})
    assert "very-secret" not in f"{refusal}{refusal.answer}"
