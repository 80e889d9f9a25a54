"""Faults: failures that tests script."""

import errno
import socket
import time
from urllib.parse import urlsplit

import pytest
import requests

from sandbox.app import Sandbox
from tests.sandbox.actors import Rest


def test_a_status_fault_applies_once(sandbox: Sandbox, graph: Rest) -> None:
    sandbox.faults.add(
        "graph", "status", method="GET", path="/organization", status=429, headers={"Retry-After": "7"}, body={"e": 1}
    )
    assert graph.get("/applications").status_code == 200
    answer = graph.get("/organization")
    assert (answer.status_code, answer.headers["Retry-After"], answer.json()) == (429, "7", {"e": 1})
    assert graph.get("/organization").status_code == 200


def test_a_lost_answer_fault_carries_out_the_call(sandbox: Sandbox, graph: Rest) -> None:
    sandbox.faults.add(service="graph", kind="lost_answer", method="PATCH", path="/applications.*")
    with pytest.raises(requests.ConnectionError):
        graph.upsert("one")
    assert sandbox.world.find_application(unique_name="one")
    assert sandbox.calls[-1].status == 201


def test_a_cut_fault_changes_nothing(sandbox: Sandbox, graph: Rest) -> None:
    sandbox.faults.add(service="graph", kind="cut", path="^/applications")
    with pytest.raises(requests.ConnectionError):
        graph.upsert("one")
    assert not sandbox.world.find_application(unique_name="one")
    assert sandbox.calls[-1].status == 0


def test_a_truncated_fault_sends_invalid_json(sandbox: Sandbox, graph: Rest) -> None:
    sandbox.faults.add(service="graph", kind="truncated")
    with pytest.raises(requests.JSONDecodeError):
        graph.get("/organization").json()


def test_a_slow_fault_delays_the_answer(sandbox: Sandbox, graph: Rest) -> None:
    sandbox.faults.add(service="graph", kind="slow", seconds=0.3)
    started = time.monotonic()
    assert graph.get("/organization").status_code == 200
    assert time.monotonic() - started >= 0.3


def test_a_reset_fault_changes_nothing(sandbox: Sandbox, graph: Rest) -> None:
    sandbox.faults.add(service="graph", kind="reset", path="^/applications")
    with pytest.raises(requests.ConnectionError):
        graph.upsert("one")
    assert not sandbox.world.find_application(unique_name="one")
    assert sandbox.calls[-1].status == 0
    assert graph.get("/organization").status_code == 200


@pytest.mark.parametrize(("kind", "expected"), [("reset", errno.ECONNRESET), ("cut", 0)])
def test_reset_sends_rst_and_cut_sends_fin(sandbox: Sandbox, kind: str, expected: int) -> None:
    # Without TLS, because the TLS library may report both in the same way.
    sandbox.faults.add(service="people", kind=kind)
    with socket.create_connection(("127.0.0.1", urlsplit(sandbox.people_url).port or 0), timeout=10) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        try:
            assert (connection.recv(1), expected) == (b"", 0)
        except ConnectionResetError as broken:
            assert broken.errno == expected  # noqa: PT017  either end is possible, the test checks which


def test_a_drip_fault_carries_out_the_call_and_sends_slowly(sandbox: Sandbox, graph: Rest) -> None:
    sandbox.faults.add(service="graph", kind="drip", method="PATCH", seconds=0.0001)
    answer = graph.upsert("one")
    assert answer.status_code == 201
    assert answer.json()["uniqueName"] == "one"
    assert sandbox.world.find_application(unique_name="one")
    pause = 0.002
    sandbox.faults.add(service="graph", kind="drip", method="GET", seconds=pause)
    started = time.monotonic()
    answer = graph.get("/organization")
    took = answer.elapsed.total_seconds()  # until the headers arrived
    assert time.monotonic() - started >= len(answer.content) * pause > took


@pytest.mark.parametrize("kind", ["slow", "drip"])
def test_slow_and_drip_faults_need_seconds(sandbox: Sandbox, kind: str) -> None:
    with pytest.raises(ValueError, match="needs seconds"):
        sandbox.faults.add("graph", kind)


def test_skip_and_times_count_matching_calls(sandbox: Sandbox, graph: Rest) -> None:
    sandbox.faults.add(service="graph", kind="status", status=503, path="/organization", skip=1, times=2)
    assert [graph.get("/organization").status_code for _ in range(4)] == [200, 503, 503, 200]


def test_faults_apply_to_entra_and_the_ump(sandbox: Sandbox, ump: Rest, web: requests.Session) -> None:
    sandbox.faults.add(service="entra", kind="status", status=503, body="<h1>busy</h1>", path="/token")
    answer = web.post(f"{sandbox.entra_url}/finebak.localhost/oauth2/v2.0/token", timeout=20)
    assert (answer.status_code, answer.text) == (503, "<h1>busy</h1>")
    sandbox.faults.add(service="ump", kind="cut")
    with pytest.raises(requests.ConnectionError):
        ump.get("/api/v3/customer")


def test_an_unknown_service_or_kind_of_fault_is_refused(sandbox: Sandbox) -> None:
    for service, kind in (("nothing", "cut"), ("graph", "nothing")):
        with pytest.raises(ValueError, match="must be one of"):
            sandbox.faults.add(service, kind)
