"""Bulk jobs in two tenants, disrupted while most of their operations wait for Microsoft's quota."""

import re
import time
from collections.abc import Callable, Iterator

from tests.chaos import disruptions, faults
from tests.chaos.checks import check
from tests.chaos.environment import Environment
from tests.chaos.request_operations import AFTER_RUN, TENANTS
from tests.chaos.results import Result

IN_EACH_TENANT = 12
TIMEOUT_SECONDS = 240.0
ITEMS = (
    "SELECT i.operation_id::text FROM registrations_bulkitem i "
    "JOIN registrations_bulkpart p ON p.id = i.part_id WHERE p.job_id = %s"
)
RUNNING = "SELECT 1 FROM registrations_bulkpart WHERE job_id = %s AND status = 'running' LIMIT 1"
PENDING = (
    "SELECT count(*) FROM registrations_operation o JOIN registrations_bulkitem i ON i.operation_id = o.id "
    "JOIN registrations_bulkpart p ON p.id = i.part_id WHERE p.job_id = %s AND o.status IN ('queued', 'waiting')"
)
REPEATED = re.compile(r" \(\d+\)$")  # how many operations one run starts depends on timing
ENOUGH_PENDING = IN_EACH_TENANT  # half of the job
EMPTY_SECONDS = 20  # of a quota that half of the job must wait for, on a busy machine too


def rows(environment: Environment) -> Iterator[Result]:
    """Each disruption on a job of its own, once half of it waits: each quota is used up at the start."""
    for name, disrupt in DISRUPTIONS:
        environment.sandbox("faults", {}, method="DELETE")
        job = _request_job(environment, EMPTY_SECONDS)
        is_waiting = _wait_for_pending(environment, job)
        missed = disrupt(environment) if is_waiting else ["too few operations waited, so nothing was disrupted"]
        result = checked_job(environment, f"bulk job in two tenants: {name}", job, IN_EACH_TENANT)
        result.did_not_happen(missed)
        yield result
    environment.sandbox("faults", {}, method="DELETE")
    yield from killed_after_runs(environment)


def killed_after_runs(environment: Environment) -> Iterator[Result]:
    """kill -9 after a run that starts other operations or ends the job: before and after each call and commit."""
    environment.plan(AFTER_RUN, record=True)
    yield _whole_job(environment, "bulk job in two tenants: no fault, to record the kill points after its runs")
    points = [point for point in environment.recorded(AFTER_RUN) if not REPEATED.search(point)]
    for point in environment.sample.of("kill points after a run", points):
        environment.plan(AFTER_RUN, point)
        result = _whole_job(environment, f"bulk job in two tenants: kill -9 {point}")
        if result.passed and not environment.was_killed(AFTER_RUN):  # a sweep was always faster: try once more
            result = _whole_job(environment, result.fault)
        result.did_not_happen([] if environment.was_killed(AFTER_RUN) else ["no run reached this point"])
        yield result
    environment.plan(AFTER_RUN)
    untried = [] if points else ["no point was found"]
    yield Result("kill points after a run were found", len(points), lost=len(untried), details=untried)


def _whole_job(environment: Environment, name: str) -> Result:
    return checked_job(environment, name, _request_job(environment), IN_EACH_TENANT)


def _request_job(environment: Environment, empty_seconds: int = 0) -> str:
    arguments = ("bulk", str(IN_EACH_TENANT), "--empty-seconds", str(empty_seconds))
    return environment.run_module("tests.chaos.request_operations", *arguments).strip()


def _wait_for_pending(environment: Environment, job: str) -> bool:
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while time.monotonic() < deadline and environment.query(RUNNING, [job]):
        if environment.query(PENDING, [job])[0][0] >= ENOUGH_PENDING:
            return True
        time.sleep(0.05)
    return False


def checked_job(environment: Environment, name: str, job: str, in_each_tenant: int) -> Result:
    """Wait for the end of a job and check what it left behind."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while environment.query(RUNNING, [job]) and time.monotonic() < deadline:
        time.sleep(0.3)
    operations = [operation for (operation,) in environment.query(ITEMS, [job]) if operation]
    result = check(environment, name, operations)
    result.tried = in_each_tenant * TENANTS
    result.lost += result.tried - len(operations)
    result.did_not_happen(environment.sandbox("faults"))
    if environment.query(RUNNING, [job]):
        result.lost += 1
        result.details.append("the job did not end")
    return result


def throttle(environment: Environment) -> list[str]:
    """Microsoft refuses the next writes in the middle of the job."""
    for method, path in (("PATCH", faults.CREATE), ("POST", "/")):
        environment.fault(**faults.refusing(method, path, 429, headers={"Retry-After": "2"}, times=8))
    return []


def flush_redis(environment: Environment) -> list[str]:
    """All messages, reservations and counters are lost, four times."""
    return disruptions.flush_redis(environment, [])


def restart_redis(environment: Environment) -> list[str]:
    """Redis is down for two seconds: each worker process limits its own rate."""
    return disruptions.restart_redis(environment, [])


def kill_worker(environment: Environment) -> list[str]:
    """The worker and its children are killed in the middle of the job."""
    return disruptions.kill_worker(environment, [])


DISRUPTIONS: tuple[tuple[str, Callable[[Environment], list[str]]], ...] = (
    ("a burst of 429 answers", throttle),
    ("Redis flushed", flush_redis),
    ("Redis restarted", restart_redis),
    ("kill -9 of the worker and its children", kill_worker),
)
