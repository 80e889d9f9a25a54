"""The budget of calls to Microsoft: counted for all workers in Redis, by each for itself while Redis is away."""

import contextlib
import itertools
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import redis

from registrations.clients import budget
from registrations.clients.budget import COUNTING, Budget, Budgets
from registrations.clients.quota import Cost, cost_of
from registrations.errors import QuotaSpentError

ONE_WRITE = Cost(writes=1)
DEAD = "redis://127.0.0.1:9/0"


@pytest.fixture(params=["redis", "alone"])
def budgets(request: pytest.FixtureRequest) -> Iterator[Budgets]:
    """The same rules, wherever they are counted."""
    address = request.getfixturevalue("server") if request.param == "redis" else DEAD
    with contextlib.closing(redis.Redis.from_url(address)) as client:
        if request.param == "redis":
            client.flushall()
            client.set(COUNTING, 0)  # Redis has been counting for long
        yield Budgets(client, parts=1)


@pytest.fixture
def shared(server: str) -> Iterator[Budgets]:
    """Counted in Redis, where the line is."""
    with contextlib.closing(redis.Redis.from_url(server)) as client:
        client.flushall()
        client.set(COUNTING, 0)
        yield Budgets(client, parts=1)


def spend(budgets: Budgets, count: int, *, bulk: bool = False, key: str = "app:tenant") -> list[timedelta]:
    return [budgets.take(key, ONE_WRITE, bulk=bulk) for _ in range(count)]


def empty(budgets: Budgets) -> None:
    budgets.heed("app:tenant", writes=0.0)


def test_what_is_there_is_given_and_what_is_not_is_waited_for(budgets: Budgets) -> None:
    assert spend(budgets, 5) == [timedelta()] * 5
    empty(budgets)
    (wait,) = spend(budgets, 1)
    assert timedelta(milliseconds=20) < wait < timedelta(milliseconds=80)  # 20 a second


def test_reads_go_on_while_writes_wait(budgets: Budgets) -> None:
    empty(budgets)
    assert budgets.take("app:tenant", Cost(units=1), bulk=False) == timedelta()


def test_a_429_stops_this_tenant_for_all_and_no_other(budgets: Budgets) -> None:
    budgets.heed("app:tenant", writes=0.0, pause=timedelta(seconds=30))
    assert spend(budgets, 1)[0] > timedelta(seconds=29)
    assert budgets.take("app:tenant", Cost(units=1), bulk=False) > timedelta(seconds=29)
    assert spend(budgets, 1, key="app:other") == [timedelta()]
    assert budgets.look("app:tenant").blocked > timedelta(seconds=29)


def test_a_bulk_job_leaves_a_reserve_to_people(budgets: Budgets) -> None:
    budgets.heed("app:tenant", writes=0.01)
    assert spend(budgets, 1, bulk=True)[0] > timedelta()
    assert spend(budgets, 1) == [timedelta()]


def test_microsofts_word_on_how_much_is_used_lowers_our_count(budgets: Budgets) -> None:
    Budget(budgets, "app", "tenant").heed("POST", "0.99")
    assert budgets.look("app:tenant").writes < 31
    Budget(budgets, "app", "tenant").heed("POST", "nonsense")
    Budget(budgets, "app", "tenant").heed("POST", None)


def test_who_comes_too_early_is_told_when(budgets: Budgets) -> None:
    ours = Budget(budgets, "app", "tenant")
    ours.refused("PATCH", timedelta(seconds=17))
    with pytest.raises(QuotaSpentError) as told:
        ours.spend("POST", "/servicePrincipals")
    assert told.value.retry_after is not None
    assert timedelta(seconds=16) < told.value.retry_after <= timedelta(seconds=17)


def test_a_429_without_a_time_is_waited_out(budgets: Budgets) -> None:
    Budget(budgets, "app", "tenant").refused("GET", None)
    assert budgets.look("app:tenant").blocked > timedelta(seconds=9)


def test_bulk_work_stands_in_line_and_comes_back_one_by_one(shared: Budgets) -> None:
    empty(shared)
    waits = spend(shared, 10, bulk=True)
    gaps = [later - earlier for earlier, later in itertools.pairwise(waits)]
    assert all(timedelta(milliseconds=40) < gap < timedelta(milliseconds=60) for gap in gaps)


def test_each_of_many_is_told_its_turn_before_it_begins(shared: Budgets) -> None:
    assert shared.stand_in_line("app:tenant", 3) == timedelta()  # the bucket is full
    empty(shared)
    turns = [shared.stand_in_line("app:tenant", 3) for _ in range(10)]
    gaps = [later - earlier for earlier, later in itertools.pairwise(turns)]
    assert all(timedelta(milliseconds=130) < gap < timedelta(milliseconds=170) for gap in gaps)


def test_who_finds_too_little_at_its_turn_stands_behind_those_who_were_promised_theirs(shared: Budgets) -> None:
    empty(shared)
    promised = [shared.stand_in_line("app:tenant", 3) for _ in range(10)]
    again = shared.take("app:tenant", Cost(writes=3), bulk=True)
    assert promised[-1] + timedelta(milliseconds=100) < again < promised[-1] + timedelta(milliseconds=170)
    assert shared.stand_in_line("app:tenant", 3) > again


def test_whoever_comes_at_its_turn_finds_what_it_was_promised(shared: Budgets) -> None:
    empty(shared)
    wait = shared.stand_in_line("app:tenant", 3)
    time.sleep(wait.total_seconds())
    assert shared.take("app:tenant", Cost(writes=3), bulk=True) == timedelta()


