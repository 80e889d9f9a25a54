"""The hold that one worker has on one operation: renewed while it works, lost for good once, given back on SIGTERM.

A lease is short, so that the work of a killed worker goes on soon; a thread renews it, so that a slow step keeps it. A
worker whose lease ran out begins no call to a remote service any more, and the guard of every write refuses it.
"""

import contextlib
import logging
import mmap
import os
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from django.utils import timezone

from registrations.clients import http
from registrations.models import Operation

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=settings.OPERATION_LEASE_SECONDS)
RENEW_AFTER = LEASE / 4  # three renewals may fail before the lease is gone
CLOCKS_DIFFER = min(timedelta(seconds=30), LEASE / 2)  # of two machines at most; more is set wrong, or was set back
LONGEST_STEP = timedelta(minutes=4)  # a step that hangs longer is not renewed: another worker repeats it
FINISH_WITHIN = timedelta(seconds=6)  # of the ten seconds that a stop may take
GIVE_BACK_WITHIN = 2.0  # seconds; longer is a database that does not answer
SETTLE = timedelta(seconds=3)  # what a stopped worker had sent may still arrive: the next one looks a little later
LOOK_EVERY = min(0.5, RENEW_AFTER.total_seconds() / 2)  # seconds

# One byte that a worker's main process shares with the children it forks: 1 once the worker is told to stop.
_stop_of_worker = mmap.mmap(-1, 1)
_stop_of_process = threading.Event()
_is_pool_child = threading.Event()


def look_at_clock() -> None:
    """Say in the log where this machine's clock is not the database's: leases are written and judged by machines' clocks.

    A lease is renewed while three quarters of it are left, so less than that does no harm.
    """
    if connection.vendor != "postgresql":
        return  # SQLite has no clock of its own: all processes are on one machine
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        (theirs,) = cursor.fetchone()
    away = abs(timezone.now() - theirs)
    if away > CLOCKS_DIFFER:
        logger.error(
            "This machine's clock is %d s away from the database's. Set it by NTP: operations may be taken from workers that "
            "are still at work.",
            away.total_seconds(),
        )


class LeaseLostError(Exception):
    """Another worker took the operation over, a person cancelled it, or it was given back."""


def stop_worker() -> None:
    """The worker was told to stop: its processes end the step in hand, or give it back."""
    _stop_of_worker[0] = 1


def stop_process() -> None:
    """This process alone was told to stop."""
    _stop_of_process.set()


def in_pool_child() -> None:
    """This process is one of a pool: it may end itself once its work is given back."""
    _is_pool_child.set()


def end_in_time() -> None:
    """End this process soon after it was told to stop, whatever its threads wait for. For a pool's processes, once each.

    It asks no database: one that does not answer is what the others may wait for.
    """

    def watch() -> None:
        while not is_stopping():
            _stop_of_process.wait(LOOK_EVERY)
        threading.Event().wait(FINISH_WITHIN.total_seconds() + GIVE_BACK_WITHIN)
        os._exit(0)

    threading.Thread(target=watch, name="end in time", daemon=True).start()


def is_pool_child() -> bool:
    """Whether this process is one of a pool."""
    return _is_pool_child.is_set()


def is_process_stopping() -> bool:
    """Whether this process itself was told to stop."""
    return _stop_of_process.is_set()


def is_stopping() -> bool:
    """Whether nothing new may begin here."""
    return _stop_of_worker[0] == 1 or _stop_of_process.is_set()


class Lease:
    """One worker's hold on one operation."""

    def __init__(self, operation_id: Any, token: str, claimed: float | None = None) -> None:
        """`claimed`: this process's monotonic clock before the claim was sent: the lease may have waited for the database."""
        self.operation_id, self.token = operation_id, token
        self.begun = ""  # the step that is marked as begun, in the last commit or the one in hand
        self._lost = False
        self._done = threading.Event()
        self.began = self._step_began = self._renewed = claimed or time.monotonic()

    def step_begins(self, before: float) -> None:
        """The engine has written the lease anew, in a commit that began at this time of the monotonic clock."""
        self._step_began = self._renewed = before

    def require(self) -> None:
        """Raises LeaseLostError where the lease is gone or, by this machine's own clock, ran out."""
        if self._lost or time.monotonic() - self._renewed > LEASE.total_seconds():
            raise LeaseLostError

    def renew(self) -> None:
        """Write a later end, unless the step has lasted too long; notice when the lease is gone."""
        now = time.monotonic()
        if now - self._step_began > LONGEST_STEP.total_seconds():
            return
        try:
            kept = Operation.objects.held(self.operation_id, self.token).update(leased_until=timezone.now() + LEASE)
        except (DatabaseError, InterfaceError) as error:
            logger.warning(
                "The lease of operation %s could not be renewed: %s", self.operation_id, type(error).__name__
            )
            return
        if kept:
            self._renewed = now
        else:
            self._lost = True

    def give_back(self) -> None:
        """Queue the operation again for another worker; this one writes and calls nothing more for it."""
        self._lost = True
        now = timezone.now()
        Operation.objects.held(self.operation_id, self.token).update(
            status=Operation.Status.QUEUED, next_attempt_at=now + SETTLE, lease="", leased_until=None
        )
        logger.warning("Operation %s was given back: its step did not end before the stop.", self.operation_id)

    def _give_back_in_time(self) -> None:
        """The step hangs in a call: of a pool's process only its end ends it in time, with or without the database."""
        try:
            self.give_back()
        except (DatabaseError, InterfaceError) as error:
            logger.warning(
                "Operation %s was not given back (%s): its lease runs out.", self.operation_id, type(error).__name__
            )
        finally:
            if is_pool_child():
                os._exit(0)

    def watch(self) -> None:
        """Renew until the work is done; give it back where a stop comes first. For a thread of its own."""
        stop_seen: float | None = None
        try:
            while not self._done.wait(LOOK_EVERY):
                now = time.monotonic()
                if stop_seen is None and is_stopping():
                    stop_seen = now
                if stop_seen is not None and now - stop_seen > FINISH_WITHIN.total_seconds():
                    self._give_back_in_time()
                    return
                if now - self._renewed >= RENEW_AFTER.total_seconds():
                    self.renew()
        finally:
            connection.close()  # this thread's own

    def end(self) -> None:
        """The work is done or was put back."""
        self._done.set()


@contextlib.contextmanager
def held(operation_id: Any, token: str, claimed: float | None = None) -> Iterator[Lease]:
    """Keep the lease for the length of a with block; calls to remote services are refused once it is gone."""
    lease = Lease(operation_id, token, claimed)
    keeper = threading.Thread(target=lease.watch, name=f"lease of {operation_id}", daemon=True)
    before = http.before_call.set(lease.require)
    keeper.start()
    try:
        yield lease
    finally:
        http.before_call.reset(before)
        lease.end()
        keeper.join(timeout=5)
