"""The measures: a bulk job within Microsoft's quota, the calls of one registration, and the engine beside a bare task."""

import statistics
import time
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.chaos.laboratory import Laboratory, laboratory

# Application, service principal, secret: the fewest that can be repeated safely. `POST /applications` can carry the secret,
# which would make two, but it has no natural key: a lost answer leaves an orphan with a secret that nobody has. The upsert by
# unique name refuses passwordCredentials.
WRITES_EACH = 3
WRITES_A_SECOND = 20
LATENCY_SECONDS = 0.2
WARM_UP_SECONDS = 10.0
PATIENT = {"OPERATION_LEASE_SECONDS": "60", "REMOTE_TIMEOUT_SECONDS": "20"}
MODULE = "tests.bench.worker"


def a_bulk_job_in_one_tenant(count: int, processes: int) -> dict[str, Any]:
    """A bulk job within the quota of one tenant."""
    return _bulk_job(count, processes, tenants=1)


def a_bulk_job_in_two_tenants(count: int, processes: int) -> dict[str, Any]:
    """As many instances in each of two tenants, in one job: their quotas are Microsoft's own two buckets."""
    return _bulk_job(count, processes, tenants=2)


def _bulk_job(count: int, processes: int, tenants: int) -> dict[str, Any]:
    """Graph answers in 200 ms, and each quota's bucket is empty at the start. Timed by the job's own rows."""
    with laboratory(MODULE, processes, PATIENT) as made:
        made.sandbox("latency", {"graph": LATENCY_SECONDS})
        made.sandbox("calls", method="DELETE")
        made.run_module("tests.bench.subjects", "bulk", str(count), str(tenants))
        refusals, peak = Refusals(made), 0
        while not _is_over(made):
            refusals.look()
            peak = max(peak, peak_of_one_process(made))
            time.sleep(1)
        refusals.look()
        parts = [float(seconds) for (seconds,) in made.query(SPANS)]
        ideal = count * WRITES_EACH / WRITES_A_SECOND
        return {
            "instances_in_each_tenant": count,
            "tenants": tenants,
            "worker_processes": processes,
            "seconds": round(max(parts), 1),
            "seconds_of_each_tenant": [round(part, 1) for part in parts],
            "seconds_that_the_quota_needs": ideal,
            "ratio": round(max(parts) / ideal, 2),
            "states": dict(made.query(STATES)),
            "refused_with_429": refusals.total,
            "of_them_after_10_s": refusals.late,
            "peak_mib_of_one_worker_process": peak // 1024,
            "calls_of_each": calls_by_service(made, count * tenants),
        }


AGE_OF_JOB = "SELECT extract(epoch FROM now() - created_at) FROM registrations_bulkjob"
SPANS = (
    "SELECT extract(epoch FROM p.ended_at - j.created_at) FROM registrations_bulkpart p "
    "JOIN registrations_bulkjob j ON j.id = p.job_id"
)
STATES = (
    "SELECT o.status, count(*) FROM registrations_operation o "
    "JOIN registrations_bulkitem i ON i.operation_id = o.id GROUP BY 1"
)


def calls_of_one_registration(count: int, processes: int) -> dict[str, Any]:
    """What one undisturbed provisioning calls, by service."""
    with laboratory(MODULE, 1, PATIENT) as made:
        made.sandbox("calls", method="DELETE")
        (operation,) = made.request("provision", 1)
        made.finish([operation], 120)
        return {"state": made.states([operation])[operation][0], "calls": calls_by_service(made, 1)}


def calls_by_service(made: Laboratory, operations: int) -> dict[str, float]:
    """What each operation called since the log was emptied, refused calls too."""
    counts: Counter[str] = Counter()
    for name, number in made.sandbox("counts").items():
        service, method, _ = name.split()
        counts[f"{service} {'reads' if method == 'GET' else 'writes'}"] += number
    return {name: round(number / operations, 2) for name, number in sorted(counts.items())}


