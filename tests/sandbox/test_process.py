"""The sandbox as a process: signals, ports, files, and the state that a restart keeps."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.app import Sandbox
from tests import default_signals
from tests.sandbox import actors

ROOT = Path(__file__).resolve().parents[2]


def command(directory: Path, *ports: int) -> list[str]:
    https, http, smtp = ports or (0, 0, 0)
    return [
        *(sys.executable, "-m", "sandbox", "--directory", str(directory)),
        *("--https-port", str(https), "--http-port", str(http), "--smtp-port", str(smtp)),
    ]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_the_sandbox_with_status_zero(tmp_path: Path, number: signal.Signals) -> None:
    program = default_signals.command(command(tmp_path))
    with subprocess.Popen(program, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(3)]
        assert "https://localhost:" in lines[0]
        seed = json.loads((tmp_path / "seed.json").read_text())
        assert seed["urls"]["entra"] in lines[0]
        process.send_signal(number)
        assert process.wait(10) == 0


def test_a_port_in_use_is_reported_in_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = subprocess.run(
            command(tmp_path, 0, port, 0), cwd=ROOT, capture_output=True, text=True, timeout=20, check=False
        )
    assert ended.returncode == 1
    assert len(ended.stderr.splitlines()) == 1
    assert "a port is in use" in ended.stderr


def test_a_stopped_sandbox_frees_its_ports(tmp_path: Path) -> None:
    with Sandbox(tmp_path) as sandbox:
        ports = [int(url.rpartition(":")[2]) for url in (sandbox.entra_url, sandbox.people_url)]
        ports.append(sandbox.smtp_port)
    for port in ports:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=5)
    with Sandbox(tmp_path, *ports) as again:
        assert again.entra_url.endswith(f":{ports[0]}")


def test_a_restart_keeps_state_keys_and_tokens(tmp_path: Path) -> None:
    with Sandbox(tmp_path) as first:
        provider = first.seed.provider
        graph = actors.app_only(first, provider.tenant_id, provider.client_id, provider.client_secret)
        graph.new_application("kept")
        first.world.lag["secret"] = 1
        key = first.keys.current
    bundle = (tmp_path / "ca.pem").read_bytes()
    with Sandbox(tmp_path) as second:
        assert second.seed.provider == provider
        assert second.world.find_application(unique_name="kept")
        assert second.world.lag == {"secret": 1}
        assert second.keys.current == key
        assert (tmp_path / "ca.pem").read_bytes() == bundle
        again = actors.Rest(actors.session(second), f"{second.graph_url}/v1.0", graph.token)
        assert again.get("/organization").status_code == 200
        second.reset()
        assert not second.world.find_application(unique_name="kept")
        assert second.seed.provider == provider


def test_a_change_is_saved_while_the_sandbox_runs(tmp_path: Path) -> None:
    with Sandbox(tmp_path) as sandbox:
        sandbox.world.add_tenant("Litware")
        sandbox.world.flush()
        assert "Litware" in (tmp_path / "world.json").read_text()


def test_only_the_owner_can_read_secrets_on_disk(tmp_path: Path) -> None:
    with Sandbox(tmp_path):
        pass
    for name in ("seed.json", "world.json", "signing-key.pem", "ca-key.pem"):
        assert stat.S_IMODE(os.stat(tmp_path / name).st_mode) == 0o600, name


def test_localhost_redirects_are_refused_unless_allowed(tmp_path: Path) -> None:
    with Sandbox(tmp_path) as sandbox:
        provider = sandbox.seed.provider
        graph = actors.app_only(sandbox, provider.tenant_id, provider.client_id, provider.client_secret)
        answer = graph.upsert("one", web={"redirectUris": ["http://umptoken.finebak.localhost:8000/"]})
        actors.graph_error(answer, 400, "Request_BadRequest", "redirectUris")
        assert graph.upsert("one", web={"redirectUris": ["http://localhost:8000/"]}).status_code == 201


def test_two_sandboxes_have_equal_ids_and_different_secrets(tmp_path: Path) -> None:
    with Sandbox(tmp_path / "a") as one, Sandbox(tmp_path / "b") as two:
        assert one.seed.customer == two.seed.customer
        assert one.seed.provider.client_id == two.seed.provider.client_id
        assert one.seed.provider.client_secret != two.seed.provider.client_secret


def test_an_idle_connection_does_not_block_other_clients(sandbox: Sandbox) -> None:
    port = int(sandbox.entra_url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=5):
        assert actors.session(sandbox).get(f"{sandbox.entra_url}/x", timeout=5).status_code == 404
