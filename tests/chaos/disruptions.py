"""Disruptions while operations run: of our own servers, of Microsoft's replicas and of the clock, and concurrent actions of staff."""

import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import Any

from celery import Celery

from tests.chaos import clock, hanging_steps, service_manager
from tests.chaos.checks import check
from tests.chaos.concurrent_actions import run_together
from tests.chaos.environment import Environment
from tests.chaos.faults import EACH, SECRET, TIMEOUT_SECONDS, graph, refusing
from tests.chaos.results import Result

SOON_SECONDS = 20.0  # for operations to reach the state that a disruption needs
STOP_SECONDS = 10.0  # allowed between SIGTERM and the worker's end
SLOW_SECONDS = 3.5  # what happens meanwhile happens in the middle of a step
TOO_SLOW_SECONDS = 9.0  # longer than a stopping worker waits: six seconds for the step, eight at most
DEFAULT_REMOTE_TIMEOUT_SECONDS = "20"
# Queued again while a step is still marked as running; between two steps none is.
REQUEUED = (
    "SELECT count(*) FROM registrations_operation "
    """WHERE id = ANY(%s::uuid[]) AND status = 'queued' AND steps @> '[{"status": "running"}]'"""
)
ALTERNATING_SECONDS = 8
HIDDEN_SECONDS = 12  # longer than from a lost answer to the lookup and the proof of the next secret
NO_POINTS: Mapping[str, list[Any]] = MappingProxyType({})
CLOCK_TIMEOUT_SECONDS = 90.0  # less than the hour by which the clock is wrong


def do_nothing(environment: Environment, operations: list[str]) -> list[str]:
    """Disrupt nothing, and miss nothing."""
    return []


def prepare_nothing(environment: Environment) -> None:
    """Prepare nothing."""


@dataclass(frozen=True)
class Disruption:
    """One disruption. `during` runs once the operations are requested, `after` once they were checked.

    Both return what should have happened and did not.
    """

    name: str
    during: Callable[[Environment, list[str]], list[str]] = do_nothing
    before: Callable[[Environment], None] = prepare_nothing
    after: Callable[[Environment, list[str]], list[str]] = do_nothing
    each: int = EACH  # operations of each kind
    timeout_seconds: float = TIMEOUT_SECONDS


def rows(environment: Environment) -> Iterator[Result]:
    """Each disruption with operations of its own."""
    for disruption in DISRUPTIONS:
        yield disrupted(environment, disruption)
    yield run_together(environment)


def disrupted(
    environment: Environment, disruption: Disruption, name: str = "", points: Mapping[str, list[Any]] = NO_POINTS
) -> Result:
    """Disrupt the environment while operations run. With `points`, by kind, some are killed there as well.

    What did not happen counts as lost, except in a random mix (which has a `name`): there one fault may prevent another.
    """
    disruption.before(environment)
    operations = [
        operation
        for kind in ("provision", "connect")
        for operation in environment.request(kind, disruption.each, points=points.get(kind))
    ]
    missed = disruption.during(environment, operations)
    environment.finish(operations, disruption.timeout_seconds)
    result = check(environment, name or disruption.name, operations)
    missed += disruption.after(environment, operations)
    result.did_not_happen([] if name else missed)
    result.lost += len(environment.failures)
    result.details += environment.failures
    environment.failures = []
    environment.sandbox("faults", {}, method="DELETE")
    return result


def delay_secrets(environment: Environment) -> None:
    """Each operation asks for its secret again after all are requested, however long the requests take."""
    environment.fault(**refusing("POST", SECRET, 503, headers={"Retry-After": "3"}, times=2 * EACH))


def wait_for_a_slow_step(environment: Environment, seconds: float = SLOW_SECONDS) -> list[str]:
    """Slow secrets down and return once a worker waits for one. Returns what did not happen.

    Call it after the requests: a step that began before the last request might have ended already.
    """
    environment.fault(**graph("POST", SECRET, "slow", seconds=seconds, times=2))
    met = environment.wait_until(
        lambda: len(_unmet(environment, "slow")) < 1 or _unmet(environment, "slow")[0]["times"] < 2, SOON_SECONDS
    )
    return [] if met else ["no step was running"]


def _unmet(environment: Environment, kind: str) -> list[dict[str, Any]]:
    return [fault for fault in environment.sandbox("faults") if fault["kind"] == kind]


def _missed_if_ended(environment: Environment, operations: list[str]) -> list[str]:
    return [] if environment.count(operations) else ["every operation had ended already"]


