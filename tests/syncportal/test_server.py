"""The web server's worker, as a real process: slow clients, limits, headers of a proxy, and a graceful stop."""

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from demo.services import PROJECT

HALF_SENT = {
    "form": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 500\r\n\r\nusername=a",
    "header": b"GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ",
    "nothing": b"",
    "chunked": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc",
}


class Server:
    """One process of the web server with two threads."""

    def __init__(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        command = [sys.executable, "-m", "gunicorn", "tests.syncportal.slow_app", "--no-control-socket"]
        command += ["--bind", f"127.0.0.1:{self.port}", "--threads", "2", "--graceful-timeout", "20"]
        environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"}
        self.process = subprocess.Popen(command, cwd=PROJECT, env=environment)  # gunicorn.conf.py is there

    def get(self, path: str = "/", **headers: str) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        with contextlib.closing(connection):
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()

    def raw(self, data: bytes) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=60)
        connection.sendall(data)
        return connection


@pytest.fixture
def server() -> Iterator[Server]:
    """A server that answers."""
    started = Server()
    for _ in range(600):
        try:
            started.get()
            break
        except OSError:
            time.sleep(0.1)
    yield started
    started.process.kill()
    started.process.wait()


@pytest.mark.parametrize("kind", HALF_SENT)
def test_slow_clients_occupy_no_thread(server: Server, kind: str) -> None:
    slow = [server.raw(HALF_SENT[kind]) for _ in range(200)]
    assert server.get()[0] == 200
    for connection in slow:
        connection.close()


def test_requests_that_are_too_long_are_refused(server: Server) -> None:
    for data, status in (
        (b"GET /" + b"a" * 40_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", b"431"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX-Long: " + b"a" * 40_000 + b"\r\n\r\n", b"431"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 120000000\r\n\r\n", b"413"),
        (b"nonsense\r\n\r\n", b"400"),
    ):
        with contextlib.closing(server.raw(data)) as connection:
            assert connection.recv(100).split()[1] == status


def test_a_chunked_body_arrives_with_its_length(server: Server) -> None:
    sent = server.raw(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n")
    with contextlib.closing(sent), http.client.HTTPResponse(sent) as answer:
        answer.begin()
        seen = json.loads(answer.read())
    assert (seen["CONTENT_LENGTH"], seen["body"]) == ("5", "abcde")


def test_headers_of_a_proxy_reach_the_portal_unchanged(server: Server) -> None:
    headers = {"X-Forwarded-For": "198.51.100.7, 10.0.0.1", "X-Forwarded-Proto": "https", "Host": "umptoken.example"}
    seen = json.loads(server.get(**headers)[1])
    assert seen["HTTP_X_FORWARDED_FOR"] == "198.51.100.7, 10.0.0.1"
    assert seen["HTTP_X_FORWARDED_PROTO"] == "https"
    assert (seen["HTTP_HOST"], seen["REMOTE_ADDR"]) == ("umptoken.example", "127.0.0.1")


def test_a_stop_finishes_the_requests_that_have_arrived(server: Server) -> None:
    answers: list[Any] = []
    asking = threading.Thread(target=lambda: answers.append(server.get("/?2")))
    asking.start()
    slow = server.raw(HALF_SENT["form"])
    time.sleep(1)
    server.process.send_signal(signal.SIGTERM)
    asking.join(60)
    assert answers[0][0] == 200
    assert server.process.wait(20) == 0  # the half-sent form does not hold it up
    slow.close()
