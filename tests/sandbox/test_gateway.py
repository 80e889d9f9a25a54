"""What the gateway does between listener and service: routing, the host's name, logging and faults."""

import pytest
from werkzeug import Request, Response
from werkzeug.test import Client

from sandbox.call_log import CallLog
from sandbox.faults import Faults
from sandbox.gateway import MAX_BODY_BYTES, Gateway, Mount


class Service:
    """A service that returns the request's body and counts its calls."""

    def __init__(self) -> None:
        self.calls = 0

    def answer(self, request: Request) -> Response:
        self.calls += 1
        return Response(request.get_data())


class Setup:
    """A gateway in front of Graph, and of pages that are not logged."""

    def __init__(self, *, local_only: bool = False) -> None:
        self.faults, self.log, self.graph, self.pages = Faults(), CallLog(), Service(), Service()
        mounts = [Mount("/v1.0/", "graph", self.graph.answer), Mount("/pages/", None, self.pages.answer)]
        self.client = Client(Gateway(mounts, self.faults, self.log, local_only=local_only))


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "evil.example:8400", "192.0.2.1"])
def test_the_host_name_of_another_machine_is_refused(host: str) -> None:
    setup = Setup(local_only=True)
    assert setup.client.get("/v1.0/x", headers={"Host": host}).status_code == 421
    assert setup.graph.calls == 0


@pytest.mark.parametrize("host", ["localhost", "localhost:8400", "127.0.0.1:8400", "portal.localhost:8400"])
def test_the_host_names_of_this_machine_are_accepted(host: str) -> None:
    assert Setup(local_only=True).client.get("/v1.0/x", headers={"Host": host}).status_code == 200


def test_a_path_without_a_service_is_404_and_not_logged() -> None:
    setup = Setup()
    assert setup.client.get("/nothing").status_code == 404
    assert setup.log.copy() == []


def test_a_body_over_the_limit_does_not_reach_the_service() -> None:
    setup = Setup()
    assert setup.client.post("/v1.0/x", data=b"x" * (MAX_BODY_BYTES + 1)).status_code == 413
    assert setup.graph.calls == 0


def test_a_status_fault_answers_instead_of_the_service() -> None:
    setup = Setup()
    setup.faults.add("graph", "status", status=503, body={"error": "busy"}, headers={"Retry-After": 7})
    answer = setup.client.get("/v1.0/x")
    assert (answer.status_code, answer.json, answer.headers["Retry-After"]) == (503, {"error": "busy"}, "7")
    assert setup.graph.calls == 0
    assert setup.log.counts == {"graph GET 503": 1}


def test_calls_without_a_service_name_get_no_log_and_no_fault() -> None:
    setup = Setup()
    setup.faults.add("graph", "status", status=503)
    assert setup.client.post("/pages/x", data="hello").text == "hello"
    assert setup.log.copy() == []
    assert len(setup.faults.listing()) == 1
