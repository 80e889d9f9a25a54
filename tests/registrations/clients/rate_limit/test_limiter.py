"""The rate limit of calls to Microsoft: shared by all workers in Redis, kept by each process alone while Redis is away."""

import contextlib
import itertools
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import redis

from registrations.clients.rate_limit.costs import Cost
from registrations.clients.rate_limit.limiter import (
    COUNTING_KEY,
    INTERACTIVE_RESERVE,
    RateLimit,
    RateLimiter,
    is_bulk,
    prepaid,
)
from registrations.errors import QuotaSpentError
from tests.registrations.clients.rate_limit.processes import spend

DEAD = "redis://127.0.0.1:9/0"


@pytest.fixture(params=["redis", "alone"])
def limiter(request: pytest.FixtureRequest) -> Iterator[RateLimiter]:
    """Counts in Redis and in one process alone: the rules are the same."""
    address = request.getfixturevalue("server") if request.param == "redis" else DEAD
    with contextlib.closing(redis.Redis.from_url(address)) as client:
        if request.param == "redis":
            client.flushall()
            client.set(COUNTING_KEY, 0)  # Redis has counted for a long time
        yield RateLimiter(client, shares=1)


@pytest.fixture
def shared(server: str) -> Iterator[RateLimiter]:
    """Counts in Redis, which also keeps the reservations."""
    with contextlib.closing(redis.Redis.from_url(server)) as client:
        client.flushall()
        client.set(COUNTING_KEY, 0)
        yield RateLimiter(client, shares=1)


def empty(limiter: RateLimiter) -> None:
    limiter.apply_server_limit("app:tenant", writes=0.0)


def test_tokens_are_given_while_there_are_any(limiter: RateLimiter) -> None:
    assert spend(limiter, 5) == [timedelta()] * 5
    empty(limiter)
    (wait,) = spend(limiter, 1)
    assert timedelta(milliseconds=20) < wait < timedelta(milliseconds=80)  # 20 a second


def test_reads_continue_while_writes_wait(limiter: RateLimiter) -> None:
    empty(limiter)
    assert limiter.take("app:tenant", Cost(units=1), bulk=False) == timedelta()


def test_a_429_pauses_one_tenant_for_all_workers(limiter: RateLimiter) -> None:
    limiter.apply_server_limit("app:tenant", writes=0.0, pause=timedelta(seconds=30))
    assert spend(limiter, 1)[0] > timedelta(seconds=29)
    assert limiter.take("app:tenant", Cost(units=1), bulk=False) > timedelta(seconds=29)
    assert spend(limiter, 1, key="app:other") == [timedelta()]
    assert limiter.remaining("app:tenant").blocked > timedelta(seconds=29)


def test_bulk_work_leaves_a_reserve(limiter: RateLimiter) -> None:
    limiter.apply_server_limit("app:tenant", writes=0.01)
    assert spend(limiter, 1, bulk=True)[0] > timedelta()
    assert spend(limiter, 1) == [timedelta()]


def test_the_usage_that_microsoft_reports_lowers_the_count(limiter: RateLimiter) -> None:
    RateLimit(limiter, "app", "tenant").apply_usage("POST", "0.99")
    assert limiter.remaining("app:tenant").writes < 31
    RateLimit(limiter, "app", "tenant").apply_usage("POST", "nonsense")
    RateLimit(limiter, "app", "tenant").apply_usage("POST", None)


def test_a_call_that_comes_too_early_gets_its_wait(limiter: RateLimiter) -> None:
    ours = RateLimit(limiter, "app", "tenant")
    ours.throttled("PATCH", timedelta(seconds=17))
    with pytest.raises(QuotaSpentError) as reported:
        ours.acquire("POST", "/servicePrincipals")
    assert reported.value.retry_after is not None
    assert timedelta(seconds=16) < reported.value.retry_after <= timedelta(seconds=17)


def test_a_429_without_retry_after_pauses_too(limiter: RateLimiter) -> None:
    RateLimit(limiter, "app", "tenant").throttled("GET", None)
    assert limiter.remaining("app:tenant").blocked > timedelta(seconds=9)


def test_bulk_calls_get_reservations_one_after_another(shared: RateLimiter) -> None:
    empty(shared)
    waits = spend(shared, 10, bulk=True)
    gaps = [later - earlier for earlier, later in itertools.pairwise(waits)]
    assert all(timedelta(milliseconds=40) < gap < timedelta(milliseconds=60) for gap in gaps)


def test_each_bulk_operation_gets_its_reservation_before_it_starts(shared: RateLimiter) -> None:
    assert shared.reserve("app:tenant", 3) == timedelta()  # the bucket is full
    empty(shared)
    began = time.monotonic()
    turns = [shared.reserve("app:tenant", 3) for _ in range(10)]
    elapsed = timedelta(seconds=time.monotonic() - began)  # each wait is counted from its own time
    assert all(later - earlier < timedelta(milliseconds=170) for earlier, later in itertools.pairwise(turns))
    assert turns[-1] - turns[0] > 9 * timedelta(milliseconds=150) - elapsed


def test_a_call_that_finds_too_little_waits_behind_earlier_reservations(shared: RateLimiter) -> None:
    empty(shared)
    promised = [shared.reserve("app:tenant", 3) for _ in range(10)]
    again = shared.take("app:tenant", Cost(writes=3), bulk=True)
    assert promised[-1] + timedelta(milliseconds=100) < again < promised[-1] + timedelta(milliseconds=170)
    assert shared.reserve("app:tenant", 3) > again


