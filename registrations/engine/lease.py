"""The lease: one worker's exclusive hold on one operation. It is renewed during the run, and handed back on SIGTERM.

A lease is short, so that another worker soon takes over from one that was killed. A thread renews it, so that a slow step
keeps it. A worker whose lease has expired starts no more remote calls, and the guard of every write refuses it. What is left
is a call that was on its way already: its time limit bounds it, and `watchdog` ends the process of one that has none.
"""

import contextlib
import logging
import threading
import time
from collections.abc import Iterator
from contextvars import ContextVar
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from django.utils import timezone

from registrations.clients import http
from registrations.engine import shutdown
from registrations.models import Operation

logger = logging.getLogger(__name__)

DURATION = timedelta(seconds=settings.OPERATION_LEASE_SECONDS)
RENEW_AFTER = DURATION / 4  # three renewals may fail before the lease expires
LONGEST_STEP = timedelta(minutes=4)  # the lease of a step that hangs longer is not renewed: another worker repeats it
SETTLE = timedelta(seconds=3)  # calls of a stopped worker may still arrive: the next worker starts a little later
CHECK_EVERY = min(shutdown.CHECK_EVERY, RENEW_AFTER.total_seconds() / 2)  # seconds


class LeaseLostError(Exception):
    """Another worker claimed the operation, a person cancelled it, or it was handed back."""


class Lease:
    """One worker's hold on one operation."""

    def __init__(self, operation_id: Any, token: str, claimed: float | None = None) -> None:
        """`claimed`: the monotonic time before the claim was sent, because the database may have answered late."""
        self.operation_id, self.token = operation_id, token
        self.started_step = ""  # the step that is marked as running, in the last commit or the current one
        self.is_handed_back = False
        self._lost = False
        self._done = threading.Event()
        self.began = self._step_began = self._renewed = claimed or time.monotonic()

    def step_begins(self, before: float) -> None:
        """The engine has extended the lease in a commit that began at this monotonic time."""
        self._step_began = self._renewed = before

    def require(self) -> None:
        """Raises LeaseLostError if the lease is lost or, by this machine's own clock, has expired."""
        if self._lost or time.monotonic() - self._renewed > DURATION.total_seconds():
            raise LeaseLostError

    def ended_for(self, now: float) -> float:
        """For how many seconds the lease has been over at this monotonic time; negative while it lasts."""
        return now - self._renewed - DURATION.total_seconds()

    def renew(self) -> None:
        """Extend the lease, unless the step has lasted too long; notice if it is lost."""
        now = time.monotonic()
        if now - self._step_began > LONGEST_STEP.total_seconds():
            return
        try:
            kept = Operation.objects.held(self.operation_id, self.token).update(leased_until=timezone.now() + DURATION)
        except (DatabaseError, InterfaceError) as error:
            logger.warning(
                "The lease of operation %s could not be renewed: %s", self.operation_id, type(error).__name__
            )
            return
        if kept:
            self._renewed = now
        else:
            self._lost = True

    def hand_back(self) -> None:
        """Queue the operation again for another worker. This one writes and calls nothing more for it."""
        self._lost = True
        now = timezone.now()
        Operation.objects.held(self.operation_id, self.token).update(
            status=Operation.Status.QUEUED, next_attempt_at=now + SETTLE, lease="", leased_until=None
        )
        logger.warning("Operation %s was handed back: its step did not end before the stop.", self.operation_id)

    def _hand_back_in_time(self) -> None:
        """The step has not ended before the stop: the process will, and another worker continues at once."""
        try:
            with _one_connection(shutdown.HAND_BACK_WITHIN):
                self.hand_back()
        except (DatabaseError, InterfaceError, TimeoutError) as error:
            logger.warning(
                "Operation %s was not handed back (%s): its lease will expire.", self.operation_id, type(error).__name__
            )
        self.is_handed_back = True

    def watch(self) -> None:
        """Renew until the run ends; hand the operation back if a stop comes first. Runs in a thread of its own."""
        while not self._done.wait(shutdown.CHECK_STOPPING_EVERY if shutdown.is_stopping() else CHECK_EVERY):
            now = time.monotonic()
            if shutdown.is_stopping() and shutdown.time_to_finish() < 0:
                self._hand_back_in_time()
                return
            if now - self._renewed >= RENEW_AFTER.total_seconds():
                # Where another renewal does not end, this one is tried again: three may fail.
                with contextlib.suppress(TimeoutError), _one_connection(CHECK_EVERY):
                    self.renew()

    def end(self) -> None:
        """The run has ended."""
        self._done.set()


_database = threading.Lock()
_running: set[Lease] = set()
_current: ContextVar[Lease | None] = ContextVar("current", default=None)


@contextlib.contextmanager
def _one_connection(seconds: float) -> Iterator[None]:
    """Use the database within: the renewing threads of a process share one connection. TimeoutError if it stays in use."""
    if not _database.acquire(timeout=seconds):
        raise TimeoutError
    try:
        with contextlib.closing(connection):
            yield
    finally:
        _database.release()


def running() -> list[Lease]:
    """The leases of this process whose runs have not ended, lost or not."""
    return list(_running)


def require(token: str) -> None:
    """Raises LeaseLostError if this thread's run has the lease of this token, and has lost it or outlived it."""
    lease = _current.get()
    if lease is not None and lease.token == token:
        lease.require()


@contextlib.contextmanager
def hold(operation_id: Any, token: str, claimed: float | None = None) -> Iterator[Lease]:
    """Renew the lease for the length of a with block. Calls to remote services are refused once it is lost."""
    lease = Lease(operation_id, token, claimed)
    keeper = threading.Thread(target=lease.watch, name=f"lease of {operation_id}", daemon=True)
    keeper.start()
    before, previous = http.before_call.set(lease.require), _current.set(lease)
    _running.add(lease)
    try:
        yield lease
    finally:
        _running.discard(lease)
        http.before_call.reset(before)
        _current.reset(previous)
        lease.end()
        keeper.join(timeout=5)
