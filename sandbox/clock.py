"""The sandbox's clock. All of its timestamps and comparisons use it."""

from __future__ import annotations

import time
from datetime import UTC, datetime


class Clock:
    """Real time plus `skew` seconds. Tests use the skew to make tokens expired or not yet valid."""

    def __init__(self) -> None:
        self.skew = 0.0

    def now(self) -> float:
        return time.time() + self.skew

    def instant(self, offset: float = 0.0) -> str:
        """Now, as Graph writes it: `2026-11-23T05:03:47Z`."""
        return as_text(self.now() + offset)

    def precise_instant(self) -> str:
        """Now with fractions of a second, as Graph writes when an object was created: `2026-11-23T05:03:47.1234567Z`."""
        return as_precise_text(self.now())


def as_text(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def as_precise_text(seconds: float) -> str:
    """With fractions of a second, in Graph's seven digits."""
    return f"{as_text(seconds)[:-1]}.{int(seconds % 1 * 10_000_000):07d}Z"


def as_seconds(text: str) -> float:
    """Parse a timestamp. Raises ValueError if the text is not one."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return moment.timestamp()
