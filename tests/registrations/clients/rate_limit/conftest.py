"""A real Redis, limiters of several processes that use it, and a clock that the tests move."""

import contextlib
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest
import redis

from registrations.clients.rate_limit import limiter, local, shares
from registrations.clients.rate_limit.limiter import COUNTING_KEY, RateLimiter
from tests import ephemeral


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The address of an empty Redis."""
    with ephemeral.redis_server() as address:
        yield address


@pytest.fixture
def make_limiter(server: str) -> Iterator[Callable[[], RateLimiter]]:
    """Makes limiters as processes have them, each with its own connection to Redis."""
    with contextlib.ExitStack() as stack:

        def make() -> RateLimiter:
            return RateLimiter(stack.enter_context(contextlib.closing(redis.Redis.from_url(server))), shares=8)

        first = make()._client
        first.flushall()
        first.set(COUNTING_KEY, 0)  # Redis has counted for a long time
        yield make


@pytest.fixture
def advance_clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Advances the clock of this process by so many seconds, and not that of Redis."""
    passed = 0.0

    def advance(seconds: float) -> None:
        nonlocal passed
        passed += seconds
        clock = SimpleNamespace(monotonic=lambda: time.monotonic() + passed)
        monkeypatch.setattr(limiter, "time", clock)
        monkeypatch.setattr(local, "time", clock)
        monkeypatch.setattr(shares, "time", clock)

    return advance
