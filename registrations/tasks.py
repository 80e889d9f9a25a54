"""Celery tasks: one line each. A task carries an id and says "look at this row"."""

import logging
from datetime import timedelta
from typing import Any

from celery import shared_task
from django.db import transaction
from kombu.exceptions import OperationalError

from registrations.services import bulk, leases, operations, sign_in

logger = logging.getLogger(__name__)

SOON = timedelta(minutes=1)  # longer waits are left to the sweep: the broker should not hold what the row says
STALE = timedelta(minutes=2)  # a bell that nobody heard by then: the sweep has rung again

# The broker serves queues in the order of their names (see CELERY_BROKER_TRANSPORT_OPTIONS).
QUEUES = {"interactive": "1-interactive", "mail": "3-mail", "bulk": "4-bulk"}


@shared_task
def run(operation_id: str) -> None:
    """Work on one operation until it ends or must wait; ring again if it must wait only shortly."""
    if not operations.run(operation_id):
        return  # another worker has it, and rings for it: bells must not multiply
    begun = bulk.after_turn(operation_id)
    pause = operations.pause_of(operation_id)
    if pause is not None and pause <= SOON:
        ring(operation_id, after=pause)
    _ring_in_line(begun)


@shared_task
def sweep() -> None:
    """Ring for every operation whose time has come: the doorbell may have been missed."""
    leases.look_at_clock()
    operations.mend_times()
    due = operations.due()
    lanes = operations.lanes_of(due)
    for operation_id in due:
        ring(operation_id, lane=lanes.get(operation_id, ""))
    bulk.settle_cancelled()
    _ring_in_line(bulk.feed())


@shared_task
def feed_bulk_jobs() -> None:
    """Begin what a bulk job may begin now."""
    _ring_in_line(bulk.feed())


@shared_task
def forget_expired_credentials() -> None:
    """Delete administrators' tokens whose time is over."""
    operations.forget_expired_credentials()


@shared_task
def forget_old_password_tries() -> None:
    """Delete typed passwords that the throttle no longer counts."""
    sign_in.forget_old_tries()


def ring(operation_id: Any, after: timedelta = timedelta(), lane: str = "") -> bool:
    """Tell the workers of an operation. False where the broker cannot be reached: the sweep will find the row."""
    lane = lane or next(iter(operations.lanes_of([operation_id]).values()), "")
    try:
        run.apply_async(
            (str(operation_id),),
            queue=QUEUES.get(lane, QUEUES["interactive"]),
            countdown=after.total_seconds(),
            expires=(after + STALE).total_seconds(),
        )
    except OperationalError as error:
        logger.warning("The broker cannot be reached (%s): operation %s waits for the sweep.", error, operation_id)
        return False
    return True


def _ring_in_line(begun: list[Any]) -> None:
    for operation_id, wait in operations.waits_of(begun).items() if begun else ():
        ring(operation_id, after=wait, lane=operations.BULK)


def ring_on_commit(operation_id: Any) -> None:
    """Ring once the row is committed: a worker must not look for a row that is not there yet."""
    transaction.on_commit(lambda: ring(operation_id))


def feed_on_commit() -> None:
    """Have bulk jobs fed once the change is committed; without a broker the sweep does it."""

    def tell() -> None:
        try:
            feed_bulk_jobs.apply_async()
        except OperationalError as error:
            logger.warning("The broker cannot be reached (%s): bulk jobs wait for the sweep.", error)

    transaction.on_commit(tell)
