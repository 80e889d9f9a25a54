"""`python -m sandbox`: signals and ports."""

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests import default_signals

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


def test_a_directory_is_required() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "sandbox"], cwd=ROOT, capture_output=True, text=True, timeout=20, check=False
    )
    assert ended.returncode == 2
    assert "--directory" in ended.stderr
