"""The rate limit of Graph calls: one for each application and tenant, shared by all processes through Redis.

A limit has two token buckets (writes and read units) and a pause: a time until which nothing is sent, because Microsoft
asked for it with a 429. A write also takes from the buckets of the wide limits (`costs.WIDE_LIMITS`), in the same step. If
there are too few tokens, the caller learns how long to wait. The operation is put back until then, so no worker sleeps.
Bulk work leaves a reserve for operations that a person waits for, and gets reservations, so that operations come back one
after another. While Redis is away, each process keeps to its own share of the quota and to every pause it knows of. It
reports its pauses to Redis once Redis answers again.
"""

import logging
import time
from contextvars import ContextVar
from datetime import timedelta
from typing import Any

import redis
from redis.commands.core import Script

from registrations.clients.rate_limit import lua
from registrations.clients.rate_limit.costs import READ_UNITS, WIDE_LIMITS, WRITES, Cost, cost_of
from registrations.clients.rate_limit.local import LOCK, Bucket, LocalBuckets, Remaining
from registrations.clients.rate_limit.shares import COUNTED_FOR, Shares
from registrations.errors import QuotaSpentError

logger = logging.getLogger(__name__)

INTERACTIVE_RESERVE = 0.02  # of each bucket, which bulk work leaves to interactive work: three seconds of writes
DEFAULT_PAUSE = timedelta(seconds=10)  # after a 429 without Retry-After
NEAR_LIMIT = 0.8  # from this part on Microsoft reports how much of the quota is used
RETRY_REDIS_AFTER = 5.0  # seconds
FORGET_AFTER = 900  # seconds without a call, once no pause lasts: by then every bucket is full
CLOCK_DRIFT = 0.2  # seconds that two clocks may drift apart during a pause
# Keys in Redis: the processes and their last heartbeats; and since when Redis has been counting.
PROCESSES_KEY, COUNTING_KEY = "syncportal:processes", "syncportal:counting"

# Whether the current work is part of a bulk job.
is_bulk: ContextVar[bool] = ContextVar("is_bulk", default=False)
# Writes that the current run has taken already and not made yet, by limit. What is left at its end is not given back.
prepaid: ContextVar[dict[str, int] | None] = ContextVar("prepaid", default=None)


