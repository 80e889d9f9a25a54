"""The table of faults: what Microsoft, the UMP, the network and our own servers can do, each tried on real operations."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from celery import Celery

from demo import services
from tests.chaos import clock
from tests.chaos.laboratory import Laboratory
from tests.chaos.verdict import Verdict, judge

EACH = 2  # operations for each row
PATIENCE_SECONDS = 240.0
AT_ONCE = {"headers": {"Retry-After": "1"}, "times": 4}
DENIED = {"error": {"code": "Authorization_RequestDenied", "message": "Insufficient privileges."}}
NOT_FOUND = {"error": {"code": "Request_ResourceNotFound", "message": "Resource does not exist."}}
CONFLICT = {"error": {"code": "Directory_ConcurrencyViolation", "message": "Wait briefly and retry."}}
NO_BACKING = {
    "error": {"code": "NoBackingApplicationObject", "message": "Does not reference a valid application object."}
}
CREATE, PRINCIPAL, SECRET = r"/applications\(uniqueName", r"/servicePrincipals$", r"/addPassword"
SYNC_APP, GRANT, ROLE = r"/sync-app$", r"/appRoleAssignments$", r"/roleAssignments$"


@dataclass(frozen=True)
class Scripted:
    """A fault that the sandbox is told to make; it must have happened by the end."""

    name: str
    scripts: tuple[dict[str, Any], ...]
    kind: str = "provision"


def graph(method: str, path: str, kind: str, **more: Any) -> dict[str, Any]:
    """One script for the sandbox's Graph."""
    return {"service": "graph", "method": method, "path": path, "kind": kind, "times": EACH, **more}


def refusing(method: str, path: str, status: int, body: Any = None, **more: Any) -> dict[str, Any]:
    """Graph answers so instead of doing it."""
    return graph(method, path, "status", status=status, body=body, **more)


SCRIPTED = (
    *(
        Scripted(f"answer lost after Graph succeeded: {what}", (graph(method, path, "lost_answer"),), kind)
        for what, method, path, kind in (
            ("create the application", "PATCH", CREATE, "provision"),
            ("create the service principal", "POST", PRINCIPAL, "provision"),
            ("add the secret", "POST", SECRET, "provision"),
            ("grant a permission", "POST", GRANT, "connect"),
            ("assign a role", "POST", ROLE, "connect"),
            ("add the customer's secret", "POST", SECRET, "connect"),
        )
    ),
    Scripted(
        "answer lost after the UMP took the values", ({**graph("PUT", SYNC_APP, "lost_answer"), "service": "ump"},)
    ),
    Scripted(
        "404 right after create",
        (refusing("POST", SECRET, 404, NOT_FOUND), refusing("POST", PRINCIPAL, 404, NOT_FOUND)),
    ),
    Scripted("409 right after create", (refusing("POST", SECRET, 409, CONFLICT),)),
    Scripted("400 right after create", (refusing("POST", PRINCIPAL, 400, NO_BACKING),)),
    Scripted(
        "403 right after create",
        (refusing("POST", PRINCIPAL, 403, DENIED), refusing("POST", GRANT, 403, DENIED)),
        "connect",
    ),
    Scripted("429 with Retry-After", (refusing("POST", SECRET, 429, headers={"Retry-After": "3"}),)),
    Scripted("429 without Retry-After", (refusing("PATCH", CREATE, 429),)),
    Scripted(
        "a storm of 429",
        (refusing("GET", "/", 429, **AT_ONCE), refusing("POST", "/", 429, **AT_ONCE)),
    ),
    *(
        Scripted(
            f"{status} on writes and reads",
            (refusing("POST", "/", status, times=3), refusing("GET", "/applications", status, times=3)),
        )
        for status in (500, 502, 503, 504)
    ),
    Scripted(
        "slow bodies, later than our patience",
        (graph("POST", SECRET, "slow", seconds=7), graph("PATCH", CREATE, "slow", seconds=7)),
    ),
    Scripted(
        "reset connections",
        (graph("PATCH", CREATE, "cut"), graph("POST", SECRET, "cut"), graph("GET", "/", "cut", times=4)),
    ),
    Scripted("truncated JSON", (graph("PATCH", CREATE, "truncated"), graph("POST", SECRET, "truncated"))),
    Scripted(
        "truncated JSON in the customer's tenant",
        (graph("POST", SECRET, "truncated"), graph("GET", "/servicePrincipals", "truncated")),
        "connect",
    ),
)


