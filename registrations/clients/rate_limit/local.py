"""Token buckets within one process: what Redis does for all processes, done for one while Redis is away."""

import math
import threading
import time
from collections.abc import Callable
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


class LocalBuckets:
    """The buckets of one application and tenant for this process. `shares` returns how many processes share the quota."""

    def __init__(self, shares: Callable[[], int]) -> None:
        self._shares = shares
        self._left = {"w": math.inf, "u": math.inf}
        self._at, self._blocked_until = time.monotonic(), 0.0
        self._lock = threading.Lock()
        self.start()

    def start(self) -> None:
        """From now on this process counts alone. It starts with a tenth of its share: nobody knows what others used."""
        with self._lock:
            _, rates = self._refill()
            self._left = {name: min(left, rates[name].size / 10) for name, left in self._left.items()}

    def take(self, cost: Cost, reserve: float) -> float:
        """Seconds to wait; 0 if the cost was taken. `reserve` is the part of each bucket that must stay."""
        with self._lock:
            now, rates = self._refill()
            wait = max(0.0, self._blocked_until - now)
            for name, wanted in (("w", cost.writes), ("u", cost.units)):
                short = wanted - self._left[name] + reserve * rates[name].size
                if wanted and short > 0:
                    wait = max(wait, short / rates[name].per_second)
            if not wait:
                self._left["w"] -= cost.writes
                self._left["u"] -= cost.units
            return wait

    def apply_server_limit(self, writes: float, units: float, seconds: float) -> None:
        """Lower the buckets to these parts of their sizes at most, and send nothing for this many seconds."""
        with self._lock:
            now, rates = self._refill()
            self._left["w"] = min(self._left["w"], writes * rates["w"].size)
            self._left["u"] = min(self._left["u"], units * rates["u"].size)
            self._blocked_until = max(self._blocked_until, now + seconds)

    def pause_until(self, moment: float) -> None:
        """Send nothing until then, by the monotonic clock."""
        with self._lock:
            self._blocked_until = max(self._blocked_until, moment)

    def pause(self) -> float:
        """Seconds for which nothing may be sent."""
        return max(0.0, self._blocked_until - time.monotonic())

    def remaining(self) -> Remaining:
        """What is left."""
        with self._lock:
            self._refill()
            return Remaining(self._left["w"], self._left["u"], timedelta(seconds=self.pause()), shared=False)

    def parts_left(self) -> tuple[float, float]:
        """Writes and units that are left, as parts of this process's share."""
        with self._lock:
            _, rates = self._refill()
            return self._left["w"] / rates["w"].size, self._left["u"] / rates["u"].size

    def _rates(self) -> dict[str, Rate]:
        shares = self._shares()
        return {"w": WRITES.share(shares).with_margin(), "u": READ_UNITS.share(shares).with_margin()}

    def _refill(self) -> tuple[float, dict[str, Rate]]:
        now, rates = time.monotonic(), self._rates()
        for name, rate in rates.items():
            self._left[name] = min(rate.size, self._left[name] + max(0.0, now - self._at) * rate.per_second)
        self._at = now
        return now, rates
