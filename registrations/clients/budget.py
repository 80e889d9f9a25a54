"""One budget of Graph calls for each application and tenant, shared by all workers through Redis.

Two token buckets (writes, read units) and a time until which nothing goes out, because Microsoft said so. Whoever finds
too little learns how long to wait: the row is put back until then, and no worker sleeps. Bulk work leaves a reserve to
people who wait, and stands in a line, so that it comes back one by one. While Redis is away, each process keeps
to a share of its own, and to every pause that it heard of; Redis is told of the pause once it answers again.
"""

import logging
import math
import threading
import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import redis
from redis.commands.core import Script

from registrations.clients import budget_scripts as scripts
from registrations.clients.processes import COUNTED_FOR, Processes
from registrations.clients.quota import READ_UNITS, WRITES, Cost, Rate, cost_of
from registrations.errors import QuotaSpentError

logger = logging.getLogger(__name__)

RESERVE = 0.02  # of each bucket, for whom a person waits: three seconds of writes
MARGIN = 0.98  # of the published rate: two clocks never agree quite
UNTOLD = timedelta(seconds=10)  # a 429 without Retry-After
NEAR_LIMIT = 0.8  # from here on Microsoft says how much of the quota is used
LOOK_FOR_REDIS_AGAIN = 5.0  # seconds
FORGET_AFTER = 900  # seconds without a call, once no pause lasts: by then every bucket is full
CLOCKS_DIFFER = 0.2  # seconds that two clocks may drift apart during a pause
# In Redis: who counts there, and when each gave a sign of life; and since when it has been counting.
PROCESSES, COUNTING = "syncportal:processes", "syncportal:counting"

# Whether the work in hand may wait behind a person's.
is_bulk: ContextVar[bool] = ContextVar("is_bulk", default=False)
# Writes that the turn in hand has taken already and not made yet, by budget. What is left at its end is not given back.
prepaid: ContextVar[dict[str, int] | None] = ContextVar("prepaid", default=None)


@dataclass(frozen=True)
class Level:
    """What is left of a budget now; `shared` is False where this process counts alone."""

    writes: float
    units: float
    blocked: timedelta
    shared: bool


class Counter:
    """Counts one budget's tokens within this process: what Redis does for all of them. `parts`: of the quota, now."""

    def __init__(self, parts: Callable[[], int]) -> None:
        self._parts = parts
        self._left = {"w": math.inf, "u": math.inf}
        self._at, self._blocked_until = time.monotonic(), 0.0
        self._lock = threading.Lock()
        self.begin()

    def begin(self) -> None:
        """From now on this process counts alone: it has a tenth of its share, because nobody knows what others used."""
        with self._lock:
            _, rates = self._refill()
            self._left = {name: min(left, rates[name].size / 10) for name, left in self._left.items()}

    def take(self, cost: Cost, spare: float) -> float:
        """Seconds to wait; 0 where the cost was taken."""
        with self._lock:
            now, rates = self._refill()
            wait = max(0.0, self._blocked_until - now)
            for name, wanted in (("w", cost.writes), ("u", cost.units)):
                short = wanted - self._left[name] + spare * rates[name].size
                if wanted and short > 0:
                    wait = max(wait, short / rates[name].per_second)
            if not wait:
                self._left["w"] -= cost.writes
                self._left["u"] -= cost.units
            return wait

    def heed(self, writes: float, units: float, seconds: float) -> None:
        """Microsoft's word on how full the buckets are at most, and how long nothing may go out."""
        with self._lock:
            now, rates = self._refill()
            self._left["w"] = min(self._left["w"], writes * rates["w"].size)
            self._left["u"] = min(self._left["u"], units * rates["u"].size)
            self._blocked_until = max(self._blocked_until, now + seconds)

    def pause_until(self, moment: float) -> None:
        """Nothing may go out until then, by the monotonic clock."""
        with self._lock:
            self._blocked_until = max(self._blocked_until, moment)

    def pause(self) -> float:
        """Seconds for which nothing may go out."""
        return max(0.0, self._blocked_until - time.monotonic())

    def look(self) -> Level:
        """What is left."""
        with self._lock:
            self._refill()
            return Level(self._left["w"], self._left["u"], timedelta(seconds=self.pause()), shared=False)

    def parts_left(self) -> tuple[float, float]:
        """Writes and units that are left, as parts of this process's share."""
        with self._lock:
            _, rates = self._refill()
            return self._left["w"] / rates["w"].size, self._left["u"] / rates["u"].size

    def _rates(self) -> dict[str, Rate]:
        parts = self._parts()
        return {"w": _careful(WRITES.share(parts)), "u": _careful(READ_UNITS.share(parts))}

    def _refill(self) -> tuple[float, dict[str, Rate]]:
        now, rates = time.monotonic(), self._rates()
        for name, rate in rates.items():
            self._left[name] = min(rate.size, self._left[name] + max(0.0, now - self._at) * rate.per_second)
        self._at = now
        return now, rates


