"""Graph's error responses."""

from sandbox.graph import errors


def test_an_error_body_has_the_ids_of_its_request() -> None:
    body = errors.not_found("x").body("request-1", "client-1", "2026-01-01T00:00:00Z")
    assert body["error"]["innerError"] == {
        "date": "2026-01-01T00:00:00",
        "request-id": "request-1",
        "client-request-id": "client-1",
    }
    assert "'x'" in body["error"]["message"]


def test_only_some_errors_have_details() -> None:
    assert "details" not in errors.invalid_reference().body("", "", "")["error"]
    (details,) = errors.no_backing_application("x").body("", "", "")["error"]["details"]
    assert (details["code"], details["target"]) == ("NoBackingApplicationObject", "appId")


def test_each_kind_of_refusal_has_graphs_status() -> None:
    made = (errors.bad_request(""), errors.unauthorized(""), errors.denied(), errors.not_found(""))
    assert [error.status for error in made] == [400, 401, 403, 404]
