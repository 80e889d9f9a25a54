"""The watchdog of a worker process: a thread that ends it in time after a stop, and where a thread of it hangs.

Celery's pool of threads has no hard time limit: a thread cannot be killed. Calls, statements and answers have limits of
their own; what hangs all the same (a name server, a lock in a library) would hold its thread for ever. So the whole
process ends. Its other operations are handed back first, and the service manager starts it again.
"""

import logging
import os
import threading
import time
from collections.abc import Callable
from datetime import timedelta

from registrations.engine import lease as leases
from registrations.engine import shutdown

logger = logging.getLogger(__name__)

HUNG_AFTER = timedelta(seconds=30)  # past the end of its lease a step still runs: longer than a call's own time limit
LONGEST_TASK = timedelta(minutes=10)  # a run may take two minutes, its last step four, and the end of its lease one
HUNG_STATUS = os.EX_TEMPFAIL  # the exit status of a process whose thread hung

_tasks: dict[int, tuple[str, float]] = {}  # by thread: the task's name, and the monotonic time at which it began


def start(stop_consuming: Callable[[int], None]) -> None:
    """Watch this process from now on. Called once, when a worker starts.

    `stop_consuming` gets the exit status if a thread hangs: from then on the process must take no more messages.
    """
    threading.Thread(target=watch, args=(stop_consuming,), name="watchdog", daemon=True).start()


def watch(stop_consuming: Callable[[int], None]) -> None:
    """Until the process ends. It does not use the database, which may be what the other threads wait for."""
    status = 0
    while not shutdown.wait_for_stop(shutdown.CHECK_EVERY):
        hung = _what_hangs()
        if hung:
            logger.error(
                "%s. Its thread cannot be ended: this worker hands its other operations back and exits with status %d, "
                "for the service manager to start it again.",
                hung,
                HUNG_STATUS,
            )
            status = HUNG_STATUS
            stop_consuming(status)
            shutdown.stop_worker()
    _let_others_finish()
    os._exit(status)


def task_begins(name: str) -> None:
    """This thread begins a task."""
    _tasks[threading.get_ident()] = (name, time.monotonic())


def task_ends() -> None:
    """This thread's task has ended."""
    _tasks.pop(threading.get_ident(), None)


def _what_hangs() -> str:
    """What hangs and why it counts as hanging, as the beginning of a log line; "" if nothing does."""
    now = time.monotonic()
    for lease in leases.running():
        if lease.ended_for(now) > HUNG_AFTER.total_seconds():
            return f"The step {lease.started_step} of operation {lease.operation_id} hangs, and its lease has ended"
    for name, began in list(_tasks.values()):
        if now - began > LONGEST_TASK.total_seconds():
            return f"The task {name} hangs"
    return ""


def _let_others_finish() -> None:
    """Wait until the running steps had their time; then until their operations are handed back, three seconds at most."""
    while (left := shutdown.time_to_finish()) > -shutdown.HAND_BACK_WITHIN:
        if left < 0 and all(lease.is_handed_back for lease in leases.running()):
            return
        time.sleep(shutdown.CHECK_STOPPING_EVERY)