def flush_redis(environment: Environment, operations: list[str]) -> list[str]:
    """All messages and counters are lost, four times."""
    client, lost_keys = Celery(broker=environment.layout.redis_url), 0
    for _ in range(4):
        live = environment.count(operations) if operations else 1
        with client.connection_for_write() as connection:
            channel: Any = connection.default_channel
            lost_keys += channel.client.dbsize() if live else 0
            channel.client.flushall()
        time.sleep(0.5)
    return [] if lost_keys else ["Redis held nothing while operations were live"]


def restart_redis(environment: Environment, operations: list[str]) -> list[str]:
    """Redis is killed and started again."""
    missed = _missed_if_ended(environment, operations) if operations else []
    environment.kill("broker")
    time.sleep(2)
    environment.start_broker()
    return missed


def restart_postgresql(environment: Environment, operations: list[str]) -> list[str]:
    """PostgreSQL ends every connection and restarts."""
    environment.wait_until(lambda: environment.count(operations, "running"), SOON_SECONDS)
    missed = _missed_if_ended(environment, operations)
    environment.server.restart()
    return missed


def start_second_scheduler(environment: Environment) -> None:
    """Two schedulers enqueue every due operation, every second."""
    scheduler = environment.start_scheduler("second-scheduler")
    scheduler.wait_until(lambda: scheduler.said("run-due-operations"), seconds=90)


def end_second_scheduler(environment: Environment, operations: list[str]) -> list[str]:
    """Stop the second scheduler."""
    was_alive = environment.process("second-scheduler").alive
    environment.kill("second-scheduler")
    return [] if was_alive else ["the second scheduler had ended"]


def repeat_messages(environment: Environment, operations: list[str]) -> list[str]:
    """Every message twelve times, in random order and in random queues."""
    client = Celery(broker=environment.layout.redis_url)
    messages = operations * 12
    environment.rng.shuffle(messages)
    missed = _missed_if_ended(environment, operations)
    for operation in messages:
        queue = environment.rng.choice(("1-interactive", "2-sweeps", "4-bulk"))
        client.send_task("registrations.tasks.run", (operation,), queue=queue)
    return missed


def refuse_secrets_for_now(environment: Environment) -> None:
    """Operations wait for three seconds, during which the clock is set back."""
    environment.fault(**refusing("POST", SECRET, 429, headers={"Retry-After": "3"}, times=4))


def step_clock_back(environment: Environment, operations: list[str]) -> list[str]:
    """Set the workers' clock back by an hour while operations wait, and kill the worker; the clock stays wrong."""
    waited = environment.wait_until(lambda: environment.count(operations, "waiting"), SOON_SECONDS)
    clock.set_back(environment.directory, timedelta(hours=1))
    environment.kill("worker")
    environment.start_worker()
    return [] if waited else ["no operation waited when the clock was set back"]


def correct_clock(environment: Environment, operations: list[str]) -> list[str]:
    """Correct the clock. The operations were checked before that."""
    behind = (
        "SELECT count(*) FROM registrations_auditevent "
        "WHERE operation_id = ANY(%s::uuid[]) AND at < now() - interval '50 minutes'"
    )
    worked = environment.query(behind, [operations])[0][0]
    clock.set_back(environment.directory, timedelta())
    environment.finish(operations, TIMEOUT_SECONDS)
    return [] if worked else ["no work was done by the wrong clock"]


def kill_worker(environment: Environment, operations: list[str]) -> list[str]:
    """Kill the worker, main process and children, in the middle of a step."""
    missed = wait_for_a_slow_step(environment) if operations else []
    environment.kill("worker")
    environment.start_worker()
    return missed


def stop_worker(environment: Environment, operations: list[str]) -> list[str]:
    """Stop the worker in the middle of a step: it ends by itself in time."""
    missed = wait_for_a_slow_step(environment)
    _stop_with_sigterm(environment)
    environment.start_worker()
    return missed


def delay_secrets_with_default_timeout(environment: Environment) -> None:
    """The same, with a worker whose remote timeout is longer than a stopping worker waits."""
    environment.kill("worker")
    environment.start_worker(REMOTE_TIMEOUT_SECONDS=DEFAULT_REMOTE_TIMEOUT_SECONDS)
    delay_secrets(environment)


def stop_worker_in_a_long_step(environment: Environment, operations: list[str]) -> list[str]:
    """The step cannot end in time: it is requeued before the worker ends, and its request arrives later."""
    missed = wait_for_a_slow_step(environment, TOO_SLOW_SECONDS)
    _stop_with_sigterm(environment)
    requeued = environment.query(REQUEUED, [operations])[0][0]
    environment.start_worker()
    return missed if requeued else [*missed, "no running step was requeued"]


def _stop_with_sigterm(environment: Environment) -> None:
    process = environment.process("worker")
    environment.supervisor.processes.remove(process)
    assert process.popen is not None
    process.popen.send_signal(process.stop_signal)
    try:
        process.popen.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        environment.failures.append(f"{STOP_SECONDS:.0f} s after SIGTERM the worker had to be killed")
    process.kill()