def test_a_reservation_is_honoured_at_its_time(shared: RateLimiter) -> None:
    shared.apply_server_limit("app:tenant", writes=INTERACTIVE_RESERVE)  # nothing is left for bulk work
    wait = shared.reserve("app:tenant", 3)
    assert wait > timedelta()
    time.sleep(wait.total_seconds())
    assert shared.take("app:tenant", Cost(writes=3), bulk=True) == timedelta()


def test_a_prepaid_call_waits_for_a_pause_without_a_reservation(
    shared: RateLimiter,
) -> None:
    shared.apply_server_limit("app:tenant", writes=0.0, pause=timedelta(seconds=5))
    before = shared.reserve("app:tenant", 3)
    paid = shared.take("app:tenant", Cost(), bulk=True)
    assert timedelta(seconds=4) < paid <= timedelta(seconds=5)
    assert shared.reserve("app:tenant", 3) < before + timedelta(milliseconds=170)


def test_a_stopped_run_reserves_what_it_had_prepaid(shared: RateLimiter) -> None:
    ours = RateLimit(shared, "app", "tenant")
    token = prepaid.set({})
    bulk = is_bulk.set(True)
    try:
        ours.prepay(3)
        ours.acquire("PATCH", "/applications")
        ours.throttled("POST", timedelta(seconds=2))
        began = time.monotonic()
        promised = shared.reserve("app:tenant", 3)
        with pytest.raises(QuotaSpentError) as stopped:
            ours.acquire("POST", "/servicePrincipals")
        between = timedelta(seconds=time.monotonic() - began)  # both count from their own time
    finally:
        prepaid.reset(token)
        is_bulk.reset(bulk)
    assert stopped.value.retry_after is not None
    place = stopped.value.retry_after - promised
    # Behind the other one, for the two writes that are left.
    assert timedelta(milliseconds=100) - between < place < timedelta(milliseconds=120)


def test_without_redis_there_are_no_reservations() -> None:
    with contextlib.closing(redis.Redis.from_url(DEAD)) as client:
        assert RateLimiter(client, shares=8).reserve("app:tenant", 3) == timedelta()


def test_two_processes_share_one_bucket_in_redis(server: str) -> None:
    with (
        contextlib.closing(redis.Redis.from_url(server)) as one,
        contextlib.closing(redis.Redis.from_url(server)) as two,
    ):
        one.flushall()
        RateLimiter(one, shares=8).apply_server_limit("app:tenant", writes=0.0, pause=timedelta(seconds=20))
        assert RateLimiter(two, shares=8).remaining("app:tenant").blocked > timedelta(seconds=19)


def test_without_redis_each_process_keeps_to_its_share() -> None:
    with contextlib.closing(redis.Redis.from_url(DEAD)) as client:
        alone = RateLimiter(client, shares=8)
        given = sum(wait == timedelta() for wait in spend(alone, 100))
    assert 30 <= given <= 45  # it starts with a tenth of an eighth of 3,000
    assert alone.remaining("app:tenant").shared is False


def test_redis_is_tried_again_after_a_while(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with contextlib.closing(redis.Redis.from_url(server)) as client:
        limiter = RateLimiter(client, shares=1)
        real = limiter._remaining

        def gone(**_: Any) -> Any:
            raise redis.ConnectionError

        monkeypatch.setattr(limiter, "_remaining", gone)
        assert limiter.remaining("a:b").shared is False
        monkeypatch.setattr(limiter, "_remaining", real)
        assert limiter.remaining("a:b").shared is False
        monkeypatch.setattr(limiter, "_retry_redis_at", 0.0)
        assert limiter.remaining("a:b").shared is True


def test_an_emptied_redis_starts_with_a_tenth(shared: RateLimiter) -> None:
    spend(shared, 3)
    shared._client.flushall()
    left = shared.remaining("app:tenant")
    assert left.writes == pytest.approx(294, abs=2)
    assert left.units == pytest.approx(343, abs=40)
    minute_ago = int(shared._client.get(COUNTING_KEY)) - 60_000  # type: ignore[arg-type]
    shared._client.flushall()
    shared._client.set(COUNTING_KEY, minute_ago)
    assert shared.remaining("another:tenant").writes == pytest.approx(294 + 60 * 19.6, abs=5)
    shared._client.set(COUNTING_KEY, minute_ago + 3_600_000)  # the clock was set back
    shared.remaining("another:tenant")
    assert int(shared._client.get(COUNTING_KEY)) < minute_ago + 120_000  # type: ignore[arg-type]


def test_only_new_limits_are_written_to_redis(shared: RateLimiter, monkeypatch: pytest.MonkeyPatch) -> None:
    reported: list[tuple[float, float]] = []
    run = shared._run

    def watched(script: Any, key: str, *arguments: float) -> Any:
        if script is shared._apply:
            reported.append((arguments[0], arguments[1]))
        return run(script, key, *arguments)

    monkeypatch.setattr(shared, "_run", watched)
    limiter = RateLimit(shared, "app", "tenant")
    shared.apply_server_limit("app:tenant", writes=0.05)
    reported.clear()
    limiter.acquire("POST", "/applications")
    limiter.apply_usage("POST", "0.9")  # a tenth is left, says Microsoft; Redis counts a twentieth
    assert reported == []
    limiter.apply_usage("POST", "0.99")
    ((writes, units),) = reported
    assert (round(writes, 3), units) == (0.01, 1.0)
    shared._client.flushall()
    limiter.acquire("POST", "/applications")  # a tenth again
    limiter.apply_usage("POST", "0.95")
    assert len(reported) == 2
