"""What happens to our own servers, to Microsoft's replicas and to the clock while operations are at work, and what people press."""

import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import Any

from celery import Celery

from tests.chaos import clock
from tests.chaos.environment import Environment
from tests.chaos.faults import EACH, PATIENCE_SECONDS, SECRET, graph, refusing
from tests.chaos.presses import pressed_together
from tests.chaos.verdict import Verdict, judge

SOON_SECONDS = 20.0  # until operations are where a hurt wants them
STOP_SECONDS = 10.0  # that a worker may take to end after SIGTERM
SLOW_SECONDS = 3.5  # whatever comes in the meantime comes in the middle of a step
TOO_SLOW_SECONDS = 9.0  # more than the six that a stopped worker lets a step take, and than its last eight
PATIENT_TIMEOUT_SECONDS = "20"  # as without a setting
# Queued again with the step that was in hand still begun; between two steps, no step is.
GIVEN_BACK = (
    "SELECT count(*) FROM registrations_operation "
    """WHERE id = ANY(%s::uuid[]) AND status = 'queued' AND steps @> '[{"status": "running"}]'"""
)
ALTERNATING_SECONDS = 8
HIDDEN_SECONDS = 12  # longer than the pause between a lost answer, the look for it and the proof of its successor
NONE_KILLED: Mapping[str, list[Any]] = MappingProxyType({})
CLOCK_PATIENCE_SECONDS = 90.0  # less than the hour that the clock is wrong


def nothing_missed(environment: Environment, operations: list[str]) -> list[str]:
    """Nothing to look at."""
    return []


def nothing_before(environment: Environment) -> None:
    """Nothing to prepare."""


@dataclass(frozen=True)
class Hurt:
    """One way to hurt; `during` and `after` (once all is judged) return what should have happened and did not."""

    name: str
    during: Callable[[Environment, list[str]], list[str]] = nothing_missed
    before: Callable[[Environment], None] = nothing_before
    after: Callable[[Environment, list[str]], list[str]] = nothing_missed
    each: int = EACH  # operations of each kind
    patience: float = PATIENCE_SECONDS


def rows(environment: Environment) -> Iterator[Verdict]:
    """Each hurt on operations of its own."""
    for hurt in HURTS:
        yield hurting(environment, hurt)
    yield pressed_together(environment)


def hurting(
    environment: Environment, hurt: Hurt, name: str = "", points: Mapping[str, list[Any]] = NONE_KILLED
) -> Verdict:
    """Hurt the installation while operations are at work; with `points`, by kind, some are killed there as well.

    What did not happen counts as lost, but not in a mix, which has a `name` of its own: there one fault may hide another.
    """
    hurt.before(environment)
    operations = [
        operation
        for kind in ("provision", "connect")
        for operation in environment.request(kind, hurt.each, points=points.get(kind))
    ]
    missed = hurt.during(environment, operations)
    environment.finish(operations, hurt.patience)
    verdict = judge(environment, name or hurt.name, operations)
    missed += hurt.after(environment, operations)
    verdict.did_not_happen([] if name else missed)
    verdict.lost += len(environment.complaints)
    verdict.details += environment.complaints
    environment.complaints = []
    environment.sandbox("faults", {}, method="DELETE")
    return verdict


def put_secrets_off(environment: Environment) -> None:
    """Each operation asks for its secret again once all are requested, however long the requests take."""
    environment.fault(**refusing("POST", SECRET, 503, headers={"Retry-After": "3"}, times=2 * EACH))


def wait_for_a_slow_step(environment: Environment, seconds: float = SLOW_SECONDS) -> list[str]:
    """Slow secrets down and return once a worker waits for one; what is missing where none does.

    Not before the requests: a step that began while others were still asked for would be over.
    """
    environment.fault(**graph("POST", SECRET, "slow", seconds=seconds, times=2))
    met = environment.wait_until(
        lambda: len(_left(environment, "slow")) < 1 or _left(environment, "slow")[0]["times"] < 2, SOON_SECONDS
    )
    return [] if met else ["no step was in hand"]


def _left(environment: Environment, kind: str) -> list[dict[str, Any]]:
    return [fault for fault in environment.sandbox("faults") if fault["kind"] == kind]


def _idle(environment: Environment, operations: list[str]) -> list[str]:
    return [] if environment.count(operations) else ["every operation had ended before"]


