"""`python -m demo`: ports, the lock, the reset, and the link's state."""

import http.server
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo import __main__ as demo
from demo import processes
from demo.processes import ProcessError
from demo.seeding import Memory


@pytest.fixture
def _own_signals() -> Iterator[None]:
    """Restore the signal handlers that the demo sets."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


@pytest.fixture
def free_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in demo.PORT_VARIABLES:
        monkeypatch.setenv(variable, str(processes.free_port()))


@pytest.mark.usefixtures("free_ports")
@pytest.mark.parametrize("text", ["many", "0", "65536", "-1"])
def test_an_invalid_port_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("DEMO_SMTP_PORT", text)
    with pytest.raises(ProcessError, match=f"DEMO_SMTP_PORT is not a port number: {text}"):
        demo.ports_wanted(tmp_path)


@pytest.mark.usefixtures("free_ports")
def test_a_taken_port_is_named_with_its_owner_and_a_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setenv("DEMO_PORT", str(port))
        with pytest.raises(ProcessError, match=rf"Port {port} is taken, and the portal wants it\. Choose another: "):
            demo.ports_wanted(tmp_path)
        Memory(tmp_path / "demo.json").keep(ports=[port])
        with pytest.raises(ProcessError, match=r"Free it, or start over on another port: make demo-reset"):
            demo.ports_wanted(tmp_path)


@pytest.mark.usefixtures("_own_signals")
def test_a_second_demo_in_the_same_directory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MAKELEVEL", raising=False)
    with demo.alone(tmp_path), pytest.raises(ProcessError, match="runs already"), demo.alone(tmp_path):
        pass
    with demo.alone(tmp_path):
        pass


def test_a_reset_deletes_only_a_demos_directory(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "precious").touch()
    demo.reset(tmp_path)
    assert (tmp_path / "precious").exists()
    assert "no demo data" in capsys.readouterr().out
    (tmp_path / "demo.json").touch()
    demo.reset(tmp_path)
    assert not tmp_path.exists()


@pytest.mark.parametrize(("status", "used"), [(410, True), (200, False)])
def test_a_link_is_used_if_its_page_says_so(status: int, used: bool) -> None:
    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            right = self.headers["Host"].startswith("umptoken.finebak.localhost:") and self.path == "/authenticate/abc"
            self.send_response(status if right else 500)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            return

    with http.server.HTTPServer(("127.0.0.1", 0), Page) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        link = f"http://umptoken.finebak.localhost:{server.server_address[1]}/authenticate/abc"
        assert demo.link_is_used(link) is used
        thread.join()