class RateLimiter:
    """All rate limits, in Redis, or in this process while Redis does not answer. `shares`: processes, at least."""

    def __init__(self, client: "redis.Redis", shares: int) -> None:
        self._client, self._shares = client, Shares(shares)
        self._take, self._reserve = client.register_script(lua.TAKE), client.register_script(lua.RESERVE)
        self._apply = client.register_script(lua.APPLY_SERVER_LIMIT)
        self._remaining = client.register_script(lua.REMAINING)
        self._local: dict[str, LocalBuckets] = {}
        self._wide: dict[str, Bucket] = {}  # by the names of the wide limits' buckets
        self._left: dict[str, tuple[float, float, float]] = {}  # writes, units, and when Redis reported them
        self._is_alone = False
        self._unreported: set[str] = set()  # limits from which this process took tokens while Redis was away
        self._retry_redis_at = 0.0

    def take(self, key: str, cost: Cost, *, bulk: bool) -> timedelta:
        """Take the cost, or return how long to wait. Bulk work gets a reservation if the call costs anything."""
        reserve = INTERACTIVE_RESERVE if bulk else 0.0
        answer = self._ask(self._take, key, cost.writes, cost.units, reserve)
        if answer is None:
            self._unreported.add(key)
            return timedelta(seconds=self._buckets(key).take(cost, reserve))
        self._left[key] = (float(answer[1]), float(answer[2]), time.monotonic())
        return timedelta(milliseconds=int(answer[0]))

    def reserve(self, key: str, writes: int) -> timedelta:
        """When bulk work that needs so many writes should try to take them: without Redis at once. Nothing is taken."""
        answer = self._ask(self._reserve, key, writes, INTERACTIVE_RESERVE)
        if answer is None:
            return timedelta(seconds=self._buckets(key).pause())
        return timedelta(milliseconds=int(answer[0]))

    def apply_server_limit(
        self, key: str, *, writes: float = 1.0, units: float = 1.0, pause: timedelta = timedelta()
    ) -> None:
        """Lower the buckets to these parts of their sizes at most, and send nothing for the length of the pause."""
        seconds = pause.total_seconds()
        self._buckets(key).apply_server_limit(writes, units, seconds)  # in any case: Redis may be away, or be emptied
        if seconds or not self._is_known(key, writes, units):
            self._ask(self._apply, key, writes, units, seconds * 1000)

    def _is_known(self, key: str, writes: float, units: float) -> bool:
        """Whether Redis counts no more than that already, by its last answer and what can have been added since."""
        left = self._left.get(key)
        if left is None:
            return False
        passed = time.monotonic() - left[2]
        rates = ((WRITES.with_margin(), writes, left[0]), (READ_UNITS.with_margin(), units, left[1]))
        return all(part >= 1 or had + passed * rate.per_second <= part * rate.size for rate, part, had in rates)

    def remaining(self, key: str) -> Remaining:
        """What is left now."""
        answer = self._ask(self._remaining, key)
        if answer is None:
            return self._buckets(key).remaining()
        pause = timedelta(seconds=self._buckets(key).pause())
        return Remaining(float(answer[0]), float(answer[1]), pause, shared=True)

    def _ask(self, script: Script, key: str, *arguments: float) -> list[Any] | None:
        """A script's answer, or None while Redis does not answer."""
        if time.monotonic() < self._retry_redis_at:
            return None
        try:
            if key in self._unreported:
                # Redis refilled its buckets meanwhile. What is left of our share is the most that they may hold.
                writes, units, wide = self._buckets(key).parts_left()
                self._run(self._apply, key, writes, units, 0.0, *wide)
                self._unreported.discard(key)
            pause, answer = self._run(script, key, *arguments)
            missed = self._buckets(key).pause()
            if missed > pause + CLOCK_DRIFT:
                # Redis was away when Microsoft asked for this pause, or has lost it. Report it, so that all workers keep
                # to it; the buckets were empty when it began.
                self._run(self._apply, key, 0.0, 0.0, missed * 1000)
                _, answer = self._run(script, key, *arguments)
        except redis.RedisError as error:
            logger.warning(
                "Redis does not count the calls to Microsoft (%s): each process keeps to its share.", type(error)
            )
            self._count_alone()
            return None
        self._is_alone = False
        return answer

    def _run(self, script: Script, key: str, *arguments: float) -> tuple[float, list[Any]]:
        name, asked_at = self._shares.heartbeat(), time.monotonic()
        words: list[str | float] = [*_figures(), COUNTED_FOR * 1000, name, *_wide_figures(), *arguments]
        wide = [_redis_key(limit.name_in(key)) for limit in WIDE_LIMITS]
        pause, number, *answer = script(keys=[_redis_key(key), PROCESSES_KEY, COUNTING_KEY, *wide], args=words)
        self._shares.reported(name, number)
        # Counted from the time of asking: our pause never ends after the one in Redis, or it would grow with each report.
        self._buckets(key).pause_until(asked_at + pause / 1000)
        return pause / 1000, answer

    def _count_alone(self) -> None:
        self._retry_redis_at = time.monotonic() + RETRY_REDIS_AFTER
        if not self._is_alone:
            self._is_alone = True
            with LOCK:
                for buckets in self._local.values():
                    buckets.start()
                for bucket in self._wide.values():
                    bucket.start()

    def _buckets(self, key: str) -> LocalBuckets:
        with LOCK:
            if key not in self._local:
                self._local[key] = LocalBuckets(self._number_of_shares, self._wide_buckets(key))
            return self._local[key]

    def _wide_buckets(self, key: str) -> list[Bucket]:
        names = {limit.name_in(key): limit.writes for limit in WIDE_LIMITS}
        for name, rate in names.items():
            self._wide.setdefault(name, Bucket(rate, self._number_of_shares))
        return [self._wide[name] for name in names]

    def _number_of_shares(self) -> int:
        return self._shares.number


