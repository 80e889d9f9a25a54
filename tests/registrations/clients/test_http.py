"""Remote calls: only to the allowed hosts, never along a redirect, never without a time limit."""

import contextlib
import os
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
import requests
from requests.utils import DEFAULT_CA_BUNDLE_PATH

from registrations.clients.http import ForbiddenOriginError, RemoteSession, exchange, retry_after
from registrations.errors import (
    RemoteUnavailableError,
)
from sandbox.app import Sandbox


def session(sandbox: Sandbox, timeout: float = 5) -> RemoteSession:
    return RemoteSession(origins={sandbox.graph_url}, ca_bundle=str(sandbox.ca_bundle), timeout=timeout)


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/v1.0",
        "http://localhost/v1.0",
        "https://localhost:1/v1.0",
        "https://localhost@evil.example/",
    ],
)
def test_no_other_host_is_called(sandbox: Sandbox, url: str) -> None:
    with pytest.raises(ForbiddenOriginError):
        session(sandbox).get(url)


def test_an_untrusted_certificate_is_refused(sandbox: Sandbox) -> None:
    bare = RemoteSession(origins={sandbox.graph_url}, ca_bundle="", timeout=5)
    with pytest.raises(RemoteUnavailableError, match="certificate"):
        exchange(bare, "Graph", "GET", f"{sandbox.graph_url}/v1.0/organization")


@pytest.mark.parametrize(
    ("refusal", "words"),
    [
        ("certificate verify failed: certificate is not yet valid (_ssl.c:1000)", "machine's clock"),
        ("certificate verify failed: certificate has expired (_ssl.c:1000)", "machine's clock"),
        ("certificate verify failed: unable to get local issuer certificate (_ssl.c:1000)", "not trusted"),
    ],
)
def test_a_certificate_out_of_its_time_points_at_the_clock(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, refusal: str, words: str
) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise requests.exceptions.SSLError(refusal)

    monkeypatch.setattr(RemoteSession, "request", refuse)
    with pytest.raises(RemoteUnavailableError, match=words):
        exchange(session(sandbox), "Graph", "GET", f"{sandbox.graph_url}/v1.0/organization")


def test_a_thread_reads_a_ca_bundle_once_and_again_after_it_changed(sandbox: Sandbox, tmp_path: Path) -> None:
    bundle = tmp_path / "ca.pem"
    bundle.write_bytes(sandbox.ca_bundle.read_bytes())

    def connect() -> object:
        asked = RemoteSession(origins={sandbox.graph_url}, ca_bundle=str(bundle), timeout=5)
        assert exchange(asked, "Graph", "GET", f"{sandbox.graph_url}/v1.0/organization").status_code == 401
        return asked.get_adapter(sandbox.graph_url)._context  # type: ignore[attr-defined]

    first = connect()
    assert connect() is first
    with ThreadPoolExecutor(1) as other_thread:
        assert other_thread.submit(connect).result() is not first
    bundle.write_bytes(Path(DEFAULT_CA_BUNDLE_PATH).read_bytes())
    os.utime(bundle, ns=(1, 1))
    with pytest.raises(RemoteUnavailableError, match="certificate"):
        connect()


def test_a_ca_bundle_in_the_environment_is_ignored(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere.pem")
    answer = exchange(session(sandbox), "Graph", "GET", f"{sandbox.graph_url}/v1.0/organization")
    assert answer.status_code == 401


def test_an_answer_that_comes_too_late_is_given_up(sandbox: Sandbox) -> None:
    sandbox.faults.add(service="graph", kind="slow", seconds=2, path="/organization", times=5)
    with pytest.raises(RemoteUnavailableError, match="in time"):
        exchange(session(sandbox, timeout=0.3), "Graph", "GET", f"{sandbox.graph_url}/v1.0/organization")


def test_a_throttled_get_carries_the_retry_after(sandbox: Sandbox) -> None:
    sandbox.faults.add(
        service="graph", kind="status", status=429, path="/organization", headers={"Retry-After": "120"}, times=5
    )
    with pytest.raises(RemoteUnavailableError) as busy:
        exchange(session(sandbox), "Graph", "GET", f"{sandbox.graph_url}/v1.0/organization")
    assert busy.value.retry_after == timedelta(seconds=120)


def test_an_answer_that_never_ends_is_given_up() -> None:
    started = time.monotonic()
    with drip() as url:
        dripping = RemoteSession(origins={url}, ca_bundle="", timeout=0.5)
        with pytest.raises(requests.RequestException):
            dripping.get(url)
    assert time.monotonic() - started < 5


@contextlib.contextmanager
def drip() -> Iterator[str]:
    """A server that sends one byte now and then, for ever."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = server.accept()
        with connection, contextlib.suppress(OSError):
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
            while True:
                connection.sendall(b"x")
                time.sleep(0.1)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    with server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
    thread.join(timeout=5)


def test_a_post_is_never_sent_twice_by_the_session(sandbox: Sandbox) -> None:
    sandbox.faults.add(service="graph", kind="cut", method="POST", path="/servicePrincipals", times=5)
    before = len(sandbox.calls)
    with pytest.raises(RemoteUnavailableError):
        exchange(session(sandbox), "Graph", "POST", f"{sandbox.graph_url}/v1.0/servicePrincipals", json={})
    assert len([call for call in sandbox.calls[before:] if call.method == "POST"]) <= 1


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        (None, None),
        ("", None),
        ("soon", None),
        ("120", timedelta(seconds=120)),
        ("0", timedelta(seconds=1)),
        ("999999", timedelta(hours=1)),
        ("9" * 20, timedelta(hours=1)),
        ("9" * 5000, timedelta(hours=1)),
        ("²", None),
        ("0.5", None),
        ("Fri, 31 Dec 9999 23:59:59 GMT", timedelta(hours=1)),
        ("Thu, 01 Jan 1970 00:00:00 GMT", timedelta(seconds=1)),
    ],
)
def test_retry_after_is_read_as_seconds_or_date_within_bounds(header: str | None, wait: timedelta | None) -> None:
    assert retry_after(header) == wait
