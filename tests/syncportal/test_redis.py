"""One REDIS_URL means the same to Celery and to the rate limiter: tried with a real Redis, over TLS and a Unix socket."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import redis
import trustme
from celery import Celery
from kombu.exceptions import OperationalError

from demo.processes import Process, Supervisor, clean_environment, free_port
from registrations import connections
from registrations.clients.rate_limit.costs import Cost
from syncportal import addresses
from tests import ephemeral, programs


@dataclass(frozen=True)
class Server:
    """A Redis that speaks TLS at a port and plain at a Unix socket, and the authority that its certificate is from."""

    port: int
    socket: Path
    authority: Path
    other_authority: Path

    def tls(self, host: str = "localhost", **options: str) -> str:
        """Its address with TLS."""
        query = "&".join(f"{name}={value}" for name, value in options.items())
        return f"rediss://:{ephemeral.PASSWORD}@{host}:{self.port}/1" + (f"?{query}" if query else "")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with tempfile.TemporaryDirectory(prefix="syncportal-") as folder, Supervisor() as supervisor:
        directory, port = Path(folder), free_port()
        authority = trustme.CA()
        certificate = authority.issue_cert("localhost")
        certificate.private_key_pem.write_to_path(directory / "key.pem")
        certificate.cert_chain_pems[0].write_to_path(directory / "cert.pem")
        authority.cert_pem.write_to_path(directory / "ca.pem")
        trustme.CA().cert_pem.write_to_path(directory / "other.pem")
        configuration = [
            "port 0",
            f"tls-port {port}",
            "bind 127.0.0.1",
            f"tls-cert-file {directory}/cert.pem",
            f"tls-key-file {directory}/key.pem",
            f"tls-ca-cert-file {directory}/ca.pem",
            "tls-auth-clients no",
            f"unixsocket {directory}/redis.sock",
            f"requirepass {ephemeral.PASSWORD}",
            'save ""',
        ]
        command = [str(programs.needed(programs.redis_server())), "-"]
        log, text = directory / "log", "\n".join(configuration) + "\n"
        process = Process("Redis", command, clean_environment(), directory, log, stdin=text)
        found = Server(port, directory / "redis.sock", directory / "ca.pem", directory / "other.pem")
        supervisor.start(process)
        process.wait_until(found.socket.exists)
        yield found


def send_and_receive(url: str) -> str:
    """Send a message with Celery, and return what its consumer received."""
    broker = addresses.redis(url)
    app = Celery("trial", set_as_current=False)
    app.conf.update(broker_url=broker.broker_url, broker_use_ssl=broker.broker_use_ssl)
    app.conf.broker_transport_options = {"max_retries": 0, "socket_connect_timeout": 2, "socket_timeout": 5}
    with app.connection_for_write() as connection:
        queue = connection.SimpleQueue("trial")
        queue.put("an id")
        message = queue.get(timeout=5)
        message.ack()
        queue.close()
        return str(message.payload)


def count(url: str, settings: Any) -> bool:
    """Whether the product's rate limiter counts in that Redis; false if it counts alone."""
    settings.REDIS_URL = addresses.redis(url).url
    connections.rate_limiter.cache_clear()
    try:
        limiter = connections.rate_limiter()
        limiter.take("app:tenant", Cost(writes=1), bulk=False)
        return limiter.remaining("app:tenant").shared
    finally:
        connections.rate_limiter.cache_clear()


def test_another_authority_is_refused_by_both(server: Server, settings: Any) -> None:
    url = server.tls(ssl_ca_certs=str(server.other_authority))
    with pytest.raises((OperationalError, redis.ConnectionError), match="certificate verify failed"):
        send_and_receive(url)
    assert not count(url, settings)


def test_a_bare_address_with_tls_verifies_in_both(server: Server, settings: Any) -> None:
    with pytest.raises((OperationalError, redis.ConnectionError), match="certificate verify failed"):
        send_and_receive(server.tls())
    assert not count(server.tls(), settings)


def test_another_host_than_the_certificates_is_refused_by_both(server: Server, settings: Any) -> None:
    url = server.tls("127.0.0.1", ssl_ca_certs=str(server.authority))
    with pytest.raises((OperationalError, redis.ConnectionError), match="certificate verify failed"):
        send_and_receive(url)
    assert not count(url, settings)


@pytest.mark.parametrize("written", ["required", "CERT_REQUIRED", "", "host"])
def test_the_right_authority_is_accepted_by_both(server: Server, settings: Any, written: str) -> None:
    options = {"ssl_ca_certs": str(server.authority)}
    if written == "host":
        url = server.tls("127.0.0.1", ssl_check_hostname="false", **options)
    else:
        url = server.tls(**options, **({"ssl_cert_reqs": written} if written else {}))
    assert send_and_receive(url) == "an id"
    assert count(url, settings)


def test_the_authorities_of_the_system_are_the_default_of_both(
    server: Server, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(server.authority))
    assert send_and_receive(server.tls()) == "an id"
    assert count(server.tls(), settings)


@pytest.mark.parametrize("written", ["none", "CERT_NONE"])
def test_checks_that_are_switched_off_are_off_in_both(server: Server, settings: Any, written: str) -> None:
    url = server.tls("127.0.0.1", ssl_cert_reqs=written)
    assert send_and_receive(url) == "an id"
    assert count(url, settings)


@pytest.mark.parametrize(
    "form", ["unix://:{0}@{1}?db=2", "redis+socket://:{0}@{1}?virtual_host=2", "unix://:{0}@{1}?virtual_host=2"]
)
def test_a_socket_with_a_database_works_for_both(server: Server, settings: Any, form: str) -> None:
    url = form.format(ephemeral.PASSWORD, server.socket)
    with redis.Redis(unix_socket_path=str(server.socket), password=ephemeral.PASSWORD, db=2) as client:
        client.flushdb()
        assert send_and_receive(url) == "an id"
        assert count(url, settings)
        kept = {key.decode() for key in client.scan_iter()}
    assert "_kombu.binding.trial" in kept
    assert any(key.startswith("syncportal:budget:") for key in kept)
