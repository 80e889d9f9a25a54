"""The listening sockets: HTTPS for API clients, HTTP for browsers."""

from __future__ import annotations

import io
import socket
import ssl
import sys
import time
from http import HTTPStatus
from typing import Any

from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler
from werkzeug.test import run_wsgi_app

from sandbox.clock import Clock
from sandbox.gateway import MAX_BODY_BYTES, RESPONSE_PACING, Gateway, ResponsePacing

IDLE_SECONDS = 30


class _Handler(WSGIRequestHandler):
    """A handler with persistent connections, as Microsoft has, and without an access log: the call log has more.

    Werkzeug's handler closes each connection after one response, which would cost a TLS handshake for each call.
    """

    protocol_version = "HTTP/1.1"
    timeout = IDLE_SECONDS
    wbufsize = 64 * 1024  # headers and body are sent together
    disable_nagle_algorithm = True

    def run_wsgi(self) -> None:
        """Answer one request. Reads the whole body first, so that the next request starts at the right byte."""
        length = int(self.headers.get("Content-Length") or 0)
        if "Transfer-Encoding" in self.headers or length > MAX_BODY_BYTES:
            self.close_connection = True
            self._send(f"{HTTPStatus.REQUEST_ENTITY_TOO_LARGE} Content Too Large", [], b"")
            return
        manner = ResponsePacing()
        environ = self.make_environ() | {"wsgi.input": io.BytesIO(self.rfile.read(length)), RESPONSE_PACING: manner}
        try:
            parts, status, headers = run_wsgi_app(self.server.app, environ, buffered=True)
        except ConnectionAbortedError:  # injected fault: the socket is closed already
            self.close_connection = True
            return
        self._send(status, list(headers), b"".join(parts), manner.pause)

    def _send(self, status: str, headers: list[tuple[str, str]], body: bytes, pause: float = 0.0) -> None:
        code, _, reason = status.partition(" ")
        self.send_response(int(code), reason)  # with Server and Date, each once
        for name, value in headers:
            self.send_header(name, value)
        has_length = any(name.lower() == "content-length" for name, _ in headers)
        if not has_length and int(code) != HTTPStatus.NO_CONTENT:
            self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command == "HEAD":
            return
        if pause:
            self._drip(body, pause)
        else:
            self.wfile.write(body)

    def _drip(self, body: bytes, pause: float) -> None:
        self.wfile.flush()
        for place in range(len(body)):
            time.sleep(pause)
            self.wfile.write(body[place : place + 1])
            self.wfile.flush()

    def date_time_string(self, timestamp: float | None = None) -> str:
        """The `Date` of an answer, by the sandbox's clock."""
        if timestamp is None and isinstance(self.server, Listener):
            timestamp = self.server.clock.now()
        return super().date_time_string(timestamp)

    def log(self, type: str, message: str, *args: Any) -> None:
        return


class Listener(ThreadedWSGIServer):
    """A threaded server on this machine only.

    The connection's own thread does the TLS handshake. In werkzeug's server a silent client blocks all others.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self, port: int, app: Gateway, clock: Clock, context: ssl.SSLContext | None = None) -> None:
        # Bound here, because werkzeug ends the whole process if the port is in use. It duplicates the descriptor.
        with socket.create_server(("127.0.0.1", port), backlog=128) as bound:
            super().__init__("127.0.0.1", bound.getsockname()[1], app, _Handler, fd=bound.fileno())
        self.ssl_context, self.clock = context, clock

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = self.socket.accept()
        if self.ssl_context is None:
            return connection, address
        connection.settimeout(IDLE_SECONDS)
        wrapped = self.ssl_context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return wrapped, address

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore connections that end early. Print anything else: it is a bug of the sandbox."""
        if isinstance(sys.exc_info()[1], OSError):
            return
        super().handle_error(request, client_address)
