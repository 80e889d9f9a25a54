"""Clocks that differ or were set back: what the log says about it, and how times that lie too far ahead are corrected."""

import logging
from datetime import datetime, timedelta
from typing import cast

from django.db import connection, models
from django.utils import timezone

from registrations.engine import lease
from registrations.engine.retry_schedule import LONGEST_PAUSE, LONGEST_RESERVATION, LONGEST_RETRY_AFTER
from registrations.models import Operation

logger = logging.getLogger(__name__)

TOLERANCE = min(timedelta(seconds=30), lease.DURATION / 2)  # two machines' clocks may differ this much


def check_clock() -> None:
    """Log an error if this machine's clock is not the database's: leases are written and judged by machines' clocks.

    A lease is renewed while three quarters of it are left, so a smaller difference does no harm.
    """
    if connection.vendor != "postgresql":
        return  # SQLite has no clock of its own: all processes are on one machine
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        (theirs,) = cursor.fetchone()
    away = abs(timezone.now() - theirs)
    if away > TOLERANCE:
        logger.error(
            "This machine's clock is %d s away from the database's. Set it by NTP: operations may be claimed while another "
            "worker still runs them.",
            away.total_seconds(),
        )


def fix_clock_skew() -> int:
    """Correct times that lie further ahead than any that SyncPortal writes; the number of rows changed.

    The clock was set back, and otherwise operations would wait for hours.
    """
    now, bulk = timezone.now(), Operation.Priority.BULK
    leased = Operation.objects.filter(status=Operation.Status.RUNNING, leased_until__gt=now + lease.DURATION)
    reserved = models.Q(priority=bulk, next_attempt_at__gt=now + LONGEST_RESERVATION)
    at_once = ~models.Q(priority=bulk) & models.Q(next_attempt_at__gt=now + lease.SETTLE)
    queued = Operation.objects.filter(reserved | at_once, status=Operation.Status.QUEUED)
    return leased.update(leased_until=now + lease.DURATION) + queued.update(next_attempt_at=now) + _fix_waits(now)


def _fix_waits(now: datetime) -> int:
    """Waits that began in the future last as long as they were meant to, counted from now."""
    waiting = Operation.objects.filter(status=Operation.Status.WAITING, next_attempt_at__gt=now + LONGEST_PAUSE)
    fixed = 0
    for operation in waiting.only("steps", "next_attempt_at", "error_code"):
        step, due = operation.current_step, cast(datetime, operation.next_attempt_at)
        began = step.waits_since if step else None
        if step and began and began > now + TOLERANCE:
            pause = min(max(due - began, timedelta()), LONGEST_RETRY_AFTER)
            step.waits_since = now
        elif due > now + LONGEST_RETRY_AFTER:
            pause = LONGEST_RETRY_AFTER
        else:
            continue
        # If somebody resumed or cancelled it meanwhile, its time has changed.
        same = Operation.objects.filter(pk=operation.pk, status=Operation.Status.WAITING, next_attempt_at=due)
        fixed += same.update(next_attempt_at=now + pause, steps=operation.steps)
    return fixed
