"""kill -9 at every point that an operation passes: one operation for each point, many at work at once.

Undisturbed ones of each kind, and disturbed ones: made before and to be renewed, paid by a bulk job, with a deleted twin, put back.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.chaos.checks import check
from tests.chaos.environment import Environment
from tests.chaos.results import Result

TIMEOUT_SECONDS = 420.0
BATCH = 60  # operations at a time: enough to keep the workers busy, few enough for their leases


@dataclass(frozen=True)
class Scene:
    """A kind of operation (see request_operations) and what the sandbox does meanwhile.

    Where most of the way is that of an undisturbed one, `only_new` leaves out the points that it has in common with it.
    """

    kind: str
    only_new: bool = False
    lags: dict[str, float] = field(default_factory=dict)  # seconds


UNDISTURBED = (Scene("provision"), Scene("connect"))
OTHER_WAYS = (Scene("connect_existing"), Scene("connect_token"))
DISTURBED = (
    Scene("renew"),
    Scene("prepaid"),
    Scene("purge", only_new=True),
    Scene("restore", only_new=True),
    Scene("requeued", only_new=True, lags={"application": 4, "secret": 5}),
)


def rows(environment: Environment) -> Iterator[Result]:
    """A row for each step of each kind, and one for points that no operation came to."""
    yield from _straight(environment, UNDISTURBED)


def other_ways(environment: Environment) -> Iterator[Result]:
    """The same for the other ways to connect a customer: by what the customer made, and by a token."""
    yield from _straight(environment, OTHER_WAYS)


def _straight(environment: Environment, scenes: tuple[Scene, ...]) -> Iterator[Result]:
    for scene in scenes:
        yield from _of_scene(environment, scene, points_of(environment, scene.kind))


def disturbed(environment: Environment) -> Iterator[Result]:
    """The same for operations that do not go the straight way."""
    usual = set(points_of(environment, "provision"))
    for scene in DISTURBED:
        _let_lag(environment, scene.lags)
        points = points_of(environment, scene.kind)
        yield from _of_scene(
            environment, scene, [point for point in points if not scene.only_new or point not in usual]
        )
        _let_lag(environment, dict.fromkeys(scene.lags, 0))
        environment.sandbox("faults", {}, method="DELETE")  # of operations that were killed before they met theirs


def points_of(environment: Environment, kind: str) -> list[str]:
    """Every point that an operation of the kind passes, found by watching one."""
    warm_up = environment.request(kind, 1)
    environment.finish(warm_up, TIMEOUT_SECONDS)  # it makes what the next ones find: the principal of an API
    watched = environment.request(kind, 1, record=True)
    environment.finish(watched, TIMEOUT_SECONDS)
    return environment.recorded(watched[0])


def _let_lag(environment: Environment, lags: dict[str, float]) -> None:
    for kind, seconds in lags.items():
        environment.sandbox("world", {"op": "set_lag", "kind": kind, "seconds": seconds})


def _of_scene(environment: Environment, scene: Scene, points: list[str]) -> Iterator[Result]:
    kind, operations = scene.kind, []
    for start in range(0, len(points), BATCH):
        batch = environment.request(kind, len(points[start : start + BATCH]), points=points[start : start + BATCH])
        environment.finish(batch, TIMEOUT_SECONDS)
        operations += batch
    by_step: dict[str, list[str]] = defaultdict(list)
    missed: list[str] = []
    for point, operation in zip(points, operations, strict=True):
        was_killed = environment.was_killed(operation)
        killed_one = operation if was_killed else _alone(environment, kind, point, missed)
        by_step[point.partition(":")[0]].append(killed_one)
    for step, killed in by_step.items():
        yield check(environment, f"kill -9 in {kind}, {step}: each call and commit, before and after", killed)
    # Not a fault of the product: the suite would say that it tried what it did not.
    untried = missed or ([] if points else ["no point was found"])
    yield Result(f"points of {kind} that no operation came to", len(points), lost=len(untried), details=untried)


def _alone(environment: Environment, kind: str, point: str, missed: list[str]) -> str:
    """Among others it did not come to this point, because one of them had done that for all: once more, by itself."""
    (operation,) = environment.request(kind, 1, points=[point])
    environment.finish([operation], TIMEOUT_SECONDS)
    if not environment.was_killed(operation):
        missed.append(point)
    return operation
