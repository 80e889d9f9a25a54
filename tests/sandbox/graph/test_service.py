"""Addresses, bodies, ids of answers and batches at Graph."""

import pytest

from tests.sandbox.actors import Rest, graph_error
from tests.sandbox.graph.principals import NOBODY


def test_every_answer_carries_its_request_ids(graph: Rest) -> None:
    for path in ("/organization", "/applications/no-such-id"):
        answer = graph.get(path, client_request_id="mine-1")
        assert answer.headers["client-request-id"] == "mine-1"
        assert answer.headers["request-id"]
        assert answer.headers["Date"]
    inner = answer.json()["error"]["innerError"]
    assert inner["request-id"] == answer.headers["request-id"]
    assert inner["client-request-id"] == "mine-1"


def test_an_unknown_path_is_refused(graph: Rest) -> None:
    graph_error(graph.get("/nothing"), 400, "BadRequest", "Resource not found for the segment 'nothing'")
    graph_error(graph.get("/applications/x/nothing"), 400, "BadRequest", "Resource not found for the segment")


def test_a_wrong_method_is_405(graph: Rest) -> None:
    graph_error(graph.put("/applications", {}), 405, "Request_BadRequest")


def test_a_body_that_is_not_json_is_refused(graph: Rest) -> None:
    headers = {"Authorization": f"Bearer {graph.token}"}
    for data, kind in (("{", "application/json"), ("{}", "text/plain"), ("[]", "application/json")):
        answer = graph.web.post(
            f"{graph.base}/applications", data=data, headers={**headers, "Content-Type": kind}, timeout=20
        )
        graph_error(answer, 400, "BadRequest", "Unable to read JSON")


def test_a_batch_answers_each_part_separately(graph: Rest) -> None:
    app = graph.new_application()
    parts = [
        {"id": "1", "method": "GET", "url": f"/applications/{app['id']}?$select=id"},
        {"id": "2", "method": "GET", "url": f"/applications/{NOBODY}"},
        {"id": "3", "method": "GET", "url": "/organization", "dependsOn": ["2"]},
        {"id": "4", "method": "PATCH", "url": f"/applications/{app['id']}", "body": {"notes": "from a batch"}},
    ]
    answers = {part["id"]: part for part in graph.post("/$batch", {"requests": parts}).json()["responses"]}
    assert [answers[key]["status"] for key in "1234"] == [200, 404, 424, 204]
    assert answers["1"]["body"]["id"] == app["id"]
    assert answers["2"]["body"]["error"]["code"] == "Request_ResourceNotFound"
    assert graph.get(f"/applications/{app['id']}").json()["notes"] == "from a batch"


def test_a_count_in_a_batch_has_its_body(graph: Rest) -> None:
    eventual = {"ConsistencyLevel": "eventual"}
    parts = [
        {"id": path, "method": "GET", "url": f"/{path}/$count", "headers": eventual}
        for path in ("applications", "servicePrincipals")
    ]
    for part in graph.post("/$batch", {"requests": parts}).json()["responses"]:
        assert (part["status"], part["headers"]["Content-Type"]) == (200, "text/plain")
        assert part["body"] == graph.get(f"/{part['id']}/$count", **eventual).text
        assert int(part["body"]) >= 1


def test_a_batch_has_at_most_twenty_valid_parts(graph: Rest) -> None:
    parts = [{"id": str(n), "method": "GET", "url": "/organization"} for n in range(21)]
    graph_error(graph.post("/$batch", {"requests": parts}), 400, "BadRequest")
    for wrong in ([], "x", [1], [{"headers": "x"}], [{"dependsOn": "1"}], [{"body": []}, {"body": "x"}]):
        graph_error(graph.post("/$batch", {"requests": wrong}), 400, "BadRequest")


@pytest.mark.parametrize("option", ["$select=id", "top=1", "$nothing=1"])
def test_an_option_of_a_whole_batch_is_refused(graph: Rest, option: str) -> None:
    parts = [{"id": "1", "method": "POST", "url": "/applications", "body": {"displayName": "two"}}]
    graph_error(graph.post(f"/$batch?{option}", {"requests": parts}), 400, "BadRequest", "is not supported")
    assert graph.get("/applications?$filter=displayName eq 'two'").json()["value"] == []


def test_an_answer_has_one_date(graph: Rest) -> None:
    answer = graph.get("/organization")
    assert len(answer.raw.headers.getlist("Date")) == 1
