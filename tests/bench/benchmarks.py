"""The benchmarks: a bulk job within Microsoft's quota, the calls of one registration, and the engine's overhead."""

import statistics
import time
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.bench import processor_time
from tests.chaos.environment import Environment, running_environment

# Application, service principal and secret: the fewest writes that can be repeated safely. `POST /applications` accepts the
# secret too, but has no natural key: a lost answer leaves an orphan with an unknown secret. The upsert by unique name refuses
# passwordCredentials.
WRITES_EACH = 3
WRITES_A_SECOND = 20
LATENCY_SECONDS = 0.2
SERVICES = ("graph", "entra", "ump")  # that answer so late
WARM_UP_SECONDS = 10.0
DEFAULT_TIMEOUTS = {"OPERATION_LEASE_SECONDS": "60", "REMOTE_TIMEOUT_SECONDS": "20"}
MODULE = "tests.bench.worker"


@dataclass(frozen=True)
class Size:
    """How much is measured, and by how many worker processes with how many threads each."""

    count: int
    processes: int
    threads: int


def bulk_job_in_one_tenant(size: Size) -> dict[str, Any]:
    """A bulk job of `count` instances in one tenant."""
    return _bulk_job(size, tenants=1)


def bulk_job_in_two_tenants(size: Size) -> dict[str, Any]:
    """One bulk job with `count` instances in each of two tenants, whose quotas are independent."""
    return _bulk_job(size, tenants=2)


def _bulk_job(size: Size, tenants: int) -> dict[str, Any]:
    """Every service answers in 200 ms, and each quota is used up at the start. The job's own rows give its duration."""
    count = size.count
    with running_environment(MODULE, size.processes, size.threads, DEFAULT_TIMEOUTS) as environment:
        environment.sandbox("latency", dict.fromkeys(SERVICES, LATENCY_SECONDS))
        environment.sandbox("calls", method="DELETE")
        before = processor_seconds(environment)
        environment.run_module("tests.bench.enqueue", "bulk", str(count), str(tenants))
        refusals, memory, connections = Refusals(environment), Memory(environment), 0
        while not _is_over(environment):
            refusals.look()
            memory.look()
            connections = max(connections, environment.query(CONNECTIONS)[0][0])
            time.sleep(1)
        used = {name: seconds - before[name] for name, seconds in processor_seconds(environment).items()}
        refusals.look()
        parts = [float(seconds) for (seconds,) in environment.query(SPANS)]
        ideal = count * WRITES_EACH / WRITES_A_SECOND
        return {
            "instances_in_each_tenant": count,
            "tenants": tenants,
            "latency_ms": round(LATENCY_SECONDS * 1000),
            "database": "PostgreSQL",
            "worker_processes": size.processes,
            "threads_of_each": size.threads,
            "peak_mib_of_each_worker_process": memory.of_each,
            "peak_mib_of_all_worker_processes": sum(memory.of_each),
            "most_database_connections": connections,
            "seconds": round(max(parts), 1),
            "seconds_of_each_tenant": [round(part, 1) for part in parts],
            "seconds_that_the_quota_needs": ideal,
            "ratio": round(max(parts) / ideal, 2),
            "states": dict(environment.query(STATES)),
            "refused_with_429": refusals.total,
            "of_them_after_10_s": refusals.late,
            "calls_of_each": calls_by_service(environment, count * tenants),
            "processor_seconds_of_each": {name: round(used[name] / (count * tenants), 4) for name in used},
        }


CONNECTIONS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
AGE_OF_JOB = "SELECT extract(epoch FROM now() - created_at) FROM registrations_bulkjob"
SPANS = (
    "SELECT extract(epoch FROM p.ended_at - j.created_at) FROM registrations_bulkpart p "
    "JOIN registrations_bulkjob j ON j.id = p.job_id"
)
STATES = (
    "SELECT o.status, count(*) FROM registrations_operation o "
    "JOIN registrations_bulkitem i ON i.operation_id = o.id GROUP BY 1"
)


def calls_of_one_registration(size: Size) -> dict[str, Any]:
    """The calls of one provisioning without faults, by service."""
    with running_environment(MODULE, 1, 1, DEFAULT_TIMEOUTS) as environment:
        environment.sandbox("calls", method="DELETE")
        (operation,) = environment.request("provision", 1)
        environment.finish([operation], 120)
        return {"state": environment.states([operation])[operation][0], "calls": calls_by_service(environment, 1)}


def calls_by_service(environment: Environment, operations: int) -> dict[str, float]:
    """Calls of each operation since the log was emptied, refused calls included."""
    counts: Counter[str] = Counter()
    for name, number in environment.sandbox("counts").items():
        service, method, _ = name.split()
        counts[f"{service} {'reads' if method == 'GET' else 'writes'}"] += number
    return {name: round(number / operations, 2) for name, number in sorted(counts.items())}