class Budgets:
    """All budgets, in Redis, or in this process while Redis does not answer. `parts`: processes that share, at least."""

    def __init__(self, client: "redis.Redis", parts: int) -> None:
        self._client, self._processes = client, Processes(parts)
        self._take, self._line = client.register_script(scripts.TAKE), client.register_script(scripts.STAND_IN_LINE)
        self._heed, self._look = client.register_script(scripts.HEED), client.register_script(scripts.LOOK)
        self._own: dict[str, Counter] = {}
        self._left: dict[str, tuple[float, float, float]] = {}  # writes, units, and when Redis said so
        self._lock = threading.Lock()
        self._is_alone = False
        self._untold: set[str] = set()  # budgets from which this process took while it was alone
        self._ask_again_at = 0.0

    def take(self, key: str, cost: Cost, *, bulk: bool) -> timedelta:
        """Take the cost, or say how long to wait: bulk work at the end of the line, where it costs anything."""
        spare = RESERVE if bulk else 0.0
        said = self._ask(self._take, key, cost.writes, cost.units, spare)
        if said is None:
            self._untold.add(key)
            return timedelta(seconds=self._counter(key).take(cost, spare))
        self._left[key] = (float(said[1]), float(said[2]), time.monotonic())
        return timedelta(milliseconds=int(said[0]))

    def stand_in_line(self, key: str, writes: int) -> timedelta:
        """When bulk work that needs so many writes should try to take them: without Redis at once. Nothing is taken."""
        said = self._ask(self._line, key, writes, RESERVE)
        if said is None:
            return timedelta(seconds=self._counter(key).pause())
        return timedelta(milliseconds=int(said[0]))

    def heed(self, key: str, *, writes: float = 1.0, units: float = 1.0, pause: timedelta = timedelta()) -> None:
        """Lower the buckets to these parts of their sizes at most, and let nothing go out for a pause."""
        seconds = pause.total_seconds()
        self._counter(key).heed(writes, units, seconds)  # in any case: Redis may be away, or forget
        if seconds or not self._is_known(key, writes, units):
            self._ask(self._heed, key, writes, units, seconds * 1000)

    def _is_known(self, key: str, writes: float, units: float) -> bool:
        """Whether Redis counts no more than that already, by its last answer and what can have come since."""
        left = self._left.get(key)
        if left is None:
            return False
        passed = time.monotonic() - left[2]
        rates = ((_careful(WRITES), writes, left[0]), (_careful(READ_UNITS), units, left[1]))
        return all(part >= 1 or had + passed * rate.per_second <= part * rate.size for rate, part, had in rates)

    def look(self, key: str) -> Level:
        """What is left now."""
        said = self._ask(self._look, key)
        if said is None:
            return self._counter(key).look()
        return Level(float(said[0]), float(said[1]), timedelta(seconds=self._counter(key).pause()), shared=True)

    def _ask(self, script: Script, key: str, *arguments: float) -> list[Any] | None:
        """A script's answer, or None while Redis does not answer."""
        if time.monotonic() < self._ask_again_at:
            return None
        try:
            if key in self._untold:
                # Redis filled its bucket meanwhile. What is left of our share says how full it may be at most.
                self._run(self._heed, key, *self._counter(key).parts_left(), 0.0)
                self._untold.discard(key)
            pause, said = self._run(script, key, *arguments)
            missed = self._counter(key).pause()
            if missed > pause + CLOCKS_DIFFER:
                # Redis was away when Microsoft asked for this pause, or has lost it. Now all workers heed it; a bucket
                # was empty when it began.
                self._run(self._heed, key, 0.0, 0.0, missed * 1000)
                _, said = self._run(script, key, *arguments)
        except redis.RedisError as error:
            logger.warning(
                "Redis does not count the calls to Microsoft (%s): each process keeps its share.", type(error)
            )
            self._count_alone()
            return None
        self._is_alone = False
        return said

    def _run(self, script: Script, key: str, *arguments: float) -> tuple[float, list[Any]]:
        name, asked_at = self._processes.sign_of_life(), time.monotonic()
        words: list[str | float] = [*_figures(), COUNTED_FOR * 1000, name, *arguments]
        pause, number, *said = script(keys=[_name(key), PROCESSES, COUNTING], args=words)
        self._processes.heard(name, number)
        # By the time of asking: ours never ends after Redis' own, or the pause would grow each time it is told.
        self._counter(key).pause_until(asked_at + pause / 1000)
        return pause / 1000, said

    def _count_alone(self) -> None:
        self._ask_again_at = time.monotonic() + LOOK_FOR_REDIS_AGAIN
        if not self._is_alone:
            self._is_alone = True
            with self._lock:
                for counter in self._own.values():
                    counter.begin()

    def _counter(self, key: str) -> Counter:
        with self._lock:
            if key not in self._own:
                self._own[key] = Counter(lambda: self._processes.number)
            return self._own[key]


