"""Stopping a worker: what SIGTERM, or a step that hangs, means for its process, and how much time its threads get."""

import threading
import time
from datetime import timedelta

CHECK_EVERY = 0.5  # seconds
CHECK_STOPPING_EVERY = 0.1  # seconds, once it stops: what is late then has no time left to be handed back
FINISH_WITHIN = timedelta(seconds=6)  # of the ten seconds that a stop may take
HAND_BACK_WITHIN = 3.0  # seconds; a database that takes longer does not answer

_stops = threading.Event()
_stopped_at = 0.0  # monotonic


def stop_worker() -> None:
    """This process was told to stop: its threads finish their current step, or hand it back, and start nothing new."""
    global _stopped_at  # noqa: PLW0603  set once in the life of a process
    if not _stops.is_set():
        _stopped_at = time.monotonic()
        _stops.set()


def is_stopping() -> bool:
    """Whether no new work may start here."""
    return _stops.is_set()


def time_to_finish() -> float:
    """Seconds that the steps of a stopping process still have; negative once they must be handed back."""
    return _stopped_at + FINISH_WITHIN.total_seconds() - time.monotonic()


def wait_for_stop(seconds: float) -> bool:
    """Wait so long at most; whether this process was told to stop."""
    return _stops.wait(seconds)
