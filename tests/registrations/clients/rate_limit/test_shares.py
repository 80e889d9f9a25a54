"""How many processes share the quota while Redis is away."""

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

from registrations.clients.rate_limit.limiter import PROCESSES_KEY, RateLimiter
from tests.registrations.clients.rate_limit.processes import spend, without_redis


def heartbeats(limiter: RateLimiter) -> dict[bytes, float]:
    found: Any = limiter._client.zrange(PROCESSES_KEY, 0, -1, withscores=True)
    return dict(found)


def test_more_processes_than_configured_share_the_quota_without_redis(
    make_limiter: Callable[[], RateLimiter], advance_clock: Callable[[float], None]
) -> None:
    forty = [make_limiter() for _ in range(40)]
    for ours in forty * 2:  # the first sees itself alone at its first call
        spend(ours, 1)
    with without_redis(*forty):
        given = sum(wait == timedelta() for ours in forty for wait in spend(ours, 60))
        assert given <= 300  # a tenth of all
        advance_clock(10)
        given = sum(wait == timedelta() for ours in forty for wait in spend(ours, 60))
        assert given <= 220  # 20 a second
        advance_clock(150)
        full = sum(ours.remaining("app:tenant").writes for ours in forty)
    assert 2800 < full <= 3000


def test_a_process_divides_by_the_number_that_it_saw_last(
    make_limiter: Callable[[], RateLimiter], advance_clock: Callable[[float], None]
) -> None:
    ours, other = make_limiter(), make_limiter()
    for number in range(20):
        ours._client.zadd(PROCESSES_KEY, {f"another {number}": time.time() * 1000})
    spend(ours, 1)
    with without_redis(ours):
        assert spend(ours, 1) == [timedelta()]
        advance_clock(1000)
        assert 130 < ours.remaining("app:tenant").writes < 150  # of 21
    ours._client.delete(PROCESSES_KEY)
    advance_clock(6)
    spend(ours, 1)
    spend(other, 1)
    advance_clock(301)
    spend(ours, 1)
    with without_redis(ours):
        assert spend(ours, 1) == [timedelta()]
        advance_clock(1000)
        assert 360 < ours.remaining("app:tenant").writes < 375  # of the eight in the setting


def test_an_emptied_redis_does_not_enlarge_the_shares(
    make_limiter: Callable[[], RateLimiter], advance_clock: Callable[[float], None]
) -> None:
    forty = [make_limiter() for _ in range(40)]
    for ours in forty:
        spend(ours, 1)
    last = forty[-1]
    last._client.flushall()
    spend(last, 1)
    with without_redis(last):
        assert spend(last, 1) == [timedelta()]
        advance_clock(200)
        assert last.remaining("app:tenant").writes < 75


def test_forked_children_count_each_and_threads_do_not(make_limiter: Callable[[], RateLimiter]) -> None:
    shared = make_limiter()
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


def test_a_process_that_has_ended_no_longer_counts(make_limiter: Callable[[], RateLimiter]) -> None:
    ours = make_limiter()
    now = time.time() * 1000
    ours._client.zadd(PROCESSES_KEY, {"ended": now - 301_000, "alive": now - 200_000})
    spend(ours, 1)
    left = heartbeats(ours)
    assert len(left) == 2
    assert b"alive" in left


def test_a_call_costs_one_command_and_a_heartbeat_now_and_then(
    make_limiter: Callable[[], RateLimiter], advance_clock: Callable[[float], None]
) -> None:
    ours = make_limiter()
    spend(ours, 1)
    ours.remaining("app:tenant")  # Redis knows both scripts
    before = heartbeats(ours)
    ours._client.config_resetstat()
    spend(ours, 10)
    ours.remaining("app:tenant")
    statistics = ours._client.info("commandstats")
    assert statistics["cmdstat_evalsha"]["calls"] == 11
    assert "cmdstat_zadd" not in statistics
    advance_clock(21)
    spend(ours, 1)
    ((name, said_at),) = heartbeats(ours).items()
    assert said_at > before[name]
