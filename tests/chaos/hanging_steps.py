"""Steps that hang longer than their lease lasts: the watchdog ends their process, or they return late and write nothing.

A hanging step sleeps before or after its first POST. The workers of these rows have a shorter longest step.
"""

from tests.chaos import service_manager
from tests.chaos.environment import Environment
from tests.chaos.faults import EACH, SECRET, graph
from tests.chaos.service_manager import HUNG_AFTER, LONGEST_STEP

HUNG_STATUS = 75  # of the process: see registrations/engine/watchdog.py
SOON_SECONDS = 30.0
LONGEST_STEP_SECONDS = 2
FOR_EVER = 600.0
LATE_SECONDS = 12.0  # longer than the longest step and the lease together, two and five seconds
SLOW_SECONDS = 9.0  # another step lasts longer than a process that ends waits for it: six seconds
LATE_LINE = "Another worker has operation"


def let_steps_hang(environment: Environment) -> None:
    """One process, so that the other steps run beside the one that hangs. It ends two seconds after the lease."""
    _restart(environment, hung_after=2)


def end_process_of_hanging_step(environment: Environment, operations: list[str]) -> list[str]:
    """A step hangs for ever: the process hands the others back, ends, and is started again."""
    before = len(service_manager.statuses(environment.directory))
    hanging = environment.request("provision", 1, hang=("before", FOR_EVER))
    operations += hanging
    hung = environment.wait_until(lambda: environment.hung(hanging[0]), SOON_SECONDS)
    environment.fault(**graph("POST", SECRET, "slow", seconds=SLOW_SECONDS, times=EACH))
    operations += environment.request("provision", EACH)
    ended = environment.wait_until(
        lambda: HUNG_STATUS in service_manager.statuses(environment.directory)[before:], SOON_SECONDS
    )
    log = environment.process("worker")
    return [
        *([] if hung else ["no step hung"]),
        *([] if ended else [f"no process ended with status {HUNG_STATUS}"]),
        *([] if log.said("was handed back") else ["no other operation was handed back"]),
    ]


def let_steps_return_late(environment: Environment) -> None:
    """The same, with a watchdog that waits longer than the step hangs."""
    _restart(environment, hung_after=60)


def return_late(environment: Environment, operations: list[str]) -> list[str]:
    """Two steps hang until others have continued, one before its call and one after it. Their processes live on."""
    before = len(service_manager.statuses(environment.directory))
    hanging = [
        operation
        for kind in ("provision", "connect")
        for when in ("before", "after")
        for operation in environment.request(kind, 1, hang=(when, LATE_SECONDS))
    ]
    operations += hanging
    worker = environment.process("worker")
    returned = environment.wait_until(
        lambda: all(worker.said(f"{LATE_LINE} {operation}") for operation in hanging), SOON_SECONDS + LATE_SECONDS
    )
    return [
        *([] if all(environment.hung(operation) for operation in hanging) else ["not every step hung"]),
        *([] if returned else ["not every step that returned late found another worker"]),
        *(["a process ended"] if service_manager.statuses(environment.directory)[before:] else []),
    ]


def restore(environment: Environment, operations: list[str]) -> list[str]:
    """The usual workers."""
    environment.kill("worker")
    environment.start_worker()
    return []


def _restart(environment: Environment, hung_after: int) -> None:
    environment.kill("worker")
    processes, environment.processes = environment.processes, 1
    environment.start_worker(**{LONGEST_STEP: str(LONGEST_STEP_SECONDS), HUNG_AFTER: str(hung_after)})
    environment.processes = processes
