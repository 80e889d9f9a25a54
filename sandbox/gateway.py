"""The WSGI application between listeners and services. It routes requests, injects faults and logs calls."""

from __future__ import annotations

import json
import os
import socket
import struct
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from uuid import uuid4
from wsgiref.types import StartResponse, WSGIEnvironment

from werkzeug import Request, Response
from werkzeug.exceptions import HTTPException, NotFound

from sandbox import pages
from sandbox.call_log import CallLog
from sandbox.faults import Fault, Faults

Service = Callable[[Request], Response]
RESPONSE_PACING = "sandbox.manner"  # its key in the WSGI environment
MAX_BODY_BYTES = 4 * 1024 * 1024


@dataclass
class ResponsePacing:
    """How the listener sends the response: `pause` is the number of seconds between two bytes of the body."""

    pause: float = 0.0


@dataclass(frozen=True)
class Mount:
    """A service and its path prefix. Without a name, its calls are not logged and get no faults."""

    prefix: str
    name: str | None
    service: Service


class Gateway:
    """A WSGI application that passes each request to the first mount with a matching prefix."""

    def __init__(
        self,
        mounts: list[Mount],
        faults: Faults,
        log: CallLog,
        *,
        local_only: bool = False,
        latency: dict[str, float] | None = None,
    ) -> None:
        self._mounts, self._faults, self._log, self._local_only = mounts, faults, log, local_only
        self._latency = latency if latency is not None else {}

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request = Request(environ)
        request.max_content_length = MAX_BODY_BYTES
        try:
            response = self._answer(request)
        except HTTPException as wrong:
            response = Response(wrong.description, status=wrong.code, mimetype="text/plain")
        return response(environ, start_response)

    def _answer(self, request: Request) -> Response:
        # Protects against DNS rebinding: the Host header still has the attacker's name.
        if self._local_only and not _is_local(request.host):
            return Response("This address is for localhost only.", status=421, mimetype="text/plain")
        for mount in self._mounts:
            if request.path.startswith(mount.prefix):
                return self._serve(mount, request)
        return Response(status=404)

    def _serve(self, mount: Mount, request: Request) -> Response:
        if mount.name is None:
            return _guarded(mount.service, request)
        call = self._log.record(mount.name, request)
        time.sleep(self._latency.get(mount.name, 0.0))
        fault = self._faults.take(mount.name, request.method, request.path)
        try:
            response = _failing(fault, mount.service, request) if fault else _guarded(mount.service, request)
        except _LostResponseError as lost:
            self._log.finish(call, lost.status)
            cut(request)
            raise ConnectionAbortedError("scripted") from None
        except ConnectionResetError:
            reset(request)
            raise ConnectionAbortedError("scripted") from None
        except ConnectionAbortedError:
            cut(request)
            raise
        self._log.finish(call, response.status_code)
        return response


class _LostResponseError(Exception):
    """The request was processed, but the client must not get the response."""

    def __init__(self, status: int) -> None:
        super().__init__()
        self.status = status


def _guarded(service: Service, request: Request) -> Response:
    try:
        return service(request)
    except NotFound:
        return pages.page("Page not found", '<p><a href="/">Start page of the sandbox</a></p>', status=404)


def _failing(fault: Fault, service: Service, request: Request) -> Response:
    if fault.kind == "cut":
        raise ConnectionAbortedError("scripted")
    if fault.kind == "reset":
        raise ConnectionResetError("scripted")
    if fault.kind == "status":
        return _scripted(fault, request)
    if fault.kind == "slow":
        time.sleep(fault.seconds)
    response = _guarded(service, request)
    if fault.kind == "lost_answer":
        raise _LostResponseError(response.status_code)
    if fault.kind == "truncated":
        whole = response.get_data()
        response.set_data(whole[: len(whole) // 2])
    if fault.kind == "drip":
        request.environ.get(RESPONSE_PACING, ResponsePacing()).pause = fault.seconds
    return response


def _scripted(fault: Fault, request: Request) -> Response:
    if isinstance(fault.body, str):
        response = Response(fault.body, status=fault.status, mimetype="text/html")
    elif fault.body is None:
        response = Response(status=fault.status)
    else:
        response = Response(json.dumps(fault.body), status=fault.status, mimetype="application/json")
    if fault.service == "graph":  # every answer of Graph has both, refusals of its front door too
        response.headers["request-id"] = str(uuid4())
        response.headers["client-request-id"] = request.headers.get("client-request-id", response.headers["request-id"])
    for name, value in fault.headers.items():
        response.headers[name] = str(value)
    return response


def cut(request: Request) -> None:
    """Close the connection without a response."""
    connection = request.environ.get("werkzeug.socket")
    if connection is None:
        return
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        # The client has closed it already.
        return


def reset(request: Request) -> None:
    """Reset the connection (RST), as a crashed machine or a firewall does. Data in transit is lost."""
    connection = request.environ.get("werkzeug.socket")
    if connection is None:
        return
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    # close() is not enough: file objects keep the socket open, and TLS would send close_notify first.
    os.close(connection.detach())


def _is_local(host: str) -> bool:
    name = host.rpartition(":")[0] if ":" in host else host
    return name in ("localhost", "127.0.0.1") or name.endswith(".localhost")