class RateLimit:
    """The rate limit of one application in one tenant, as a Graph client uses it."""

    def __init__(self, limiter: RateLimiter, app_id: str, tenant_id: str) -> None:
        self._limiter, self._key = limiter, f"{app_id}:{tenant_id}".lower()

    def prepay(self, writes: int) -> None:
        """Take the writes of the whole run now, so that it does not stop half-way. Raises QuotaSpentError as `acquire`.

        If there are too few after a 429, the run gets a new reservation. Taking tokens without one would use those that
        are reserved for the next operation, which would then use another's.
        """
        self._take(Cost(writes=writes))
        paid = prepaid.get()
        if paid is not None:
            paid[self._key] = paid.get(self._key, 0) + writes

    def reserve(self, writes: int) -> timedelta:
        """How long bulk work that needs so many writes should wait before it begins; that time is reserved for it."""
        return self._limiter.reserve(self._key, writes)

    def acquire(self, method: str, path: str) -> None:
        """Take what a call costs. Raises QuotaSpentError with the time to wait if there are too few tokens."""
        cost, paid = cost_of(method, path), prepaid.get() or {}
        is_paid = 0 < cost.writes <= paid.get(self._key, 0)
        try:
            self._take(
                Cost(units=cost.units) if is_paid else cost
            )  # Microsoft may have asked for a pause since it was prepaid
        except QuotaSpentError as stopped:
            # The run ends, and what it prepaid is lost: it gets a reservation for what is left to pay.
            if paid.get(self._key):
                stopped.retry_after = self.reserve(paid[self._key]) or stopped.retry_after
            raise
        if is_paid:
            paid[self._key] -= cost.writes

    def _take(self, cost: Cost) -> None:
        wait = self._limiter.take(self._key, cost, bulk=is_bulk.get())
        if wait:
            raise _quota_spent(wait)

    def throttled(self, method: str, retry_after: timedelta | None) -> None:
        """Graph answered 429: all workers pause for this application and tenant, and the bucket is empty."""
        writes, units = (1.0, 0.0) if method == "GET" else (0.0, 1.0)
        self._limiter.apply_server_limit(self._key, writes=writes, units=units, pause=retry_after or DEFAULT_PAUSE)

    def pause(self, retry_after: timedelta | None) -> None:
        """Microsoft's sign-in service answered 429 for this application and tenant: all workers pause there."""
        self._limiter.apply_server_limit(self._key, pause=retry_after or DEFAULT_PAUSE)

    def require_no_pause(self) -> None:
        """Before a token is requested, which costs nothing. Raises QuotaSpentError while a pause lasts."""
        blocked = self.remaining().blocked
        if blocked:
            raise _quota_spent(blocked)

    def apply_usage(self, method: str, used: str | None) -> None:
        """Apply an answer's x-ms-throttle-limit-percentage: the part of the quota that is used, sent from 0.8 on."""
        try:
            part = float(used or 0)
        except ValueError:
            return
        if part >= NEAR_LIMIT:
            left = max(0.0, 1 - part)
            writes, units = (1.0, left) if method == "GET" else (left, 1.0)
            self._limiter.apply_server_limit(self._key, writes=writes, units=units)

    def remaining(self) -> Remaining:
        """What is left now."""
        return self._limiter.remaining(self._key)


def _quota_spent(wait: timedelta) -> QuotaSpentError:
    return QuotaSpentError(
        "Waiting for Microsoft's quota: it is used up for this tenant at the moment.", retry_after=wait
    )


def _figures() -> list[float]:
    writes, units = WRITES.with_margin(), READ_UNITS.with_margin()
    return [writes.size, writes.per_second / 1000, units.size, units.per_second / 1000, FORGET_AFTER]


def _wide_figures() -> list[float]:
    rates = [limit.writes.with_margin() for limit in WIDE_LIMITS]
    return [figure for rate in rates for figure in (rate.size, rate.per_second / 1000)]


def _redis_key(key: str) -> str:
    return f"syncportal:budget:{key}"
