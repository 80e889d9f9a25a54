"""The sockets: https for programs, http for people."""

from __future__ import annotations

import socket
import ssl
import sys
from typing import Any

from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

from sandbox.gateway import Gateway

IDLE_SECONDS = 30


class _Handler(WSGIRequestHandler):
    """A handler that keeps quiet: the call log tells more."""

    timeout = IDLE_SECONDS

    def log(self, type: str, message: str, *args: Any) -> None:
        return


class Listener(ThreadedWSGIServer):
    """A threaded server on this machine only.

    The TLS handshake is left to the connection's own thread; werkzeug's would let one silent client block all others.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self, port: int, app: Gateway, context: ssl.SSLContext | None = None) -> None:
        # Bound here and handed over (werkzeug takes a copy): its own way ends the whole process where a port is in use.
        with socket.create_server(("127.0.0.1", port), backlog=128) as bound:
            super().__init__("127.0.0.1", bound.getsockname()[1], app, _Handler, fd=bound.fileno())
        self.ssl_context = context

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = self.socket.accept()
        if self.ssl_context is None:
            return connection, address
        connection.settimeout(IDLE_SECONDS)
        wrapped = self.ssl_context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return wrapped, address

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Connections that end early are everyday here; anything else is a bug of the sandbox and shows itself."""
        if isinstance(sys.exc_info()[1], OSError):
            return
        super().handle_error(request, client_address)
