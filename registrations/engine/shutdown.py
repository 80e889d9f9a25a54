"""Stopping a worker: what SIGTERM, or a step that hangs, means for its process, and how much time its threads get."""

import threading
from datetime import timedelta

CHECK_EVERY = 0.5  # seconds
FINISH_WITHIN = timedelta(seconds=6)  # of the ten seconds that a stop may take
HAND_BACK_WITHIN = 2.0  # seconds; a database that takes longer does not answer

_stops = threading.Event()


def stop_worker() -> None:
    """This process was told to stop: its threads finish their current step, or hand it back, and start nothing new."""
    _stops.set()


def is_stopping() -> bool:
    """Whether no new work may start here."""
    return _stops.is_set()


def wait_for_stop(seconds: float) -> bool:
    """Wait so long at most; whether this process was told to stop."""
    return _stops.wait(seconds)
