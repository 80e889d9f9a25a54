"""How long a page takes while slow clients hold connections: `python -m tests.bench.slow_connections [gunicorn arguments]`.

It starts the web server alone, on SQLite in a temporary folder, opens the connections and prints one line of each round.
"""

import http.client
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

SLOW = {
    "half-sent forms": b"POST /admin/login/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 500\r\n"
    b"Content-Type: application/x-www-form-urlencoded\r\nCookie: __Host-csrf=" + b"a" * 32 + b"\r\n\r\nusername=a",
    "half-sent headers": b"GET /admin/login/ HTTP/1.1\r\nHost: localhost\r\nX-Slow: ",
    "idle after connecting": b"",
    "idle after an answer": b"GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n",
}
CONNECTIONS, GETS, PATIENCE = 200, 10, 10.0


def main(arguments: list[str]) -> int:
    """Measure each kind of slow client; the exit status is 1 if a page did not come."""
    failed = 0
    with tempfile.TemporaryDirectory() as folder, server(Path(folder), arguments) as port:
        for name, beginning in {"none": None, **SLOW}.items():
            opened = [] if beginning is None else [slow(port, beginning) for _ in range(CONNECTIONS)]
            time.sleep(5)  # all have arrived, and the answers of the last kind are sent
            times = [seconds_of_a_page(port) for _ in range(GETS)]
            came = [each for each in times if each is not None]
            failed += len(times) - len(came)
            shown = f"median {statistics.median(came):.3f} s, longest {max(came):.3f} s" if came else "no page"
            sys.stdout.write(f"{name}: {len(opened)} connections, {len(came)} of {GETS} pages, {shown}\n")
            sys.stdout.flush()
            for each in opened:
                each.close()
            time.sleep(1)
    return 1 if failed else 0


@contextmanager
def server(folder: Path, arguments: list[str]) -> Iterator[int]:
    """The web server, with a database that has its tables; its port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        **os.environ,
        "DATABASE_URL": f"sqlite:///{folder}/db.sqlite3",
        "DJANGO_SETTINGS_MODULE": "tests.settings",
    }
    subprocess.run([sys.executable, "manage.py", "migrate", "-v", "0"], env=environment, check=True)
    command = [sys.executable, "-m", "gunicorn", "syncportal.wsgi", "--no-control-socket", "--log-level", "error"]
    command += ["--workers", "2", "--threads", "4", "--bind", f"127.0.0.1:{port}", *arguments]
    process = subprocess.Popen(command, env=environment)
    try:
        while seconds_of_a_page(port) is None:
            time.sleep(0.2)
        yield port
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(5)
        process.kill()
        process.wait()


def slow(port: int, beginning: bytes) -> socket.socket:
    """A connection that sends this much and no more."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
    connection.sendall(beginning)
    return connection


def seconds_of_a_page(port: int) -> float | None:
    """The time of the sign-in page on a new connection, or None if it does not come in time."""
    begun = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("GET", "/admin/login/", headers={"Host": "localhost"})
        return time.monotonic() - begun if connection.getresponse().read() else None
    except OSError:
        return None
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