def flush_redis(environment: Environment, operations: list[str]) -> list[str]:
    """Every bell and every count is gone, again and again."""
    client, lost_keys = Celery(broker=environment.layout.redis_url), 0
    for _ in range(4):
        at_work = environment.count(operations) if operations else 1
        with client.connection_for_write() as connection:
            channel: Any = connection.default_channel
            lost_keys += channel.client.dbsize() if at_work else 0
            channel.client.flushall()
        time.sleep(0.5)
    return [] if lost_keys else ["Redis held nothing while operations were at work"]


def restart_redis(environment: Environment, operations: list[str]) -> list[str]:
    """Redis dies and comes back."""
    missed = _idle(environment, operations) if operations else []
    environment.kill("broker")
    time.sleep(2)
    environment.start_broker()
    return missed


def restart_postgresql(environment: Environment, operations: list[str]) -> list[str]:
    """PostgreSQL ends every connection, is away for a moment and comes back."""
    environment.wait_until(lambda: environment.count(operations, "running"), SOON_SECONDS)
    missed = _idle(environment, operations)
    environment.server.restart()
    return missed


def start_second_scheduler(environment: Environment) -> None:
    """Two schedulers ring for everything, each second."""
    scheduler = environment.start_scheduler("second-scheduler")
    scheduler.wait_until(lambda: scheduler.said("run-due-operations"), seconds=90)


def end_second_scheduler(environment: Environment, operations: list[str]) -> list[str]:
    """One is enough again."""
    rang = environment.process("second-scheduler").alive
    environment.kill("second-scheduler")
    return [] if rang else ["the second scheduler had ended"]


def repeat_messages(environment: Environment, operations: list[str]) -> list[str]:
    """Every message many times, in any order, in any queue."""
    client = Celery(broker=environment.layout.redis_url)
    bells = operations * 12
    environment.rng.shuffle(bells)
    missed = _idle(environment, operations)
    for operation in bells:
        queue = environment.rng.choice(("1-interactive", "2-sweeps", "4-bulk"))
        client.send_task("registrations.tasks.run", (operation,), queue=queue)
    return missed


def refuse_secrets_for_now(environment: Environment) -> None:
    """Operations wait for seconds: the clock is set back in the middle of that."""
    environment.fault(**refusing("POST", SECRET, 429, headers={"Retry-After": "3"}, times=4))


def step_clock_back(environment: Environment, operations: list[str]) -> list[str]:
    """The workers' clock is set back by an hour while operations wait, and one worker dies; the clock stays wrong to the end."""
    waited = environment.wait_until(lambda: environment.count(operations, "waiting"), SOON_SECONDS)
    clock.set_back(environment.directory, timedelta(hours=1))
    environment.kill("worker")
    environment.start_worker()
    return [] if waited else ["no operation waited when the clock was set back"]


def put_clock_right(environment: Environment, operations: list[str]) -> list[str]:
    """Judged is what came of it before that."""
    behind = (
        "SELECT count(*) FROM registrations_auditevent "
        "WHERE operation_id = ANY(%s::uuid[]) AND at < now() - interval '50 minutes'"
    )
    worked = environment.query(behind, [operations])[0][0]
    clock.set_back(environment.directory, timedelta())
    environment.finish(operations, PATIENCE_SECONDS)
    return [] if worked else ["nobody worked by the wrong clock"]


def kill_worker(environment: Environment, operations: list[str]) -> list[str]:
    """The whole worker, main process and children, dies in the middle of a step."""
    missed = wait_for_a_slow_step(environment) if operations else []
    environment.kill("worker")
    environment.start_worker()
    return missed


def stop_worker(environment: Environment, operations: list[str]) -> list[str]:
    """The worker is told to stop in the middle of a step, and ends by itself in time."""
    missed = wait_for_a_slow_step(environment)
    _end_by_itself(environment)
    environment.start_worker()
    return missed


def put_secrets_off_for_a_patient_worker(environment: Environment) -> None:
    """The same, with a worker that waits longer for an answer than a stopped one may take."""
    environment.kill("worker")
    environment.start_worker(REMOTE_TIMEOUT_SECONDS=PATIENT_TIMEOUT_SECONDS)
    put_secrets_off(environment)


def stop_worker_in_a_long_step(environment: Environment, operations: list[str]) -> list[str]:
    """The step cannot end in time: it is given back before the worker ends, and what it had sent arrives later."""
    missed = wait_for_a_slow_step(environment, TOO_SLOW_SECONDS)
    _end_by_itself(environment)
    given_back = environment.query(GIVEN_BACK, [operations])[0][0]
    environment.start_worker()
    return missed if given_back else [*missed, "no step in hand was given back"]