def answers(laboratory: Laboratory) -> Iterator[Verdict]:
    """What Microsoft, the UMP and the network answer."""
    for fault in SCRIPTED:
        yield scripted(laboratory, fault)


def hurts(laboratory: Laboratory) -> Iterator[Verdict]:
    """What happens to our own servers, and what people do at once."""
    for name, hurt in HURTS:
        yield hurting(laboratory, name, hurt)


def scripted(laboratory: Laboratory, fault: Scripted) -> Verdict:
    """Script the fault, let operations meet it, and look at what is left."""
    laboratory.sandbox("faults", {}, method="DELETE")
    for script in fault.scripts:
        laboratory.fault(**script)
    operations = laboratory.request(fault.kind, EACH)
    laboratory.finish(operations, PATIENCE_SECONDS)
    verdict = judge(laboratory, fault.name, operations)
    left = laboratory.sandbox("faults")
    if left:
        verdict.lost += len(left)
        verdict.details.append(f"did not happen: {left}")
    laboratory.sandbox("faults", {}, method="DELETE")
    return verdict


def hurting(laboratory: Laboratory, name: str, hurt: Callable[[Laboratory, list[str]], None]) -> Verdict:
    """Hurt the installation while operations are at work."""
    operations = [*laboratory.request("provision", EACH), *laboratory.request("connect", EACH)]
    hurt(laboratory, operations)
    laboratory.finish(operations, PATIENCE_SECONDS)
    verdict = judge(laboratory, name, operations)
    laboratory.sandbox("world", {"op": "set_alternating_reads", "seconds": 0})
    for kind in ("application", "secret"):
        laboratory.sandbox("world", {"op": "set_lag", "kind": kind, "seconds": 0})
    return verdict


def flush_redis(laboratory: Laboratory, operations: list[str]) -> None:
    """Every bell and every count is gone, again and again."""
    client = Celery(broker=laboratory.layout.redis_url)
    for _ in range(4):
        with client.connection_for_write() as connection:
            channel: Any = connection.default_channel
            channel.client.flushall()
        time.sleep(0.5)


def restart_redis(laboratory: Laboratory, operations: list[str]) -> None:
    """Redis dies and comes back."""
    laboratory.kill("broker")
    time.sleep(2)
    laboratory.start_broker()


def restart_postgresql(laboratory: Laboratory, operations: list[str]) -> None:
    """PostgreSQL ends every connection, is away for a moment and comes back."""
    time.sleep(0.5)
    laboratory.server.restart()


def second_scheduler(laboratory: Laboratory, operations: list[str]) -> None:
    """Two schedulers ring for everything."""
    laboratory.start_scheduler("second-scheduler")
    laboratory.finish(operations, PATIENCE_SECONDS)
    laboratory.kill("second-scheduler")


def repeat_messages(laboratory: Laboratory, operations: list[str]) -> None:
    """Every message many times, in any order, in any queue."""
    client = Celery(broker=laboratory.layout.redis_url)
    bells = operations * 12
    random.shuffle(bells)
    for operation in bells:
        queue = random.choice(("1-interactive", "2-sweeps", "4-bulk"))  # noqa: S311
        client.send_task("registrations.tasks.run", (operation,), queue=queue)


def fail_one_write(table: str, event: str, number: int) -> Callable[[Laboratory, list[str]], None]:
    """A trigger that refuses exactly one write to a table; a sequence counts, because it is not rolled back."""

    def hurt(laboratory: Laboratory, operations: list[str]) -> None:
        laboratory.query("DROP SEQUENCE IF EXISTS chaos_writes CASCADE")
        laboratory.query("CREATE SEQUENCE chaos_writes")
        laboratory.query(
            "CREATE OR REPLACE FUNCTION chaos_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            f"IF nextval('chaos_writes') = {number} THEN RAISE EXCEPTION 'chaos'; END IF; RETURN NEW; END $$"
        )
        laboratory.query(
            f"CREATE OR REPLACE TRIGGER chaos BEFORE {event} ON {table} FOR EACH ROW EXECUTE FUNCTION chaos_refuse()"
        )
        laboratory.finish(operations, PATIENCE_SECONDS)
        laboratory.query(f"DROP TRIGGER chaos ON {table}")

    return hurt


