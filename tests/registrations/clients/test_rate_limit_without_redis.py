"""Redis goes and comes back: the quota is not exceeded meanwhile, and no pause that Microsoft asked for is forgotten."""

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
import redis

from registrations.clients.rate_limit import limiter, local, shares
from registrations.clients.rate_limit.costs import Cost
from registrations.clients.rate_limit.limiter import COUNTING_KEY, PROCESSES_KEY, RateLimit, RateLimiter

ONE_WRITE = Cost(writes=1)


@pytest.fixture
def several(server: str) -> Iterator[Callable[[], RateLimiter]]:
    """Makes Budgets as processes have them, each with a way of its own to Redis."""
    with contextlib.ExitStack() as stack:

        def make() -> RateLimiter:
            return RateLimiter(stack.enter_context(contextlib.closing(redis.Redis.from_url(server))), shares=8)

        first = make()._client
        first.flushall()
        first.set(COUNTING_KEY, 0)  # Redis has been counting for long
        yield make


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Moves the clock of this process by so many seconds, and not that of Redis."""
    passed = 0.0

    def move(seconds: float) -> None:
        nonlocal passed
        passed += seconds
        clock = SimpleNamespace(monotonic=lambda: time.monotonic() + passed)
        monkeypatch.setattr(limiter, "time", clock)
        monkeypatch.setattr(local, "time", clock)
        monkeypatch.setattr(shares, "time", clock)

    return move


@contextlib.contextmanager
def without_redis(*ours: RateLimiter) -> Iterator[None]:
    """These processes do not reach Redis; whoever noticed looks for it again after five seconds."""
    ports = {one: one._client.connection_pool.connection_kwargs["port"] for one in ours}
    for one in ours:
        _connect_to(one, 9)
    yield
    for one, port in ports.items():
        _connect_to(one, port)


def _connect_to(limiter: RateLimiter, port: int) -> None:
    pool = limiter._client.connection_pool
    pool.disconnect()
    pool.reset()  # a connection keeps the port it was made with
    pool.connection_kwargs["port"] = port


def spend(limiter: RateLimiter, count: int, key: str = "app:tenant") -> list[timedelta]:
    return [limiter.take(key, ONE_WRITE, bulk=False) for _ in range(count)]


def heartbeats(limiter: RateLimiter) -> dict[bytes, float]:
    found: Any = limiter._client.zrange(PROCESSES_KEY, 0, -1, withscores=True)
    return dict(found)


def test_more_processes_than_the_setting_says_share_the_quota_while_redis_is_away(
    several: Callable[[], RateLimiter], later: Callable[[float], None]
) -> None:
    forty = [several() for _ in range(40)]
    for ours in forty * 2:  # the first sees itself alone at its first call
        spend(ours, 1)
    with without_redis(*forty):
        given = sum(wait == timedelta() for ours in forty for wait in spend(ours, 60))
        assert given <= 300  # a tenth of all
        later(10)
        given = sum(wait == timedelta() for ours in forty for wait in spend(ours, 60))
        assert given <= 220  # 20 a second
        later(150)
        full = sum(ours.remaining("app:tenant").writes for ours in forty)
    assert 2800 < full <= 3000


def test_a_process_that_saw_others_come_and_go_divides_by_what_it_saw_last(
    several: Callable[[], RateLimiter], later: Callable[[float], None]
) -> None:
    ours, other = several(), several()
    for number in range(20):
        ours._client.zadd(PROCESSES_KEY, {f"another {number}": time.time() * 1000})
    spend(ours, 1)
    with without_redis(ours):
        assert spend(ours, 1) == [timedelta()]
        later(1000)
        assert 130 < ours.remaining("app:tenant").writes < 150  # of 21
    ours._client.delete(PROCESSES_KEY)
    later(6)
    spend(ours, 1)
    spend(other, 1)
    later(301)
    spend(ours, 1)
    with without_redis(ours):
        assert spend(ours, 1) == [timedelta()]
        later(1000)
        assert 360 < ours.remaining("app:tenant").writes < 375  # of the eight in the setting


def test_a_redis_that_comes_back_empty_does_not_make_the_shares_larger(
    several: Callable[[], RateLimiter], later: Callable[[float], None]
) -> None:
    forty = [several() for _ in range(40)]
    for ours in forty:
        spend(ours, 1)
    last = forty[-1]
    last._client.flushall()
    spend(last, 1)
    with without_redis(last):
        assert spend(last, 1) == [timedelta()]
        later(200)
        assert last.remaining("app:tenant").writes < 75


def test_forked_children_count_as_themselves_and_threads_as_one(several: Callable[[], RateLimiter]) -> None:
    shared = several()
    spend(shared, 1)
    children = []
    for _ in range(2):
        child = os.fork()
        if not child:
            try:
                spend(shared, 2)
            finally:
                os._exit(0)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: spend(shared, 3), range(4)))
    assert len(heartbeats(shared)) == 3


def test_a_process_that_has_ended_is_forgotten(several: Callable[[], RateLimiter]) -> None:
    ours = several()
    now = time.time() * 1000
    ours._client.zadd(PROCESSES_KEY, {"ended": now - 301_000, "alive": now - 200_000})
    spend(ours, 1)
    left = heartbeats(ours)
    assert len(left) == 2
    assert b"alive" in left


def test_a_call_asks_redis_once_and_gives_a_sign_of_life_now_and_then(
    several: Callable[[], RateLimiter], later: Callable[[float], None]
) -> None:
    ours = several()
    spend(ours, 1)
    ours.remaining("app:tenant")  # Redis knows both scripts
    before = heartbeats(ours)
    ours._client.config_resetstat()
    spend(ours, 10)
    ours.remaining("app:tenant")
    statistics = ours._client.info("commandstats")
    assert statistics["cmdstat_evalsha"]["calls"] == 11
    assert "cmdstat_zadd" not in statistics
    later(21)
    spend(ours, 1)
    ((name, said_at),) = heartbeats(ours).items()
    assert said_at > before[name]


def test_a_429_that_was_heard_while_redis_hiccupped_stops_all_once_it_answers(
    several: Callable[[], RateLimiter], later: Callable[[float], None]
) -> None:
    ours, another = several(), several()
    with without_redis(ours):
        RateLimit(ours, "app", "tenant").throttled("POST", timedelta(seconds=60))
        assert spend(ours, 1)[0] > timedelta(seconds=59)
        assert ours.reserve("app:tenant", 3) > timedelta(seconds=59)
    later(6)
    (wait,) = spend(ours, 1)
    assert timedelta(seconds=52) < wait < timedelta(seconds=55)
    assert ours.remaining("app:tenant").shared is True
    assert ours.remaining("app:tenant").blocked > timedelta(seconds=52)
    assert another.remaining("app:tenant").blocked > timedelta(seconds=52)
    assert another.remaining("app:tenant").writes < 300
    assert spend(another, 1, key="app:other") == [timedelta()]


def test_looking_is_enough_to_tell_redis_of_a_pause_and_a_pause_that_is_over_is_not_told(
    several: Callable[[], RateLimiter], later: Callable[[float], None]
) -> None:
    ours, another = several(), several()
    with without_redis(ours):
        ours.apply_server_limit("app:tenant", writes=0.0, pause=timedelta(seconds=20))
    later(6)
    assert ours.remaining("app:tenant").blocked > timedelta(seconds=12)
    assert another.remaining("app:tenant").blocked > timedelta(seconds=12)
    with without_redis(ours):
        ours.apply_server_limit("app:third", writes=0.0, pause=timedelta(seconds=5))
    later(6)
    assert spend(ours, 1, key="app:third") == [timedelta()]
    assert another.remaining("app:third").writes > 2900


def test_a_pause_is_kept_where_redis_goes_or_comes_back_empty(several: Callable[[], RateLimiter]) -> None:
    heard, told, third = several(), several(), several()
    heard.apply_server_limit("app:tenant", writes=0.0, pause=timedelta(seconds=60))
    assert spend(told, 1)[0] > timedelta(seconds=59)
    third._client.flushall()
    assert spend(third, 1) == [timedelta()]  # it never heard of the pause
    assert spend(told, 1)[0] > timedelta(seconds=58)
    assert spend(third, 1)[0] > timedelta(seconds=58)
    with without_redis(third):
        assert spend(third, 1)[0] > timedelta(seconds=58)


def test_a_pause_does_not_grow_when_it_is_told_again(several: Callable[[], RateLimiter]) -> None:
    ours, another = several(), several()
    ours.apply_server_limit("app:tenant", pause=timedelta(seconds=30))
    began = time.monotonic()
    for _ in range(200):
        spend(another, 1)
        spend(ours, 1)
    assert ours.remaining("app:tenant").blocked.total_seconds() <= 30 - (time.monotonic() - began) + 0.05


def test_a_long_pause_is_not_forgotten_while_nobody_calls(several: Callable[[], RateLimiter]) -> None:
    ours = several()
    ours.apply_server_limit("app:tenant", pause=timedelta(hours=1))
    assert ours._client.ttl(limiter._redis_key("app:tenant")) > 3590


def test_each_absence_of_redis_begins_with_a_tenth(
    several: Callable[[], RateLimiter], later: Callable[[float], None]
) -> None:
    ours = several()
    for _ in range(2):
        with without_redis(ours):
            assert ours.remaining("app:tenant").writes < 40
            later(3)
            assert ours.remaining("app:tenant").writes > 36  # still the same absence
        later(1000)
        spend(ours, 1)


def test_what_was_used_alone_is_told_to_a_redis_that_filled_its_bucket_meanwhile(
    several: Callable[[], RateLimiter], later: Callable[[float], None]
) -> None:
    ours, other = several(), several()
    assert other.remaining("app:tenant").writes > 2900
    with without_redis(ours):
        taken = sum(not ours.take("app:tenant", ONE_WRITE, bulk=False) for _ in range(60))
        assert 30 <= taken < 60  # a tenth of an eighth
    later(6)
    ours.take("app:tenant", ONE_WRITE, bulk=False)
    assert other.remaining("app:tenant").writes < 1000
