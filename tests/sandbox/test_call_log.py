"""The log of received calls."""

from typing import Any

import pytest
from werkzeug import Request
from werkzeug.test import EnvironBuilder

from sandbox import call_log
from sandbox.app import Sandbox
from sandbox.call_log import CallLog
from tests.sandbox.actors import Rest


def test_calls_are_recorded_with_their_bodies(sandbox: Sandbox, graph: Rest) -> None:
    graph.upsert("one")
    call = sandbox.calls[-1]
    assert (call.service, call.method, call.path) == ("graph", "PATCH", "/v1.0/applications(uniqueName='one')")
    assert call.body["displayName"] == "Sync App"
    assert call.headers["Prefer"] == "create-if-missing"
    token = next(c for c in sandbox.calls if c.service == "entra")
    assert token.body["client_secret"] == sandbox.seed.provider.client_secret


def request(**values: Any) -> Request:
    return EnvironBuilder(path="/v1.0/x", **values).get_request()


def test_only_the_newest_calls_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(call_log, "MAX_CALLS", 2)
    log = CallLog()
    for number in range(3):
        log.finish(log.record("graph", request(query_string={"number": str(number)})), 200)
    assert [call.query["number"] for call in log.copy()] == ["1", "2"]
    assert log.counts == {"graph GET 200": 3}


@pytest.mark.parametrize(
    ("values", "body"),
    [
        ({}, None),
        ({"data": "{", "content_type": "application/json"}, None),
        ({"data": "text", "content_type": "text/plain"}, None),
        ({"json": {"a": 1}}, {"a": 1}),
        ({"method": "POST", "data": {"a": "1"}}, {"a": "1"}),
    ],
)
def test_a_body_is_kept_only_as_json_or_form(values: dict[str, Any], body: Any) -> None:
    assert CallLog().record("graph", request(**values)).body == body
