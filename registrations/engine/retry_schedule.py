"""When a step is tried again, and when it is given up: the figures, and the two rules that use them."""

from datetime import timedelta

from django.utils import timezone

from registrations.models.steps import StepState

FIRST_PAUSE = timedelta(seconds=2)  # doubled with every attempt
LONGEST_PAUSE = timedelta(minutes=1)
LONGEST_RETRY_AFTER = timedelta(hours=1)  # that a remote service may ask for
LONGEST_RESERVATION = timedelta(minutes=1)  # of a queued bulk operation; longer than a stopped worker's calls take
GIVE_UP_AFTER = timedelta(hours=2)  # for one step; replication takes minutes, a UMP's maintenance longer
FEWEST_ATTEMPTS = 10  # before a step is given up, however long the pauses that were asked for
GRANT_REPLICATES_WITHIN = timedelta(minutes=5)  # of the first refusal: a grant or a new object is still being copied


def pause_after(attempts: int) -> timedelta:
    """The pause after this many attempts: 2, 4, 8 ... seconds, a minute at most."""
    doublings: int = min(max(attempts, 0), 10)
    return min(FIRST_PAUSE * (1 << doublings), LONGEST_PAUSE)


def is_overdue(step: StepState) -> bool:
    """Whether the step has been tried for too long, and often enough."""
    if step.started_at is None or step.attempts < FEWEST_ATTEMPTS:
        return False
    return timezone.now() - step.started_at - timedelta(seconds=step.uncounted) > GIVE_UP_AFTER


def leave_out(step: StepState, wait: timedelta) -> None:
    """Do not count this time: while nothing could be tried, a step does not become overdue."""
    if step.started_at:
        step.uncounted += max(0, round(wait.total_seconds()))


def may_be_replicating(step: StepState) -> bool:
    """Whether a refused permission may be a grant that is still being copied. Notes the first refusal on the step."""
    step.refused_at = step.refused_at or timezone.now()
    return timezone.now() - step.refused_at <= GRANT_REPLICATES_WITHIN
