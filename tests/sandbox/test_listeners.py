"""Connections to the listeners."""

import socket

from sandbox.app import Sandbox
from tests.sandbox import actors


def test_an_idle_connection_does_not_block_other_clients(sandbox: Sandbox) -> None:
    port = int(sandbox.entra_url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=5):
        assert actors.session(sandbox).get(f"{sandbox.entra_url}/x", timeout=5).status_code == 404
