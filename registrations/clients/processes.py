"""How many processes call Microsoft, as far as this one knows: the parts of the quota while nobody counts for all."""

import os
import secrets
import time

SAY_AGAIN_AFTER = 20.0  # seconds between two signs of life of one process, each with a call that is made anyway
COUNTED_FOR = 300.0  # seconds after its last sign of life; who has ended makes the shares too small for so long


class Processes:
    """What this process says of itself in Redis, and the most that it saw there lately, but no fewer than `at_least`.

    The threads of a process are one. A child that is forked is another, also where its parent had spoken already.
    """

    def __init__(self, at_least: int) -> None:
        self._at_least = at_least
        self._origin = secrets.token_hex(8)  # containers may have the same host name and the same process ids
        self._said, self._say_again_at = "", 0.0
        self._seen, self._seen_at = 0, 0.0

    @property
    def number(self) -> int:
        """How many parts the quota has."""
        return max(self._at_least, self._seen)

    def sign_of_life(self) -> str:
        """The name to say with the next call, or "" where it was said a moment ago."""
        name = f"{self._origin}:{os.getpid()}"
        return "" if name == self._said and time.monotonic() < self._say_again_at else name

    def heard(self, said: str, number: int) -> None:
        """Redis answered a call that said this name, or nothing, and counts so many."""
        now = time.monotonic()
        if said:
            self._said, self._say_again_at = said, now + SAY_AGAIN_AFTER
        # A Redis that comes back empty knows few at first: a smaller number is believed only after a while.
        if number >= self._seen or now > self._seen_at + COUNTED_FOR:
            self._seen, self._seen_at = number, now