def test_a_call_that_was_paid_waits_for_a_pause_of_microsofts_and_takes_no_place_in_the_line(shared: Budgets) -> None:
    shared.heed("app:tenant", writes=0.0, pause=timedelta(seconds=5))
    before = shared.stand_in_line("app:tenant", 3)
    paid = shared.take("app:tenant", Cost(), bulk=True)
    assert timedelta(seconds=4) < paid <= timedelta(seconds=5)
    assert shared.stand_in_line("app:tenant", 3) < before + timedelta(milliseconds=170)


def test_a_turn_that_is_stopped_stands_in_the_line_for_what_it_had_paid(shared: Budgets) -> None:
    ours = Budget(shared, "app", "tenant")
    token = budget.prepaid.set({})
    bulk = budget.is_bulk.set(True)
    try:
        ours.prepay(3)
        ours.spend("PATCH", "/applications")
        ours.refused("POST", timedelta(seconds=2))
        promised = shared.stand_in_line("app:tenant", 3)
        with pytest.raises(QuotaSpentError) as stopped:
            ours.spend("POST", "/servicePrincipals")
    finally:
        budget.prepaid.reset(token)
        budget.is_bulk.reset(bulk)
    assert stopped.value.retry_after is not None
    place = stopped.value.retry_after - promised
    assert (
        timedelta(milliseconds=80) < place < timedelta(milliseconds=120)
    )  # behind the other, for the two that are left


def test_while_redis_is_away_nobody_stands_in_line() -> None:
    with contextlib.closing(redis.Redis.from_url(DEAD)) as client:
        assert Budgets(client, parts=8).stand_in_line("app:tenant", 3) == timedelta()


def test_two_processes_share_one_bucket_in_redis(server: str) -> None:
    with (
        contextlib.closing(redis.Redis.from_url(server)) as one,
        contextlib.closing(redis.Redis.from_url(server)) as two,
    ):
        one.flushall()
        Budgets(one, parts=8).heed("app:tenant", writes=0.0, pause=timedelta(seconds=20))
        assert Budgets(two, parts=8).look("app:tenant").blocked > timedelta(seconds=19)


def test_while_redis_is_away_each_process_keeps_to_its_share() -> None:
    with contextlib.closing(redis.Redis.from_url(DEAD)) as client:
        alone = Budgets(client, parts=8)
        given = sum(wait == timedelta() for wait in spend(alone, 100))
    assert 30 <= given <= 45  # a tenth of an eighth of 3,000 to begin with
    assert alone.look("app:tenant").shared is False


def test_redis_is_asked_again_after_a_while(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with contextlib.closing(redis.Redis.from_url(server)) as client:
        budgets = Budgets(client, parts=1)
        real = budgets._look

        def gone(**_: Any) -> Any:
            raise redis.ConnectionError

        monkeypatch.setattr(budgets, "_look", gone)
        assert budgets.look("a:b").shared is False
        monkeypatch.setattr(budgets, "_look", real)
        assert budgets.look("a:b").shared is False
        monkeypatch.setattr(budgets, "_ask_again_at", 0.0)
        assert budgets.look("a:b").shared is True


@pytest.mark.parametrize(
    ("method", "path", "cost"),
    [
        ("GET", "/applications/1?$select=id", Cost(units=1)),
        ("GET", "/applications?$filter=displayName eq 'a'", Cost(units=2)),
        ("GET", "/applications?$filter=displayName eq 'a'&$select=id&$top=999", Cost(units=1)),
        ("GET", "/servicePrincipals/1/appRoleAssignments", Cost(units=2)),
        ("PATCH", "/applications(uniqueName='a')", Cost(writes=1)),
        ("DELETE", "/directory/deletedItems/1", Cost(writes=1)),
    ],
)
def test_a_call_costs_what_microsoft_publishes(method: str, path: str, cost: Cost) -> None:
    assert cost_of(method, path) == cost


def test_a_redis_that_was_emptied_gives_a_tenth_and_what_came_since(shared: Budgets) -> None:
    spend(shared, 3)
    shared._client.flushall()
    left = shared.look("app:tenant")
    assert left.writes == pytest.approx(294, abs=2)
    assert left.units == pytest.approx(343, abs=40)
    minute_ago = int(shared._client.get(COUNTING)) - 60_000  # type: ignore[arg-type]
    shared._client.flushall()
    shared._client.set(COUNTING, minute_ago)
    assert shared.look("another:tenant").writes == pytest.approx(294 + 60 * 19.6, abs=5)
    shared._client.set(COUNTING, minute_ago + 3_600_000)  # the clock was set back
    shared.look("another:tenant")
    assert int(shared._client.get(COUNTING)) < minute_ago + 120_000  # type: ignore[arg-type]


def test_redis_is_not_told_what_it_knows(shared: Budgets, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[float, float]] = []
    run = shared._run

    def watched(script: Any, key: str, *arguments: float) -> Any:
        if script is shared._heed:
            told.append((arguments[0], arguments[1]))
        return run(script, key, *arguments)

    monkeypatch.setattr(shared, "_run", watched)
    budget = Budget(shared, "app", "tenant")
    shared.heed("app:tenant", writes=0.05)
    told.clear()
    budget.spend("POST", "/applications")
    budget.heed("POST", "0.9")  # a tenth is left, says Microsoft; Redis counts a twentieth
    assert told == []
    budget.heed("POST", "0.99")
    ((writes, units),) = told
    assert (round(writes, 3), units) == (0.01, 1.0)
    shared._client.flushall()
    budget.spend("POST", "/applications")  # a tenth again
    budget.heed("POST", "0.95")
    assert len(told) == 2
