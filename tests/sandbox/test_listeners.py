"""Connections to the listeners."""

import contextlib
import http.client
import socket
from urllib.parse import urlsplit

import pytest

from sandbox.app import Sandbox
from sandbox.call_log import CallLog
from sandbox.clock import Clock
from sandbox.faults import Faults
from sandbox.gateway import MAX_BODY_BYTES, Gateway
from sandbox.listeners import Listener
from tests.sandbox import actors


def test_an_idle_connection_does_not_block_other_clients(sandbox: Sandbox) -> None:
    port = int(sandbox.entra_url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=5):
        assert actors.session(sandbox).get(f"{sandbox.entra_url}/x", timeout=5).status_code == 404


def test_a_body_over_the_limit_is_refused_before_it_is_sent(sandbox: Sandbox) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", urlsplit(sandbox.people_url).port, timeout=5)
    with contextlib.closing(connection):
        connection.putrequest("POST", "/")
        connection.putheader("Content-Length", str(MAX_BODY_BYTES + 1))
        connection.endheaders()
        answer = connection.getresponse()
        assert (answer.status, answer.headers["Connection"]) == (413, "close")


def test_one_connection_serves_several_calls(sandbox: Sandbox) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", urlsplit(sandbox.people_url).port, timeout=5)
    with contextlib.closing(connection):
        used = []
        for method in ("POST", "HEAD", "GET"):
            connection.request(method, "/", body=b"not read by this page" if method == "POST" else None)
            answer = connection.getresponse()
            used.append((answer.status, bool(answer.read()), connection.sock))
        first = used[0][2]
        assert used == [(404, True, first), (200, False, first), (200, True, first)]


def test_a_port_in_use_raises_an_error(sandbox: Sandbox) -> None:
    taken = urlsplit(sandbox.people_url).port or 0
    with pytest.raises(OSError, match="in use"):
        Listener(taken, Gateway([], Faults(), CallLog()), Clock())
