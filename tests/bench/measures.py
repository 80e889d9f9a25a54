"""The measures: a bulk job within Microsoft's quota, the calls of one registration, and the engine beside a bare task."""

import time
from collections import Counter
from pathlib import Path
from typing import Any

from tests.chaos.laboratory import Laboratory, laboratory

WRITES_EACH = 3  # the fewest that the API allows: application, service principal, secret
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
            "instances_in_each_tenant": count, "tenants": tenants, "worker_processes": processes,
            "seconds": round(max(parts), 1), "seconds_of_each_tenant": [round(part, 1) for part in parts],
            "seconds_that_the_quota_needs": ideal, "ratio": round(max(parts) / ideal, 2),
            "states": dict(made.query(STATES)),
            "refused_with_429": refusals.total, "of_them_after_10_s": refusals.late,
            "peak_mib_of_one_worker_process": peak // 1024, "calls_of_each": calls_by_service(made, count * tenants),
        }  # fmt: skip


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
    """Operations of three empty steps a second, beside bare Celery tasks that write one row, in the same run."""
    found: dict[str, Any] = {"operations": count}
    for number in (1, 2, 4):
        with laboratory(MODULE, number, PATIENT) as made:
            rates = {kind: _rate(made, kind, statement, count) for kind, statement in COUNTED.items()}
            cost = 1000 * number * (1 / rates["nothing"] - 1 / rates["bare"])
            found[f"{number} processes"] = {
                "empty_operations_a_second": round(rates["nothing"], 1),
                "bare_tasks_a_second": round(rates["bare"], 1),
                "the_engine_costs_ms_each": round(cost, 1),
            }
    return found


COUNTED = {
    "bare": "SELECT count(*) FROM django_session WHERE session_key LIKE 'bench-%'",
    "nothing": "SELECT count(*) FROM registrations_operation WHERE kind = 'bench_nothing' AND status = 'succeeded'",
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


def _rate(made: Laboratory, kind: str, statement: str, count: int) -> float:
    """From the first that is done to the last, so that the time of asking does not count alone."""
    began = time.monotonic()
    made.run_module("tests.bench.subjects", kind, str(count))
    asked = time.monotonic()
    done_when_asked = made.query(statement)[0][0]
    while made.query(statement)[0][0] < count:
        time.sleep(0.1)
    ended = time.monotonic()
    left = count - done_when_asked
    # Where all were done while they were asked for, the asking was the slower part.
    return float(left / (ended - asked)) if left > count / 2 else float(count / (ended - began))
