"""Fixtures of every test: a running sandbox, no other network, and the users."""

import importlib
import socket
import threading
import wsgiref.simple_server
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import Group, User
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.sqlite3.base import DatabaseWrapper
from django.test import Client
from django.utils import timezone
from time_machine import TimeMachineFixture

from registrations import connections, tasks
from registrations.clients import discovery_cache
from registrations.engine import queue, runner
from registrations.models import Operation
from sandbox.app import Sandbox
from tests import factories, lock_order, process_logs, selection

LOOPBACK = {"127.0.0.1", "::1", "localhost"}


def pytest_configure(config: pytest.Config) -> None:
    """Our own plugins."""
    config.pluginmanager.register(process_logs)
    config.pluginmanager.register(selection)


@pytest.fixture(scope="session", autouse=True)
def _no_network_but_loopback() -> Iterator[None]:
    """A test that connects to another machine fails."""
    real = socket.socket.connect

    def connect(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in LOOPBACK:
            raise AssertionError(f"A test tried to reach {address[0]}.")
        real(self, address)

    socket.socket.connect = connect  # type: ignore[method-assign, assignment]
    yield
    socket.socket.connect = real  # type: ignore[method-assign]


@pytest.fixture(scope="session", autouse=True)
def _threads_close_their_connections() -> Iterator[None]:
    """Django keeps each connection to an SQLite database in memory open, so that it does not vanish. The main thread's does
    that: one of another thread may close, and Python 3.13 complains if it is not."""
    kept_open: Any = DatabaseWrapper.close

    def close(self: Any) -> None:
        is_another_threads = self._thread_ident == threading.get_ident() != threading.main_thread().ident
        (BaseDatabaseWrapper.close if is_another_threads else kept_open)(self)

    DatabaseWrapper.close = close  # type: ignore[method-assign]
    yield
    DatabaseWrapper.close = kept_open  # type: ignore[method-assign]


@pytest.fixture(scope="session")
def running_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """One sandbox for the whole run, on free ports."""
    with Sandbox(
        directory=Path(tmp_path_factory.mktemp("sandbox")), allow_localhost_redirects=True, pages_over_http=True
    ) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running_sandbox: Sandbox, settings: Any) -> Sandbox:
    """The sandbox, reset to its seeded state, with the portal's settings pointing at it."""
    running_sandbox.reset()
    discovery_cache.DiscoveryCache.forget()
    settings.ENTRA_URL = running_sandbox.entra_url
    settings.GRAPH_URL = running_sandbox.graph_url
    settings.REMOTE_CA_BUNDLE = str(running_sandbox.ca_bundle)
    settings.UMP_ALLOWED_HOSTS = ["localhost"]
    return running_sandbox


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> None:
    """Drop the history's triggers in the test database: emptying tables between tests would meet them.

    `tests/registrations/test_audit.py` makes them again to see them refuse.
    """
    protection = importlib.import_module("registrations.migrations.0002_protect_history")
    with django_db_blocker.unblock(), connection.schema_editor() as editor:
        protection.unprotect(None, editor)


@pytest.fixture(autouse=True)
def enqueued(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ids of the operations that workers were notified of. Units have no broker; `tests/stack` has a real one."""
    operations_enqueued: list[str] = []

    def enqueue(operation_id: Any, after: timedelta = timedelta(), priority: str = "") -> bool:
        operations_enqueued.append(str(operation_id))
        return True

    monkeypatch.setattr(tasks, "enqueue", enqueue)
    return operations_enqueued


@pytest.fixture(autouse=True)
def _own_rate_limit(settings: Any) -> Iterator[None]:
    """Units have no Redis: each test starts a rate limiter of its own, with Microsoft's whole quota."""
    settings.GRAPH_RATE_LIMIT_SHARES = 1
    connections.rate_limiter.cache_clear()
    yield
    connections.rate_limiter.cache_clear()


@pytest.fixture(autouse=True)
def _history_is_locked_last(request: pytest.FixtureRequest) -> Iterator[None]:
    """Check the order of locks in every test whose transactions can be told apart."""
    if "db" not in request.fixturenames and not request.node.get_closest_marker("django_db"):
        yield
        return
    request.getfixturevalue("_django_db_helper")
    if not connection.in_atomic_block:
        yield
        return
    watch = lock_order.Watch()
    with connection.execute_wrapper(watch):
        yield
    assert watch.found == [], "Rows were waited for while the history's chain was locked: use audit.atomic."


@pytest.fixture
def run_worker() -> Callable[[], None]:
    """Run every operation that is due, as a worker does, until none is."""

    def run_until_idle() -> None:
        for _ in range(50):
            due = queue.due()
            if not due:
                return
            for operation_id in due:
                runner.run(operation_id)
        raise AssertionError("Operations are still due after 50 rounds.")

    return run_until_idle


@pytest.fixture
def run_worker_a_minute_later(
    run_worker: Callable[[], None], time_machine: TimeMachineFixture
) -> Callable[[Operation], None]:
    """Run a waiting operation half a minute later, then move the clock on, past the delay that reads are allowed."""

    def run_later(operation: Operation) -> None:
        time_machine.move_to(timezone.now() + timedelta(seconds=31), tick=True)
        Operation.objects.filter(pk=operation.pk, status="waiting").update(next_attempt_at=timezone.now())
        run_worker()
        time_machine.move_to(timezone.now() + timedelta(seconds=31), tick=True)

    return run_later


@pytest.fixture
def operator(db: None) -> User:
    """Olga, who manages instances and invitations."""
    return _staff("olga", "Olga", "Operator", "operators")


@pytest.fixture
def auditor(db: None) -> User:
    """Arthur, who may only read."""
    return _staff("arthur", "Arthur", "Auditor", "auditors")


@pytest.fixture
def stranger(db: None) -> User:
    """A user without any right."""
    return User.objects.create_user("stranger", password=factories.PASSWORD)


@pytest.fixture
def operator_client(operator: User) -> Client:
    """The operator's browser on the admin's host."""
    return _browser(operator)


@pytest.fixture
def auditor_client(auditor: User) -> Client:
    """The auditor's browser on the admin's host."""
    return _browser(auditor)


def _staff(username: str, first: str, last: str, group: str) -> User:
    user = User.objects.create_user(
        username, password=factories.PASSWORD, first_name=first, last_name=last, is_staff=True
    )
    user.groups.add(Group.objects.get(name=group))
    return user


def _browser(user: User) -> Client:
    client = Client(headers={"host": django_settings.ADMIN_HOSTS[0]})
    client.force_login(user)
    return client


@pytest.fixture(scope="session")
def _portal_port() -> Iterator[int]:
    server = wsgiref.simple_server.make_server("127.0.0.1", 0, _portal_page, handler_class=_QuietHandler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


@pytest.fixture
def portal(settings: Any, _portal_port: int) -> None:
    """Serve the instance's portal URL: the UMP opens it when it validates."""
    settings.PORTAL_LOCALHOST_PORT = _portal_port


def _portal_page(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"Open the link in your mail."]


class _QuietHandler(wsgiref.simple_server.WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """No access log in the tests' output."""
