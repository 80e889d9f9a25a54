"""kill -9 at every point that provisioning and connecting pass: one operation for each point, many at work at once."""

from collections import defaultdict
from collections.abc import Iterator

from tests.chaos.laboratory import Laboratory
from tests.chaos.verdict import Verdict, judge

PATIENCE_SECONDS = 420.0
BATCH = 60  # operations at a time: enough to keep the workers busy, few enough for their leases


def rows(laboratory: Laboratory) -> Iterator[Verdict]:
    """A row for each step of each kind, and one for points that no operation came to."""
    for kind in ("provision", "connect"):
        yield from _of_kind(laboratory, kind)


def points_of(laboratory: Laboratory, kind: str) -> list[str]:
    """Every point that an undisturbed operation of the kind passes, found by watching one."""
    warm_up = laboratory.request(kind, 1)
    laboratory.finish(warm_up, PATIENCE_SECONDS)  # it makes what the next ones find: the principal of an API
    watched = laboratory.request(kind, 1, record=True)
    laboratory.finish(watched, PATIENCE_SECONDS)
    return laboratory.recorded(watched[0])


def _of_kind(laboratory: Laboratory, kind: str) -> Iterator[Verdict]:
    points = points_of(laboratory, kind)
    operations: list[str] = []
    for start in range(0, len(points), BATCH):
        batch = laboratory.request(kind, len(points[start : start + BATCH]), points=points[start : start + BATCH])
        laboratory.finish(batch, PATIENCE_SECONDS)
        operations += batch
    by_step: dict[str, list[str]] = defaultdict(list)
    missed: list[str] = []
    for point, operation in zip(points, operations, strict=True):
        was_killed = laboratory.was_killed(operation)
        killed_one = operation if was_killed else _alone(laboratory, kind, point, missed)
        by_step[point.partition(":")[0]].append(killed_one)
    for step, killed in by_step.items():
        yield judge(laboratory, f"kill -9 in {kind}, {step}: each call and commit, before and after", killed)
    # Not a fault of the product: the suite would say that it tried what it did not.
    yield Verdict(f"points of {kind} that no operation came to", len(points), lost=len(missed), details=missed)


def _alone(laboratory: Laboratory, kind: str, point: str, missed: list[str]) -> str:
    """Among others it did not come to this point, because one of them had done that for all: once more, by itself."""
    (operation,) = laboratory.request(kind, 1, points=[point])
    laboratory.finish([operation], PATIENCE_SECONDS)
    if not laboratory.was_killed(operation):
        missed.append(point)
    return operation
