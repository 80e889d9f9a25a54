"""Celery tasks, one line each. A task carries the ID of a row and means "look at this row".

The names under which they are registered are stored in messages and schedules, and never change.
"""

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from celery import shared_task
from django.db import transaction
from kombu.exceptions import OperationalError

from registrations import engine, request_limits
from registrations.auth import throttle
from registrations.models import Operation
from registrations.services import bulk_jobs

logger = logging.getLogger(__name__)

SOON = timedelta(minutes=1)  # longer waits are left to the sweep: the row is the queue, not the broker
STALE = timedelta(minutes=2)  # a message that no worker took by then; the sweep has sent another

# The broker serves queues in the order of their names (see CELERY_BROKER_TRANSPORT_OPTIONS).
QUEUES = {"interactive": "1-interactive", "mail": "3-mail", "bulk": "4-bulk"}


@shared_task
def run(operation_id: str) -> None:
    """Run one operation until it ends or must wait; enqueue it again if the wait is short."""
    if not engine.run(operation_id):
        return  # another worker has it, and enqueues it again: messages must not multiply
    started = bulk_jobs.after_run(operation_id)
    wait = engine.wait_of(operation_id)
    if wait is not None and wait <= SOON:
        enqueue(operation_id, after=wait)
    _enqueue_bulk(started)


@shared_task
def sweep() -> None:
    """Enqueue every operation that is due: its message may have been lost. Close the windows of counted requests."""
    engine.check_clock()
    engine.fix_clock_skew()
    due = engine.due()
    priorities = engine.priorities_of(due)
    for operation_id in due:
        enqueue(operation_id, priority=priorities.get(operation_id, ""))
    bulk_jobs.finish_cancelled()
    _enqueue_bulk(bulk_jobs.start_next())
    request_limits.close_windows()


@shared_task(name="registrations.tasks.feed_bulk_jobs")
def start_bulk_operations() -> None:
    """Start as many operations of bulk jobs as there is room for."""
    _enqueue_bulk(bulk_jobs.start_next())


@shared_task(name="registrations.tasks.forget_expired_credentials")
def delete_expired_credentials() -> None:
    """Delete administrators' tokens that have expired."""
    engine.delete_expired_credentials()


@shared_task(name="registrations.tasks.forget_old_password_tries")
def delete_old_login_attempts() -> None:
    """Delete login attempts that the throttle does not count any more."""
    throttle.delete_old_attempts()


def enqueue(operation_id: Any, after: timedelta = timedelta(), priority: str = "") -> bool:
    """Notify the workers of an operation. False if the broker cannot be reached: the sweep will find the row."""
    priority = priority or next(iter(engine.priorities_of([operation_id]).values()), "")
    try:
        run.apply_async(
            (str(operation_id),),
            queue=QUEUES.get(priority, QUEUES["interactive"]),
            countdown=after.total_seconds(),
            expires=(after + STALE).total_seconds(),
        )
    except OperationalError as error:
        logger.warning("The broker cannot be reached (%s): operation %s waits for the sweep.", error, operation_id)
        return False
    return True


def _enqueue_bulk(started: list[Any]) -> None:
    for operation_id, wait in engine.waits_of(started).items() if started else ():
        enqueue(operation_id, after=wait, priority=Operation.Priority.BULK)


def enqueue_on_commit(operation_id: Any) -> None:
    """Enqueue once the row is committed: a worker must not look for a row that is not there yet."""
    transaction.on_commit(lambda: enqueue(operation_id))


class Notifier:
    """Notifies workers of one operation after the other, within a request: after the first failure of no more.

    Each attempt takes seconds while the broker is away. The sweep finds the rows.
    """

    def __init__(self) -> None:
        self.broker_answers = True

    def enqueue_on_commit(self, operation_id: Any) -> None:
        """As the function of this name."""
        transaction.on_commit(lambda: self._unless_away(lambda: enqueue(operation_id)))

    def start_bulk_operations_on_commit(self) -> None:
        """As the function of this name."""
        transaction.on_commit(lambda: self._unless_away(notify_of_bulk_jobs))

    def _unless_away(self, notify: Callable[[], bool]) -> None:
        self.broker_answers = self.broker_answers and notify()


def start_bulk_operations_on_commit() -> None:
    """Start operations of bulk jobs once the change is committed; without a broker the sweep does it."""
    transaction.on_commit(notify_of_bulk_jobs)


def notify_of_bulk_jobs() -> bool:
    """Have a worker start operations of bulk jobs. False if the broker cannot be reached."""
    try:
        start_bulk_operations.apply_async()
    except OperationalError as error:
        logger.warning("The broker cannot be reached (%s): bulk jobs wait for the sweep.", error)
        return False
    return True
