"""Bulk jobs of two tenants, hurt while most of their operations stand in line for Microsoft's quota."""

import re
import time
from collections.abc import Callable, Iterator

from tests.chaos import faults, hurts
from tests.chaos.environment import Environment
from tests.chaos.subjects import AFTER_TURN, TENANTS
from tests.chaos.verdict import Verdict, judge

IN_EACH_TENANT = 12
PATIENCE_SECONDS = 240.0
ITEMS = (
    "SELECT i.operation_id::text FROM registrations_bulkitem i "
    "JOIN registrations_bulkpart p ON p.id = i.part_id WHERE p.job_id = %s"
)
RUNNING = "SELECT 1 FROM registrations_bulkpart WHERE job_id = %s AND status = 'running' LIMIT 1"
IN_LINE = (
    "SELECT count(*) FROM registrations_operation o JOIN registrations_bulkitem i ON i.operation_id = o.id "
    "JOIN registrations_bulkpart p ON p.id = i.part_id WHERE p.job_id = %s AND o.status IN ('queued', 'waiting')"
)
REPEATED = re.compile(r" \(\d+\)$")  # how many operations one turn begins is a matter of chance
A_CROWD = IN_EACH_TENANT  # half of the job


def rows(environment: Environment) -> Iterator[Verdict]:
    """Each hurt on a job of its own, once half of it stands in line: each quota is empty at the start."""
    for name, hurt in CROWDS:
        environment.sandbox("faults", {}, method="DELETE")
        job = environment.run_module("tests.chaos.subjects", "bulk", str(IN_EACH_TENANT)).strip()
        was_hurt = _wait_for_a_crowd(environment, job)
        missed = hurt(environment) if was_hurt else ["no crowd stood in line: nothing was hurt"]
        verdict = judged(environment, f"a bulk job of two tenants: {name}", job, IN_EACH_TENANT)
        verdict.did_not_happen(missed)
        yield verdict
    environment.sandbox("faults", {}, method="DELETE")
    yield from killed_after_turns(environment)


def killed_after_turns(environment: Environment) -> Iterator[Verdict]:
    """kill -9 where a turn has ended and its end begins others, or ends the job: each call and commit, before and after."""
    environment.plan(AFTER_TURN, record=True)
    yield _whole_job(
        environment, "a bulk job of two tenants: nothing hurts it, and the points after its turns are noted"
    )
    points = [point for point in environment.recorded(AFTER_TURN) if not REPEATED.search(point)]
    for point in points:
        environment.plan(AFTER_TURN, point)
        verdict = _whole_job(environment, f"a bulk job of two tenants: kill -9 {point}")
        if verdict.holds and not environment.was_killed(AFTER_TURN):  # a sweep was there before every turn: once more
            verdict = _whole_job(environment, verdict.fault)
        verdict.did_not_happen([] if environment.was_killed(AFTER_TURN) else ["no turn came to this point"])
        yield verdict
    environment.plan(AFTER_TURN)
    untried = [] if points else ["no point was found"]
    yield Verdict("points after a turn that were found", len(points), lost=len(untried), details=untried)


def _whole_job(environment: Environment, name: str) -> Verdict:
    job = environment.run_module("tests.chaos.subjects", "bulk", str(IN_EACH_TENANT)).strip()
    return judged(environment, name, job, IN_EACH_TENANT)


def _wait_for_a_crowd(environment: Environment, job: str) -> bool:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline and environment.query(RUNNING, [job]):
        if environment.query(IN_LINE, [job])[0][0] >= A_CROWD:
            return True
        time.sleep(0.05)
    return False


def judged(environment: Environment, name: str, job: str, in_each_tenant: int) -> Verdict:
    """What became of a job, once it has ended."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while environment.query(RUNNING, [job]) and time.monotonic() < deadline:
        time.sleep(0.3)
    operations = [operation for (operation,) in environment.query(ITEMS, [job]) if operation]
    verdict = judge(environment, name, operations)
    verdict.tried = in_each_tenant * TENANTS
    verdict.lost += verdict.tried - len(operations)
    verdict.did_not_happen(environment.sandbox("faults"))
    if environment.query(RUNNING, [job]):
        verdict.lost += 1
        verdict.details.append("the job did not end")
    return verdict


def storm(environment: Environment) -> list[str]:
    """Microsoft refuses writes for a while, in the middle of the job."""
    for method, path in (("PATCH", faults.CREATE), ("POST", "/")):
        environment.fault(**faults.refusing(method, path, 429, headers={"Retry-After": "2"}, times=8))
    return []


def flush_redis(environment: Environment) -> list[str]:
    """The line, every count and every bell are gone, again and again."""
    return hurts.flush_redis(environment, [])


def restart_redis(environment: Environment) -> list[str]:
    """Redis is away for two seconds: each worker counts alone."""
    return hurts.restart_redis(environment, [])


def kill_worker(environment: Environment) -> list[str]:
    """The whole worker dies in the middle of the job."""
    return hurts.kill_worker(environment, [])


CROWDS: tuple[tuple[str, Callable[[Environment], list[str]]], ...] = (
    ("a storm of 429", storm),
    ("Redis flushed", flush_redis),
    ("Redis restarted", restart_redis),
    ("kill -9 of the whole worker", kill_worker),
)
