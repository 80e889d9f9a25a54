"""The limits above one application in one tenant: of an application in all tenants, and of all applications in one tenant."""

import contextlib
import itertools
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
import redis

from registrations.clients.rate_limit import costs
from registrations.clients.rate_limit.costs import Cost
from registrations.clients.rate_limit.limiter import COUNTING_KEY, RateLimiter
from tests.registrations.clients.rate_limit.processes import spend, without_redis

DEAD = "redis://127.0.0.1:9/0"
NOW = timedelta()


@pytest.fixture(params=["redis", "alone"])
def limiter(request: pytest.FixtureRequest) -> Iterator[RateLimiter]:
    """Counts in Redis and in one process alone: the rules are the same."""
    address = request.getfixturevalue("server") if request.param == "redis" else DEAD
    with contextlib.closing(redis.Redis.from_url(address)) as client:
        if request.param == "redis":
            client.flushall()
            client.set(COUNTING_KEY, 0)
        yield RateLimiter(client, shares=1)


def write(limiter: RateLimiter, key: str, count: int, *, bulk: bool = False) -> timedelta:
    """Take so many writes at once."""
    return limiter.take(key, Cost(writes=count), bulk=bulk)


def use_up(limiter: RateLimiter, keys: Iterator[str], size: int = 250) -> int:
    """Write until something is used up; how many writes were given."""
    return size * sum(1 for _ in itertools.takewhile(lambda key: write(limiter, key, size) == NOW, keys))


def published(limiter: RateLimiter, size: float) -> float:
    """What a limiter that has just started gives of a bucket: a process alone begins with a tenth."""
    return size * costs.SAFETY_MARGIN * (0.1 if limiter.remaining("any:thing").shared is False else 1)


def test_an_application_writes_no_more_in_all_tenants_than_microsoft_allows(limiter: RateLimiter) -> None:
    keys = (f"app:tenant{number}" for number in itertools.count())
    assert use_up(limiter, keys) == pytest.approx(published(limiter, 35_000), abs=600)
    assert write(limiter, "app:another", 250) > NOW
    assert write(limiter, "other:another", 250) == NOW


def test_all_applications_write_no_more_in_one_tenant_than_microsoft_allows(limiter: RateLimiter) -> None:
    keys = (f"app{number}:tenant" for number in itertools.count())
    assert use_up(limiter, keys) == pytest.approx(published(limiter, 18_000), abs=600)
    assert write(limiter, "another:tenant", 250) > NOW
    assert write(limiter, "another:elsewhere", 250) == NOW


def test_a_refused_write_takes_nothing_from_any_bucket(limiter: RateLimiter) -> None:
    use_up(limiter, (f"app{number}:tenant" for number in itertools.count()))
    before = limiter.remaining("fresh:elsewhere").writes
    for _ in range(20):
        assert write(limiter, "fresh:tenant", 250) > NOW
    assert limiter.remaining("fresh:elsewhere").writes == pytest.approx(before, abs=60)


def test_reads_do_not_count_in_the_limits_of_writes(limiter: RateLimiter) -> None:
    use_up(limiter, (f"app{number}:tenant" for number in itertools.count()))
    assert limiter.take("another:tenant", Cost(units=1), bulk=False) == NOW


def test_what_is_left_is_what_every_bucket_has(limiter: RateLimiter) -> None:
    use_up(limiter, (f"app{number}:tenant" for number in itertools.count()))
    assert limiter.remaining("another:tenant").writes < 600


def test_bulk_work_gets_reservations_in_the_widest_bucket_too(server: str) -> None:
    with contextlib.closing(redis.Redis.from_url(server)) as client:
        client.flushall()
        client.set(COUNTING_KEY, 0)
        shared = RateLimiter(client, shares=1)
        use_up(shared, (f"app:tenant{number}" for number in itertools.count()), size=50)
        turns = [shared.reserve(f"app:fresh{number}", 35) for number in range(8)]
        again = write(shared, "app:fresh9", 35, bulk=True)
    gaps = [later - earlier for earlier, later in itertools.pairwise([*turns, again])]
    # 35 writes of 35,000 in 300 s, of which we use 98 %
    assert all(timedelta(milliseconds=150) < gap < timedelta(milliseconds=340) for gap in gaps)


def test_a_pause_of_one_tenant_delays_no_reservation_in_another(server: str) -> None:
    with contextlib.closing(redis.Redis.from_url(server)) as client:
        client.flushall()
        client.set(COUNTING_KEY, 0)
        shared = RateLimiter(client, shares=1)
        shared.apply_server_limit("app:tenant", writes=0.0, pause=timedelta(seconds=60))
        assert shared.reserve("app:tenant", 3) > timedelta(seconds=59)
        assert shared.reserve("app:other", 3) == NOW


def test_without_redis_each_process_keeps_to_its_share_of_wide_limits_too() -> None:
    with contextlib.closing(redis.Redis.from_url(DEAD)) as client:
        alone = RateLimiter(client, shares=8)
        keys = (f"app{number}:tenant" for number in itertools.count())
        given = use_up(alone, keys, size=10)
    assert given == pytest.approx(18_000 * 0.98 / 8 / 10, abs=20)


def test_writes_made_without_redis_count_in_wide_limits_once_it_answers(
    make_limiter: Callable[[], RateLimiter], advance_clock: Callable[[float], None]
) -> None:
    ours, another = make_limiter(), make_limiter()
    assert another.remaining("app9:tenant").writes > 2900
    with without_redis(ours):
        for number in range(20):
            spend(ours, 12, key=f"app{number}:tenant")
    advance_clock(6)
    spend(ours, 1, key="app0:tenant")
    # A process that counted alone knows of its own share alone: its part that is left is the most that the bucket may hold.
    assert another.remaining("fresh:tenant").writes < 2900