def the_engine_beside_a_bare_task(count: int, processes: int) -> dict[str, Any]:
    """Operations of three empty steps a second, beside bare Celery tasks that write one row.

    Each number of processes is measured three times, in turns, so that what changes meanwhile meets all of them: a machine
    that slows down, and a history that grows. All runs are told; the figures are their medians.
    """
    runs: dict[int, list[dict[str, float]]] = {number: [] for number in WORKER_PROCESSES}
    with laboratory(MODULE, 1, PATIENT) as made:
        made.kill("scheduler")  # its sweep would ring a second time for what waits in the queue
        for _ in range(RUNS):
            for number in WORKER_PROCESSES:
                runs[number].append(_rates(made, number, count))
    return {"operations": count, **{f"{number} processes": _medians(number, runs[number]) for number in runs}}


WORKER_PROCESSES = (1, 2, 4)
RUNS = 3
KINDS = {"nothing": "empty_operations_a_second", "bare": "bare_tasks_a_second"}  # in the order of asking
# When each was done, by its own row: a bare task writes the time, an operation keeps the time of its end.
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
BELLS_LAST_SECONDS = 120  # registrations.tasks.STALE: what is not begun by then is not done at all


def _rates(made: Laboratory, processes: int, count: int) -> dict[str, float]:
    """Of each kind, how many a second were done from the first to the last.

    All are asked for while no worker runs, so that only doing them is timed. The operations stand first in the queue: while
    they are done, the worker's processes get warm for the shorter run of the bare tasks.
    """
    made.kill("worker")
    ((began,),) = made.query("SELECT now()")
    for kind in KINDS:
        made.run_module("tests.bench.subjects", kind, str(count))
    made.processes = processes
    made.start_worker()
    deadline = time.monotonic() + BELLS_LAST_SECONDS
    while any(_done(made, kind, began)[0] < count for kind in KINDS):
        if time.monotonic() > deadline:
            raise RuntimeError(f"Not all of {count} were done before their bells expired: ask for fewer.")
        time.sleep(1)  # the rows keep the time: to look more often would only take it from the worker
    return {name: (count - 1) / _done(made, kind, began)[1] for kind, name in KINDS.items()}


def _done(made: Laboratory, kind: str, began: datetime) -> tuple[int, float]:
    """How many of those that were asked for since then are done, and the seconds from the first to the last."""
    ((number, seconds),) = made.query(DONE[kind], [began])
    return number, float(seconds or 0)


def _medians(number: int, runs: list[dict[str, float]]) -> dict[str, Any]:
    """The figures of one number of processes."""
    rates = {name: statistics.median(run[name] for run in runs) for name in KINDS.values()}
    cost = 1000 * number * (1 / rates[KINDS["nothing"]] - 1 / rates[KINDS["bare"]])
    return {
        **{name: round(rate, 1) for name, rate in rates.items()},
        "the_engine_costs_ms_each": round(cost, 1),
        "runs": [{name: round(rate, 1) for name, rate in run.items()} for run in runs],
    }


class Refusals:
    """Counts answers of 429, and those that came after the first seconds."""

    def __init__(self, made: Laboratory) -> None:
        self._made, self._began = made, time.monotonic() - float(made.query(AGE_OF_JOB)[0][0])
        self.total = self._early = 0

    def look(self) -> None:
        """Read the sandbox's counts."""
        counts = self._made.sandbox("counts")
        self.total = sum(number for name, number in counts.items() if name.endswith(" 429"))
        if time.monotonic() - self._began < WARM_UP_SECONDS:
            self._early = self.total

    @property
    def late(self) -> int:
        """Those after the warm-up."""
        return self.total - self._early


def peak_of_one_process(made: Laboratory) -> int:
    """The most that one of the worker's processes has held so far, in KiB."""
    worker = made.process("worker").popen
    assert worker is not None
    peak = 0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            status = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
        except (OSError, ValueError):
            continue
        if status.get("PPid", "").strip() == str(worker.pid):
            peak = max(peak, int(status.get("VmHWM", "0 kB").split()[0]))
    return peak


def _is_over(made: Laboratory) -> bool:
    return not made.query("SELECT 1 FROM registrations_bulkpart WHERE status = 'running' LIMIT 1")
