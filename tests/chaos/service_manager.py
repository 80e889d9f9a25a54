"""Keeps worker processes running as a service manager does: one that ends is started again.

It forks them from a parent that has read the product's modules, so that a new one is ready in a moment.
"""

import contextlib
import json
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

from celery import Celery

from demo.processes import end_with_parent

# Variables of the processes, in seconds, for the rows in which a step hangs: the longest step, and how long it may go on after
# the end of its lease.
LONGEST_STEP, HUNG_AFTER = "CHAOS_LONGEST_STEP", "CHAOS_HUNG_AFTER"
REPLICATES_WITHIN = "CHAOS_REPLICATES_WITHIN"  # seconds
ENDED = "ended"  # below the environment's directory: the exit status of each process that ended by itself, one a line


def keep_running(processes: int, start: Callable[[int], object], directory: Path) -> int:
    """Fork so many children, each of which calls `start` with its number, until SIGTERM, which is passed on to them."""
    children: dict[int, int] = {}  # number by process ID
    stopping: list[int] = []

    def stop(number: int, frame: object) -> None:
        stopping.append(number)
        for child in children:
            os.kill(child, signal.SIGTERM)

    signal.signal(signal.SIGTERM, stop)
    while children or not stopping:
        for number in range(processes):
            if number not in children.values() and not stopping:
                with _blocked(signal.SIGTERM):
                    children[_fork(number, start)] = number
        process, status = os.wait()
        children.pop(process, None)
        if not stopping:
            with (directory / ENDED).open("a") as file:
                file.write(json.dumps(os.waitstatus_to_exitcode(status)) + "\n")
    return 0


@contextlib.contextmanager
def _blocked(number: signal.Signals) -> Iterator[None]:
    """Deliver the signal after the block: its handler must know a child that was just forked."""
    signal.pthread_sigmask(signal.SIG_BLOCK, [number])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [number])


def statuses(directory: Path) -> list[int]:
    """The exit statuses of the processes that ended by themselves or were killed, in order; negative for a signal."""
    file = directory / ENDED
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def _fork(number: int, start: Callable[[int], object]) -> int:
    child = os.fork()
    if child:
        return child
    status: object = 1
    try:
        end_with_parent()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
        start(number)
        status = 0
    except SystemExit as ended:
        status = ended.code or 0
    except BaseException:  # noqa: BLE001  the child must not run its parent's code after this
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status if isinstance(status, int) else 1)


def run(app: Celery, arguments: list[str], directory: Path) -> int:
    """Keep `worker PROCESSES ARGUMENTS...` running, each process under a name of its own; run any other command of Celery."""
    if arguments[0] != "worker":
        app.start(arguments)  # ends by SystemExit
    command, processes, *rest = arguments
    app.loader.import_default_modules()
    return keep_running(
        int(processes), lambda number: app.start([command, *rest, "--hostname", f"worker{number}@%h"]), directory
    )
