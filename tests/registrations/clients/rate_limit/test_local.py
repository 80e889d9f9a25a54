"""Redis goes and comes back: the quota is not exceeded, and no pause that Microsoft asked for is lost."""

import time
from collections.abc import Callable
from datetime import timedelta

from registrations.clients.rate_limit import limiter
from registrations.clients.rate_limit.limiter import RateLimit, RateLimiter
from tests.registrations.clients.rate_limit.processes import ONE_WRITE, spend, without_redis


def test_a_429_received_without_redis_reaches_all_once_redis_answers(
    make_limiter: Callable[[], RateLimiter], advance_clock: Callable[[float], None]
) -> None:
    ours, another = make_limiter(), make_limiter()
    with without_redis(ours):
        RateLimit(ours, "app", "tenant").throttled("POST", timedelta(seconds=60))
        assert spend(ours, 1)[0] > timedelta(seconds=59)
        assert ours.reserve("app:tenant", 3) > timedelta(seconds=59)
    advance_clock(6)
    (wait,) = spend(ours, 1)
    assert timedelta(seconds=52) < wait < timedelta(seconds=55)
    assert ours.remaining("app:tenant").shared is True
    assert ours.remaining("app:tenant").blocked > timedelta(seconds=52)
    assert another.remaining("app:tenant").blocked > timedelta(seconds=52)
    assert another.remaining("app:tenant").writes < 300
    assert spend(another, 1, key="app:other") == [timedelta()]


def test_only_a_pause_that_still_lasts_is_reported_to_redis(
    make_limiter: Callable[[], RateLimiter], advance_clock: Callable[[float], None]
) -> None:
    ours, another = make_limiter(), make_limiter()
    with without_redis(ours):
        ours.apply_server_limit("app:tenant", writes=0.0, pause=timedelta(seconds=20))
    advance_clock(6)
    assert ours.remaining("app:tenant").blocked > timedelta(seconds=12)
    assert another.remaining("app:tenant").blocked > timedelta(seconds=12)
    with without_redis(ours):
        ours.apply_server_limit("app:third", writes=0.0, pause=timedelta(seconds=5))
    advance_clock(6)
    assert spend(ours, 1, key="app:third") == [timedelta()]
    assert another.remaining("app:third").writes > 2900


def test_a_pause_outlasts_an_emptied_or_missing_redis(make_limiter: Callable[[], RateLimiter]) -> None:
    throttled, refused, third = make_limiter(), make_limiter(), make_limiter()
    throttled.apply_server_limit("app:tenant", writes=0.0, pause=timedelta(seconds=60))
    assert spend(refused, 1)[0] > timedelta(seconds=59)
    third._client.flushall()
    assert spend(third, 1) == [timedelta()]  # it does not know of the pause
    assert spend(refused, 1)[0] > timedelta(seconds=58)
    assert spend(third, 1)[0] > timedelta(seconds=58)
    with without_redis(third):
        assert spend(third, 1)[0] > timedelta(seconds=58)


def test_a_pause_does_not_grow_when_it_is_reported_again(make_limiter: Callable[[], RateLimiter]) -> None:
    ours, another = make_limiter(), make_limiter()
    ours.apply_server_limit("app:tenant", pause=timedelta(seconds=30))
    began = time.monotonic()
    for _ in range(200):
        spend(another, 1)
        spend(ours, 1)
    assert ours.remaining("app:tenant").blocked.total_seconds() <= 30 - (time.monotonic() - began) + 0.05


def test_a_long_pause_does_not_expire_in_redis(make_limiter: Callable[[], RateLimiter]) -> None:
    ours = make_limiter()
    ours.apply_server_limit("app:tenant", pause=timedelta(hours=1))
    assert ours._client.ttl(limiter._redis_key("app:tenant")) > 3590


def test_each_outage_of_redis_starts_with_a_tenth(
    make_limiter: Callable[[], RateLimiter], advance_clock: Callable[[float], None]
) -> None:
    ours = make_limiter()
    for _ in range(2):
        with without_redis(ours):
            assert ours.remaining("app:tenant").writes < 40
            advance_clock(3)
            assert ours.remaining("app:tenant").writes > 36  # still the same absence
        advance_clock(1000)
        spend(ours, 1)


def test_writes_used_without_redis_are_reported_to_it_later(
    make_limiter: Callable[[], RateLimiter], advance_clock: Callable[[float], None]
) -> None:
    ours, other = make_limiter(), make_limiter()
    assert other.remaining("app:tenant").writes > 2900
    with without_redis(ours):
        taken = sum(not ours.take("app:tenant", ONE_WRITE, bulk=False) for _ in range(60))
        assert 30 <= taken < 60  # a tenth of an eighth
    advance_clock(6)
    ours.take("app:tenant", ONE_WRITE, bulk=False)
    assert other.remaining("app:tenant").writes < 1000