class Budget:
    """The budget of one application in one tenant, as a Graph client uses it."""

    def __init__(self, budgets: Budgets, app_id: str, tenant_id: str) -> None:
        self._budgets, self._key = budgets, f"{app_id}:{tenant_id}".lower()

    def prepay(self, writes: int) -> None:
        """Take so many writes now, for the turn in hand: it need not stop half-way. Raises QuotaSpentError as `spend`.

        Who finds too little all the same, after a 429, stands in the line anew: beside the line it would take what the next
        in it is promised, who would then take another's.
        """
        self._take(Cost(writes=writes))
        paid = prepaid.get()
        if paid is not None:
            paid[self._key] = paid.get(self._key, 0) + writes

    def turn_of_bulk(self, writes: int) -> timedelta:
        """How long bulk work that needs so many writes should wait before it begins; it stands in the line from now on."""
        return self._budgets.stand_in_line(self._key, writes)

    def spend(self, method: str, path: str) -> None:
        """Take what a call costs. Raises QuotaSpentError with the time to wait where there is too little."""
        cost, paid = cost_of(method, path), prepaid.get() or {}
        is_paid = 0 < cost.writes <= paid.get(self._key, 0)
        try:
            self._take(Cost() if is_paid else cost)  # Microsoft may have asked for a pause since it was paid
        except QuotaSpentError as stopped:
            # The turn ends and what it paid is lost: it gets a place in the line for what is left to pay.
            if paid.get(self._key):
                stopped.retry_after = self.turn_of_bulk(paid[self._key]) or stopped.retry_after
            raise
        if is_paid:
            paid[self._key] -= cost.writes

    def _take(self, cost: Cost) -> None:
        wait = self._budgets.take(self._key, cost, bulk=is_bulk.get())
        if wait:
            raise _not_now(wait)

    def refused(self, method: str, retry_after: timedelta | None) -> None:
        """Microsoft answered 429: all workers pause for this tenant, and the bucket is empty."""
        writes, units = (1.0, 0.0) if method == "GET" else (0.0, 1.0)
        self._budgets.heed(self._key, writes=writes, units=units, pause=retry_after or UNTOLD)

    def pause(self, retry_after: timedelta | None) -> None:
        """Microsoft's sign-in service answered 429 for this application and tenant: all workers pause there."""
        self._budgets.heed(self._key, pause=retry_after or UNTOLD)

    def require_no_pause(self) -> None:
        """Before a token is asked for, which costs nothing. Raises QuotaSpentError while Microsoft wants no calls."""
        blocked = self.look().blocked
        if blocked:
            raise _not_now(blocked)

    def heed(self, method: str, used: str | None) -> None:
        """An answer's x-ms-throttle-limit-percentage: how much of the quota is used, from 0.8 on."""
        try:
            part = float(used or 0)
        except ValueError:
            return
        if part >= NEAR_LIMIT:
            left = max(0.0, 1 - part)
            writes, units = (1.0, left) if method == "GET" else (left, 1.0)
            self._budgets.heed(self._key, writes=writes, units=units)

    def look(self) -> Level:
        """What is left now."""
        return self._budgets.look(self._key)


def _not_now(wait: timedelta) -> QuotaSpentError:
    return QuotaSpentError(
        "Waits for its turn: Microsoft's quota for this tenant is used up for now.", retry_after=wait
    )


def _figures() -> list[float]:
    writes, units = _careful(WRITES), _careful(READ_UNITS)
    return [writes.size, writes.per_second / 1000, units.size, units.per_second / 1000, FORGET_AFTER]


def _careful(rate: Rate) -> Rate:
    return Rate(rate.size * MARGIN, rate.seconds)


def _name(key: str) -> str:
    return f"syncportal:budget:{key}"