def _end_by_itself(environment: Environment) -> None:
    process = environment.process("worker")
    environment.supervisor.processes.remove(process)
    assert process.popen is not None
    process.popen.send_signal(process.stop_signal)
    try:
        process.popen.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        environment.complaints.append(f"{STOP_SECONDS:.0f} s after SIGTERM the worker had to be killed")
    process.kill()


def alternate_reads(environment: Environment) -> None:
    """Every other call is answered by a replica that does not know yet what was made."""
    _let_alternate(environment, ALTERNATING_SECONDS)


def _let_alternate(environment: Environment, seconds: int) -> None:
    # The seeded application must be older: through it the customer's administrator signs in, which nobody repeats here.
    time.sleep(max(0.0, environment.ready_at + seconds - time.monotonic()))
    environment.reset_held_back()
    environment.sandbox("world", {"op": "set_alternating_reads", "seconds": seconds})


def lose_secrets(environment: Environment) -> None:
    """The answer is lost once the application is old enough for every replica."""
    later = {"Retry-After": str(HIDDEN_SECONDS + 2)}
    environment.fault(**refusing("POST", SECRET, 503, headers=later, times=2 * LOSERS))
    environment.fault(**graph("POST", SECRET, "lost_answer", times=2 * LOSERS))


def hide_lost_secrets(environment: Environment, operations: list[str]) -> list[str]:
    """Every other look for the secret of a lost answer does not find it."""
    all_wait = environment.wait_until(lambda: not _left(environment, "status"), SOON_SECONDS)
    _let_alternate(environment, HIDDEN_SECONDS)
    return [] if all_wait else ["not every operation was at its secret in time"]


def refuse_new_secrets(environment: Environment, operations: list[str]) -> list[str]:
    """A secret is seen at once, and refused for a minute."""
    environment.reset_held_back()
    environment.sandbox("world", {"op": "set_lag", "kind": "secret", "seconds": 60})
    return []


def copy_at_once(*kinds: str, lost: bool = False) -> Callable[[Environment, list[str]], list[str]]:
    """Microsoft's replicas agree again; each of these kinds must have been hidden or refused meanwhile."""

    def after(environment: Environment, operations: list[str]) -> list[str]:
        environment.sandbox("world", {"op": "set_alternating_reads", "seconds": 0})
        for kind in ("application", "secret"):
            environment.sandbox("world", {"op": "set_lag", "kind": kind, "seconds": 0})
        counted = environment.held_back()
        missed = [f"no {kind} was hidden or refused" for kind in kinds if not counted[kind]]
        return missed + [f"{fault}" for fault in _left(environment, "lost_answer")] * lost

    return after


LOSERS = 6  # operations of each kind: whether a read is an old one when it matters, is a matter of chance
HURTS: tuple[Hurt, ...] = (
    Hurt("Redis flushed", flush_redis),
    Hurt("Redis restarted", restart_redis),
    Hurt("PostgreSQL restarted", restart_postgresql),
    Hurt("two schedulers at once", before=start_second_scheduler, after=end_second_scheduler),
    Hurt("messages duplicated and reordered", repeat_messages),
    Hurt("a secret that is visible and refused for 60 s", refuse_new_secrets, after=copy_at_once("secret")),
    Hurt(
        "reads that alternate between old and new",
        before=alternate_reads,
        each=LOSERS,
        after=copy_at_once("application", "service_principal", "password"),
    ),
    Hurt(
        "the answer to addPassword is lost, and reads alternate",
        during=hide_lost_secrets,
        before=lose_secrets,
        each=LOSERS,
        after=copy_at_once("password", lost=True),
    ),
    Hurt(
        "the clock stepping back an hour, for good",
        step_clock_back,
        before=refuse_secrets_for_now,
        after=put_clock_right,
        patience=CLOCK_PATIENCE_SECONDS,
    ),
    Hurt("kill -9 of the whole worker", kill_worker, before=put_secrets_off),
    Hurt("SIGTERM of the worker: it ends by itself within 10 s", stop_worker, before=put_secrets_off),
    Hurt(
        "SIGTERM of the worker: a step that takes longer is handed back",
        stop_worker_in_a_long_step,
        before=put_secrets_off_for_a_patient_worker,
    ),
)
