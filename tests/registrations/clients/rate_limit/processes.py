"""Rate limiters as several processes have them, with and without Redis."""

import contextlib
from collections.abc import Iterator
from datetime import timedelta

from registrations.clients.rate_limit.costs import Cost
from registrations.clients.rate_limit.limiter import RateLimiter

ONE_WRITE = Cost(writes=1)


def spend(limiter: RateLimiter, count: int, *, bulk: bool = False, key: str = "app:tenant") -> list[timedelta]:
    """Ask for so many writes; the wait of each."""
    return [limiter.take(key, ONE_WRITE, bulk=bulk) for _ in range(count)]


@contextlib.contextmanager
def without_redis(*limiters: RateLimiter) -> Iterator[None]:
    """These processes do not reach Redis; one that noticed tries it again after five seconds."""
    ports = {each: each._client.connection_pool.connection_kwargs["port"] for each in limiters}
    for each in limiters:
        _connect_to(each, 9)
    yield
    for each, port in ports.items():
        _connect_to(each, port)


def _connect_to(limiter: RateLimiter, port: int) -> None:
    pool = limiter._client.connection_pool
    pool.disconnect()
    pool.reset()  # a connection keeps the port it was made with
    pool.connection_kwargs["port"] = port