def alternate_reads(environment: Environment) -> None:
    """Every other call is answered by a replica that lacks recent changes."""
    _let_alternate(environment, ALTERNATING_SECONDS)


def _let_alternate(environment: Environment, seconds: int) -> None:
    # The seeded application must be older than that: customers sign in through it, and no test repeats a sign-in.
    time.sleep(max(0.0, environment.ready_at + seconds - time.monotonic()))
    environment.reset_held_back()
    environment.sandbox("world", {"op": "set_alternating_reads", "seconds": seconds})


def lose_secrets(environment: Environment) -> None:
    """Lose the answer once every replica has the application."""
    later = {"Retry-After": str(HIDDEN_SECONDS + 2)}
    environment.fault(**refusing("POST", SECRET, 503, headers=later, times=2 * MANY))
    environment.fault(**graph("POST", SECRET, "lost_answer", times=2 * MANY))


def hide_lost_secrets(environment: Environment, operations: list[str]) -> list[str]:
    """Every other lookup does not find the secret of the lost answer."""
    all_at_secret = environment.wait_until(lambda: not _unmet(environment, "status"), SOON_SECONDS)
    _let_alternate(environment, HIDDEN_SECONDS)
    return [] if all_at_secret else ["not every operation reached its secret in time"]


def wait_for_secrets(environment: Environment) -> None:
    """Let the worker wait longer for a new secret than Entra will refuse it."""
    environment.kill("worker")
    environment.start_worker(**{service_manager.REPLICATES_WITHIN: "120"})


def refuse_new_secrets(environment: Environment, operations: list[str]) -> list[str]:
    """A new secret is listed at once, and refused for a minute."""
    environment.reset_held_back()
    environment.sandbox("world", {"op": "set_lag", "kind": "secret", "seconds": 60})
    return []


def end_replication_lag(*kinds: str, lost: bool = False) -> Callable[[Environment, list[str]], list[str]]:
    """End every replication delay. Each of these kinds must have been hidden or refused before."""

    def after(environment: Environment, operations: list[str]) -> list[str]:
        environment.sandbox("world", {"op": "set_alternating_reads", "seconds": 0})
        for kind in ("application", "secret"):
            environment.sandbox("world", {"op": "set_lag", "kind": kind, "seconds": 0})
        counted = environment.held_back()
        missed = [f"no {kind} was hidden or refused" for kind in kinds if not counted[kind]]
        return missed + [f"{fault}" for fault in _unmet(environment, "lost_answer")] * lost

    return after


MANY = 6  # operations of each kind: which of the reads are stale depends on timing
DISRUPTIONS: tuple[Disruption, ...] = (
    Disruption("Redis flushed", flush_redis),
    Disruption("Redis restarted", restart_redis),
    Disruption("PostgreSQL restarted", restart_postgresql),
    Disruption("two schedulers at once", before=start_second_scheduler, after=end_second_scheduler),
    Disruption("messages duplicated and reordered", repeat_messages),
    Disruption(
        "a new secret is visible but refused for 60 s",
        refuse_new_secrets,
        wait_for_secrets,
        end_replication_lag("secret"),
    ),
    Disruption(
        "reads alternate between stale and current",
        before=alternate_reads,
        each=MANY,
        after=end_replication_lag("application", "service_principal", "password"),
    ),
    Disruption(
        "the answer to addPassword is lost, and reads alternate",
        during=hide_lost_secrets,
        before=lose_secrets,
        each=MANY,
        after=end_replication_lag("password", lost=True),
    ),
    Disruption(
        "clock set back one hour, permanently",
        step_clock_back,
        before=refuse_secrets_for_now,
        after=correct_clock,
        timeout_seconds=CLOCK_TIMEOUT_SECONDS,
    ),
    Disruption("kill -9 of the worker and its children", kill_worker, before=delay_secrets),
    Disruption("SIGTERM of the worker: it ends within 10 s", stop_worker, before=delay_secrets),
    Disruption(
        "SIGTERM of the worker: a longer step is requeued",
        stop_worker_in_a_long_step,
        before=delay_secrets_with_default_timeout,
    ),
    Disruption(
        "a step hangs: its process hands the others back, ends and is started again",
        hanging_steps.end_process_of_hanging_step,
        before=hanging_steps.let_steps_hang,
        after=hanging_steps.restore,
    ),
    Disruption(
        "a step returns after its lease has ended: it writes nothing",
        hanging_steps.return_late,
        before=hanging_steps.let_steps_return_late,
        after=hanging_steps.restore,
    ),
)
