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
        # gunicorn.conf.py is there. In a group of its own, the workers can be ended with their master.
        self.process = subprocess.Popen(command, cwd=PROJECT, env=environment, start_new_session=True)

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
    with contextlib.suppress(ProcessLookupError):
        os.killpg(started.process.pid, signal.SIGKILL)
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


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (b"Host: a\r\nContent-Length: 65537", b"413"),
        (b"Host: localhost\r\nContent-Length: 65537", b"413"),
        (b"Host: localhost\r\nCookie: other=__Host-session\r\nContent-Length: 1000000", b"413"),
        (b"Host: a\r\nCookie: __Host-session=x\r\nContent-Length: 65537", b"413"),
        (b"Host: localhost\r\nExpect: 100-continue\r\nContent-Length: 65537", b"413"),
        (b"Host: localhost\r\nCookie: __Host-session=x\r\nTransfer-Encoding: chunked", b"411"),
    ],
)
def test_bodies_that_would_be_refused_are_not_collected(server: Server, headers: bytes, status: bytes) -> None:
    with contextlib.closing(server.raw(b"POST / HTTP/1.1\r\n" + headers + b"\r\n\r\n")) as connection:
        assert connection.recv(100).split()[1] == status  # before the body


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"nonsense\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", b"411"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 120000000\r\n\r\n", b"413"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX-Long: " + b"a" * 40_000 + b"\r\n\r\n", b"431"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", b"501"),
    ],
)
def test_refusals_of_the_server_itself_have_hsts(server: Server, data: bytes, status: bytes) -> None:
    with contextlib.closing(server.raw(data)) as connection:
        answer = connection.recv(1000)
        assert answer.split()[1] == status
        assert b"\r\nStrict-Transport-Security: max-age=31536000\r\n" in answer


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8000", "localhost.", "127.0.0.1:8000"])
def test_a_long_form_of_staff_arrives(server: Server, host: str) -> None:
    head = f"POST / HTTP/1.1\r\nHost: {host}\r\nCookie: a=b; __Host-session=x\r\nContent-Length: 600000\r\n\r\n"
    sent = server.raw(head.encode() + b"a" * 600_000)
    with contextlib.closing(sent), http.client.HTTPResponse(sent) as answer:
        answer.begin()
        assert len(json.loads(answer.read())["body"]) == 600_000


@pytest.mark.parametrize(
    ("address", "content_type"),
    [
        ("/", "a/b; c*=nonsense''d"),
        ("/", "a/b; c*=d; c*1=e"),
        ("/", "a/b; c*=idna''%ff"),
        ("/", "a/b; charset=rot13"),
        ("/", "a/b; charset=idna"),
        ("/", "a/b; charset*=utf-8''a%00"),
        ("/?" + "&" * 13_000, "a/b; charset=utf-8"),
    ],
)
def test_headers_that_django_cannot_read_are_refused(server: Server, address: str, content_type: str) -> None:
    head = f"GET {address} HTTP/1.1\r\nHost: a\r\nContent-Type: {content_type}\r\n\r\n"
    with contextlib.closing(server.raw(head.encode())) as connection:
        assert connection.recv(100).split()[1] == b"400"


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