def step_clock_back(laboratory: Laboratory, operations: list[str]) -> None:
    """The workers' clock is set back by an hour in the middle of their work, one dies, and later it is put right."""
    time.sleep(1)
    clock.set_back(laboratory.directory, timedelta(hours=1))
    time.sleep(1)
    laboratory.kill("worker")
    laboratory.start_worker()
    laboratory.finish(operations[: len(operations) // 2], PATIENCE_SECONDS)
    clock.set_back(laboratory.directory, timedelta())


def kill_worker(laboratory: Laboratory, operations: list[str]) -> None:
    """The whole worker, main process and children, dies."""
    time.sleep(1)
    laboratory.kill("worker")
    laboratory.start_worker()


def stop_worker(laboratory: Laboratory, operations: list[str]) -> None:
    """The worker is told to stop in the middle of its work."""
    time.sleep(1)
    process = laboratory.process("worker")
    laboratory.supervisor.processes.remove(process)
    process.stop(seconds=12)
    laboratory.start_worker()


def press_together(laboratory: Laboratory, operations: list[str]) -> None:
    """Two people press Provision for the same instance at the same moment, while it is at work."""
    host = laboratory.seeding.host
    threads = [threading.Thread(target=_press, args=(laboratory, host)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    live = "SELECT count(*) FROM registrations_operation WHERE subject_label = %s AND status IN ('queued','running','waiting')"
    deadline = time.monotonic() + PATIENCE_SECONDS
    while laboratory.query(live, [host])[0][0] and time.monotonic() < deadline:
        assert laboratory.query(live, [host])[0][0] <= 1, "two live operations of one instance"
        time.sleep(0.2)


def _press(laboratory: Laboratory, host: str) -> None:
    command = services.manage(laboratory.layout, "provision", host)
    command.start()
    command.wait()


def alternate_reads(laboratory: Laboratory, operations: list[str]) -> None:
    """Every other read comes from a replica that does not know yet what was made."""
    laboratory.sandbox("world", {"op": "set_alternating_reads", "seconds": 8})


def refuse_new_secrets(laboratory: Laboratory, operations: list[str]) -> None:
    """A secret is seen at once, and refused for a minute."""
    laboratory.sandbox("world", {"op": "set_lag", "kind": "secret", "seconds": 60})


HURTS: tuple[tuple[str, Callable[[Laboratory, list[str]], None]], ...] = (
    ("reads that alternate between old and new", alternate_reads),
    ("a secret that is visible and refused for 60 s", refuse_new_secrets),
    ("Redis flushed", flush_redis),
    ("Redis restarted", restart_redis),
    ("PostgreSQL restarted", restart_postgresql),
    ("two schedulers at once", second_scheduler),
    ("messages duplicated and reordered", repeat_messages),
    *(
        (f"the database refuses one write: {event} of {table}, the {number}.", fail_one_write(f"registrations_{table}", event, number))
        for table, event, number in (
            ("clientsecret", "UPDATE", 1), ("clientsecret", "INSERT", 1), ("appregistration", "UPDATE", 1),
            ("appregistration", "UPDATE", 3), ("operation", "UPDATE", 5), ("operation", "UPDATE", 12), ("auditevent", "INSERT", 7),
        )
    ),
    ("the clock stepping back an hour", step_clock_back),
    ("kill -9 of the whole worker", kill_worker),
    ("SIGTERM of the worker", stop_worker),
    ("two people pressing the same button", press_together),
)  # fmt: skip


def mixes(laboratory: Laboratory, seconds: int, seed: int | None, say: Callable[[str], None]) -> list[Verdict]:
    """Random mixes of faults until the time is over; the seed that is printed chooses the same ones again."""
    seed = seed if seed is not None else random.randrange(10**9)  # noqa: S311
    say(f"Seed {seed}: make chaos-long SEED={seed} SECONDS={seconds}")
    chance, deadline, verdicts = random.Random(seed), time.monotonic() + seconds, []  # noqa: S311
    while time.monotonic() < deadline:
        scripts = chance.sample(SCRIPTED, chance.randint(1, 3))
        name, hurt = chance.choice(HURTS)
        laboratory.sandbox("faults", {}, method="DELETE")
        for fault in scripts:
            for script in fault.scripts:
                laboratory.fault(**script)
        verdict = hurting(laboratory, " + ".join([name, *(fault.name for fault in scripts)]), hurt)
        say(verdict.row())
        verdicts.append(verdict)
    return verdicts
