"""Bulk jobs of two tenants, hurt while most of their operations stand in line for Microsoft's quota."""

import time
from collections.abc import Callable, Iterator

from tests.chaos import faults
from tests.chaos.laboratory import Laboratory
from tests.chaos.verdict import Verdict, judge

IN_EACH_TENANT = 12
PATIENCE_SECONDS = 240.0
ITEMS = (
    "SELECT i.operation_id::text FROM registrations_bulkitem i "
    "JOIN registrations_bulkpart p ON p.id = i.part_id WHERE p.job_id = %s"
)
NEWEST_JOB = "SELECT id FROM registrations_bulkjob ORDER BY created_at DESC LIMIT 1"
RUNNING = "SELECT 1 FROM registrations_bulkpart WHERE job_id = %s AND status = 'running' LIMIT 1"


def rows(laboratory: Laboratory) -> Iterator[Verdict]:
    """Each hurt on a job of its own. Each quota is empty at the start, so all stand in line."""
    for name, hurt in CROWDS:
        laboratory.sandbox("faults", {}, method="DELETE")
        laboratory.run_module("tests.chaos.subjects", "bulk", str(IN_EACH_TENANT))
        ((job,),) = laboratory.query(NEWEST_JOB)
        hurt(laboratory)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while laboratory.query(RUNNING, [job]) and time.monotonic() < deadline:
            time.sleep(0.3)
        operations = [operation for (operation,) in laboratory.query(ITEMS, [job])]
        begun = [operation for operation in operations if operation]
        verdict = judge(laboratory, f"a bulk job of two tenants: {name}", begun)
        verdict.tried, verdict.lost = len(operations), verdict.lost + len(operations) - len(begun)
        if laboratory.query(RUNNING, [job]):
            verdict.lost += 1
            verdict.details.append("the job did not end")
        left = laboratory.sandbox("faults")
        verdict.lost += len(left)
        verdict.details += [f"did not happen: {fault}" for fault in left]
        yield verdict


def storm(laboratory: Laboratory) -> None:
    """Microsoft refuses writes for a while, in the middle of the job."""
    time.sleep(1)
    for method, path in (("PATCH", faults.CREATE), ("POST", "/")):
        laboratory.fault(**faults.refusing(method, path, 429, headers={"Retry-After": "2"}, times=8))


def flush_redis(laboratory: Laboratory) -> None:
    """The line, every count and every bell are gone, again and again."""
    faults.flush_redis(laboratory, [])


def restart_redis(laboratory: Laboratory) -> None:
    """Redis is away for two seconds: each worker counts alone."""
    time.sleep(1)
    faults.restart_redis(laboratory, [])


def kill_worker(laboratory: Laboratory) -> None:
    """The whole worker dies, twice."""
    for _ in range(2):
        faults.kill_worker(laboratory, [])


CROWDS: tuple[tuple[str, Callable[[Laboratory], None]], ...] = (
    ("a storm of 429", storm),
    ("Redis flushed", flush_redis),
    ("Redis restarted", restart_redis),
    ("kill -9 of the whole worker, twice", kill_worker),
)
