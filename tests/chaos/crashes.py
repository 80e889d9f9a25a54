"""kill -9 at every point that an operation passes: one operation for each point, many of them at the same time.

The scenarios are each kind of operation on its own, and with preconditions: existing registrations, prepaid writes, deleted
applications, requeued steps.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.chaos.checks import check
from tests.chaos.environment import Environment
from tests.chaos.results import Result

TIMEOUT_SECONDS = 420.0
# One thread for each process: a kill must hit one operation, or others would be requeued before their own points.
PROCESSES, THREADS = 3, 1
BATCH = 60  # operations at a time: enough to keep the workers busy, and few enough for their leases


@dataclass(frozen=True)
class Scenario:
    """A kind of operation (see request_operations) and the sandbox's replication delays.

    `only_new` leaves out the points that a basic provisioning has too.
    """

    kind: str
    only_new: bool = False
    lags: dict[str, float] = field(default_factory=dict)  # seconds


BASIC = (Scenario("provision"), Scenario("connect"))
OTHER_METHODS = (Scenario("connect_existing"), Scenario("connect_token"))
WITH_PRECONDITIONS = (
    Scenario("renew"),
    Scenario("prepaid"),
    Scenario("purge", only_new=True),
    Scenario("restore", only_new=True),
    Scenario("requeued", only_new=True, lags={"application": 4, "secret": 5}),
)


def rows(environment: Environment) -> Iterator[Result]:
    """For each kind, a row for each step and one for points that no operation reached."""
    yield from _all_points(environment, BASIC)


def other_methods(environment: Environment) -> Iterator[Result]:
    """The same for the other methods to connect a customer."""
    yield from _all_points(environment, OTHER_METHODS)


def _all_points(environment: Environment, scenarios: tuple[Scenario, ...]) -> Iterator[Result]:
    environment.restart_worker(PROCESSES, THREADS)
    for scenario in scenarios:
        yield from _kill_at_each(environment, scenario, points_of(environment, scenario.kind))


def with_preconditions(environment: Environment) -> Iterator[Result]:
    """The same for operations with preconditions."""
    environment.restart_worker(PROCESSES, THREADS)
    basic = set(points_of(environment, "provision"))
    for scenario in WITH_PRECONDITIONS:
        _let_lag(environment, scenario.lags)
        points = points_of(environment, scenario.kind)
        yield from _kill_at_each(
            environment, scenario, [point for point in points if not scenario.only_new or point not in basic]
        )
        _let_lag(environment, dict.fromkeys(scenario.lags, 0))
        environment.sandbox("faults", {}, method="DELETE")  # those of operations that were killed first


def points_of(environment: Environment, kind: str) -> list[str]:
    """Every point that an operation of the kind passes, found by recording one."""
    warm_up = environment.request(kind, 1)
    environment.finish(warm_up, TIMEOUT_SECONDS)  # it makes what later ones reuse: the service principal of an API
    recorded = environment.request(kind, 1, record=True)
    environment.finish(recorded, TIMEOUT_SECONDS)
    return environment.recorded(recorded[0])


def _let_lag(environment: Environment, lags: dict[str, float]) -> None:
    for kind, seconds in lags.items():
        environment.sandbox("world", {"op": "set_lag", "kind": kind, "seconds": seconds})


def _kill_at_each(environment: Environment, scenario: Scenario, points: list[str]) -> Iterator[Result]:
    kind, operations = scenario.kind, []
    points = environment.sample.of_each(points, lambda point: f"{kind}, {point.partition(':')[0]}")
    for start in range(0, len(points), BATCH):
        batch = environment.request(kind, len(points[start : start + BATCH]), points=points[start : start + BATCH])
        environment.finish(batch, TIMEOUT_SECONDS)
        operations += batch
    by_step: dict[str, list[str]] = defaultdict(list)
    missed: list[str] = []
    for point, operation in zip(points, operations, strict=True):
        was_killed = environment.was_killed(operation)
        killed_operation = operation if was_killed else _retry_alone(environment, kind, point, missed)
        by_step[point.partition(":")[0]].append(killed_operation)
    where, what = "before and after each call and commit", "every"
    if environment.sample.commit:
        where, what = "at chosen calls and commits", "each chosen"
    for step, killed in by_step.items():
        yield check(environment, f"kill -9 in {kind}, {step}: {where}", killed)
    # A point that was not reached fails the row: otherwise the table would claim that it was tested.
    untried = missed or ([] if points else ["no point was found"])
    yield Result(f"{what} kill point of {kind} was reached", len(points), lost=len(untried), details=untried)


def _retry_alone(environment: Environment, kind: str, point: str, missed: list[str]) -> str:
    """Try the point again with a single operation: among others, one of them may have done this work for all."""
    (operation,) = environment.request(kind, 1, points=[point])
    environment.finish([operation], TIMEOUT_SECONDS)
    if not environment.was_killed(operation):
        missed.append(point)
    return operation
