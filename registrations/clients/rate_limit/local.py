"""Token buckets within one process: what Redis does for all processes, done for one while Redis is away."""

import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from registrations.clients.rate_limit.costs import READ_UNITS, WRITES, Cost, Rate


@dataclass(frozen=True)
class Remaining:
    """What is left of a rate limit now; `shared` is False if only this process's calls are counted."""

    writes: float
    units: float
    blocked: timedelta
    shared: bool


class Bucket:
    """This process's share of one rate. `shares` returns how many processes share it. Its users hold `LOCK`."""

    def __init__(self, rate: Rate, shares: Callable[[], int]) -> None:
        self._published, self._shares = rate, shares
        self.left, self._at = math.inf, time.monotonic()
        self.start()

    @property
    def rate(self) -> Rate:
        """The share as it is now."""
        return self._published.share(self._shares()).with_margin()

    def start(self) -> None:
        """From now on this process counts alone. It starts with a tenth of its share: nobody knows what others used."""
        self.refill()
        self.left = min(self.left, self.rate.size / 10)

    def refill(self) -> float:
        """Add what has come in since the last time. Returns the time."""
        now, rate = time.monotonic(), self.rate
        self.left = min(rate.size, self.left + max(0.0, now - self._at) * rate.per_second)
        self._at = now
        return now

    def wait_for(self, wanted: int, reserve: float) -> float:
        """Seconds until so many tokens can be taken. `reserve` is the part of the bucket that must stay."""
        rate = self.rate
        return max(0.0, wanted - self.left + reserve * rate.size) / rate.per_second if wanted else 0.0

    def lower_to(self, part: float) -> None:
        """Lower it to this part of its size at most."""
        self.left = min(self.left, part * self.rate.size)

    @property
    def part_left(self) -> float:
        """What is left, as a part of its size."""
        return self.left / self.rate.size


LOCK = threading.RLock()  # of all buckets of this process: a write takes from several at once


class LocalBuckets:
    """The buckets of one application and tenant for this process, with those of the wide limits that count its writes too."""

    def __init__(self, shares: Callable[[], int], wide: Sequence[Bucket]) -> None:
        self._writes, self._units, self._wide = Bucket(WRITES, shares), Bucket(READ_UNITS, shares), wide
        self._blocked_until = 0.0

    def start(self) -> None:
        """From now on this process counts alone; the wide limits are started by their owner."""
        with LOCK:
            self._writes.start()
            self._units.start()

    def take(self, cost: Cost, reserve: float) -> float:
        """Seconds to wait; 0 if the cost was taken. `reserve` is the part of each bucket that must stay."""
        with LOCK:
            now = self._refill()
            wait = max(
                self._blocked_until - now,
                self._units.wait_for(cost.units, reserve),
                *(bucket.wait_for(cost.writes, reserve) for bucket in (self._writes, *self._wide)),
            )
            if wait > 0:
                return wait
            self._units.left -= cost.units
            for bucket in (self._writes, *self._wide):
                bucket.left -= cost.writes
            return 0.0

    def apply_server_limit(self, writes: float, units: float, seconds: float) -> None:
        """Lower the buckets to these parts of their sizes at most, and send nothing for this many seconds."""
        with LOCK:
            now = self._refill()
            self._writes.lower_to(writes)
            self._units.lower_to(units)
            self._blocked_until = max(self._blocked_until, now + seconds)

    def pause_until(self, moment: float) -> None:
        """Send nothing until then, by the monotonic clock."""
        with LOCK:
            self._blocked_until = max(self._blocked_until, moment)

    def pause(self) -> float:
        """Seconds for which nothing may be sent."""
        return max(0.0, self._blocked_until - time.monotonic())

    def remaining(self) -> Remaining:
        """What is left: of writes as many as every bucket has."""
        with LOCK:
            self._refill()
            writes = min(bucket.left for bucket in (self._writes, *self._wide))
            return Remaining(writes, self._units.left, timedelta(seconds=self.pause()), shared=False)

    def parts_left(self) -> tuple[float, float, list[float]]:
        """What is left of writes, of units and of each wide limit, as parts of this process's share."""
        with LOCK:
            self._refill()
            return self._writes.part_left, self._units.part_left, [bucket.part_left for bucket in self._wide]

    def _refill(self) -> float:
        for bucket in (self._units, *self._wide):
            bucket.refill()
        return self._writes.refill()