def engine_overhead(size: Size) -> dict[str, Any]:
    """Rate of operations with three empty steps, compared with bare Celery tasks that write one row.

    The numbers of processes alternate, three runs each, so that a slower machine or a growing history affects all of them
    alike. Every run is reported; the figures are medians.
    """
    runs: dict[int, list[dict[str, float]]] = {number: [] for number in WORKER_PROCESSES}
    with running_environment(MODULE, 1, 1, DEFAULT_TIMEOUTS) as environment:
        environment.kill("scheduler")  # its sweep would enqueue again what still waits in the queue
        for _ in range(RUNS):
            for number in WORKER_PROCESSES:
                runs[number].append(_rates(environment, number, size.count))
    return {"operations": size.count, **{f"{number} processes": _medians(number, runs[number]) for number in runs}}


WORKER_PROCESSES = (1, 2, 4)
RUNS = 3
KINDS = {"nothing": "empty_operations_a_second", "bare": "bare_tasks_a_second"}  # in the order of the requests
# Each row records when its work was done: a bare task writes the time, an operation has `ended_at`.
DONE = {
    "nothing": (
        "SELECT count(*), extract(epoch FROM max(ended_at) - min(ended_at)) FROM registrations_operation "
        "WHERE kind = 'bench_nothing' AND status = 'succeeded' AND created_at > %s"
    ),
    "bare": (
        "SELECT count(*), extract(epoch FROM max(expire_date) - min(expire_date)) FROM django_session "
        "WHERE session_key LIKE 'bench-%%' AND expire_date > %s"
    ),
}
MESSAGES_EXPIRE_SECONDS = 120  # registrations.tasks.STALE: a worker ignores older messages


def _rates(environment: Environment, processes: int, count: int) -> dict[str, float]:
    """The rate of each kind, from the first one done to the last.

    All are enqueued while no worker runs, so that enqueuing is not timed. The operations come first in the queue and warm the
    worker's processes up for the shorter run of the bare tasks.
    """
    environment.kill("worker")
    ((began,),) = environment.query("SELECT now()")
    for kind in KINDS:
        environment.run_module("tests.bench.enqueue", kind, str(count))
    environment.processes = processes
    environment.start_worker()
    deadline = time.monotonic() + MESSAGES_EXPIRE_SECONDS
    while any(_done(environment, kind, began)[0] < count for kind in KINDS):
        if time.monotonic() > deadline:
            raise RuntimeError(f"Not all of {count} were done before their messages expired: lower --count.")
        time.sleep(1)  # the rows keep the time; polling more often would only slow the worker down
    return {name: (count - 1) / _done(environment, kind, began)[1] for kind, name in KINDS.items()}


def _done(environment: Environment, kind: str, began: datetime) -> tuple[int, float]:
    """How many of those requested since `began` are done, and the seconds from the first to the last."""
    ((number, seconds),) = environment.query(DONE[kind], [began])
    return number, float(seconds or 0)


def _medians(number: int, runs: list[dict[str, float]]) -> dict[str, Any]:
    """The medians for one number of processes."""
    rates = {name: statistics.median(run[name] for run in runs) for name in KINDS.values()}
    cost = 1000 * number * (1 / rates[KINDS["nothing"]] - 1 / rates[KINDS["bare"]])
    return {
        **{name: round(rate, 1) for name, rate in rates.items()},
        "the_engine_costs_ms_each": round(cost, 1),
        "runs": [{name: round(rate, 1) for name, rate in run.items()} for run in runs],
    }


class Refusals:
    """Counts answers of 429: all of them, and those after the warm-up."""

    def __init__(self, environment: Environment) -> None:
        self._made, self._began = environment, time.monotonic() - float(environment.query(AGE_OF_JOB)[0][0])
        self.total = self._early = 0

    def look(self) -> None:
        """Read the sandbox's counters."""
        counts = self._made.sandbox("counts")
        self.total = sum(number for name, number in counts.items() if name.endswith(" 429"))
        if time.monotonic() - self._began < WARM_UP_SECONDS:
            self._early = self.total

    @property
    def late(self) -> int:
        """Answers of 429 after the warm-up."""
        return self.total - self._early


PRODUCT = ("worker", "scheduler", "portal")


def processor_seconds(environment: Environment) -> dict[str, float]:
    """User and system seconds so far: of the product and each of its parts, of the database and of the broker.

    The sandbox and the script that creates the instances are not counted. Empty on systems without /proc.
    """
    running = {name: environment.process(name) for name in (*PRODUCT, "broker")} | {
        "database": environment.server.process
    }
    found = processor_time.of_trees({name: process.popen.pid for name, process in running.items() if process.popen})
    return {"product": sum(found[name] for name in PRODUCT), **found} if found else {}


class Memory:
    """Peak resident memory of each of the worker's processes, in MiB. What they share counts in each."""

    def __init__(self, environment: Environment) -> None:
        worker = environment.process("worker").popen
        assert worker is not None
        self._parent, self._peaks = str(worker.pid), dict[str, int]()

    def look(self) -> None:
        """Read the peaks so far from Linux's /proc."""
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                status = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
            except (OSError, ValueError):
                continue
            if status.get("PPid", "").strip() == self._parent:
                self._peaks[folder.name] = int(status.get("VmHWM", "0 kB").split()[0])

    @property
    def of_each(self) -> list[int]:
        """The peaks, the largest first."""
        return sorted((peak // 1024 for peak in self._peaks.values()), reverse=True)


def _is_over(environment: Environment) -> bool:
    return not environment.query("SELECT 1 FROM registrations_bulkpart WHERE status = 'running' LIMIT 1")
