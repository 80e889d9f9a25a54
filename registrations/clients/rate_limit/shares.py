"""Into how many shares the quota is divided while Redis is away: the number of processes that call Microsoft."""

import os
import secrets
import time

HEARTBEAT_SECONDS = 20.0  # between two heartbeats of one process; each is sent along with a call that is made anyway
COUNTED_FOR = 300.0  # seconds after a process's last heartbeat; until then an ended process still has a share


class Shares:
    """The number of processes as this process knows it: the most that Redis reported recently, but at least `at_least`.

    The threads of one process count as one. A forked child counts as another process, even if its parent has reported already.
    """

    def __init__(self, at_least: int) -> None:
        self._at_least = at_least
        self._origin = secrets.token_hex(8)  # containers may have the same host name and the same process ids
        self._reported, self._next_heartbeat_at = "", 0.0
        self._seen, self._seen_at = 0, 0.0

    @property
    def number(self) -> int:
        """How many shares the quota has."""
        return max(self._at_least, self._seen)

    def heartbeat(self) -> str:
        """The name to report to Redis with the next call, or "" if it was reported a moment ago."""
        name = f"{self._origin}:{os.getpid()}"
        return "" if name == self._reported and time.monotonic() < self._next_heartbeat_at else name

    def reported(self, name: str, number: int) -> None:
        """Redis answered a call that reported this name (or ""), and counts this many processes."""
        now = time.monotonic()
        if name:
            self._reported, self._next_heartbeat_at = name, now + HEARTBEAT_SECONDS
        # A Redis that was emptied knows few processes at first: a smaller number is accepted only after a while.
        if number >= self._seen or now > self._seen_at + COUNTED_FOR:
            self._seen, self._seen_at = number, now
