"""Stopping a worker: what SIGTERM means for its process and for the pool's children, and how each ends in time."""

import mmap
import os
import threading
from datetime import timedelta

CHECK_EVERY = 0.5  # seconds
FINISH_WITHIN = timedelta(seconds=6)  # of the ten seconds that a stop may take
HAND_BACK_WITHIN = 2.0  # seconds; a database that takes longer does not answer

# One byte that a worker's main process shares with the children it forks: 1 once the worker was told to stop.
_worker_stops = mmap.mmap(-1, 1)
_process_stops = threading.Event()
_pool_child = threading.Event()


def stop_worker() -> None:
    """The worker was told to stop: its processes finish their current step, or hand it back."""
    _worker_stops[0] = 1


def stop_process() -> None:
    """This process alone was told to stop."""
    _process_stops.set()


def mark_pool_child() -> None:
    """This process is a child of a pool: it may exit by itself once its work is handed back."""
    _pool_child.set()


def is_pool_child() -> bool:
    """Whether this process is a child of a pool."""
    return _pool_child.is_set()


def is_process_stopping() -> bool:
    """Whether this process itself was told to stop."""
    return _process_stops.is_set()


def is_stopping() -> bool:
    """Whether no new work may start here."""
    return _worker_stops[0] == 1 or _process_stops.is_set()


def exit_in_time() -> None:
    """Exit this process soon after it was told to stop, whatever its threads wait for. Called once in each pool child.

    It does not use the database, which may be what the other threads wait for.
    """

    def watch() -> None:
        while not is_stopping():
            _process_stops.wait(CHECK_EVERY)
        threading.Event().wait(FINISH_WITHIN.total_seconds() + HAND_BACK_WITHIN)
        os._exit(0)

    threading.Thread(target=watch, name="exit in time", daemon=True).start()
