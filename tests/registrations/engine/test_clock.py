"""Clocks that differ or were set back."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from registrations.engine import clock
from registrations.engine import lease as leases
from registrations.errors import NotYetError, RemoteUnavailableError
from registrations.models import Operation
from tests.registrations.engine.operations import MakeOperation, run_once, succeeds

pytestmark = pytest.mark.django_db


def test_a_clock_set_back_delays_no_operation_for_hours(make_operation: MakeOperation, time_machine: Any) -> None:
    def not_yet(operation: Operation) -> str:
        raise NotYetError("Copying.")

    now = timezone.now()
    time_machine.move_to(now + timedelta(hours=5), tick=True)
    operation = run_once(make_operation(not_yet))
    time_machine.move_to(now, tick=True)
    assert clock.fix_clock_skew() == 1
    operation.refresh_from_db()
    assert operation.next_attempt_at is not None
    assert operation.next_attempt_at <= now + timedelta(seconds=5)


def test_a_retry_after_starts_again_when_the_clock_is_set_back(
    make_operation: MakeOperation, time_machine: Any
) -> None:
    def busy(operation: Operation) -> str:
        raise RemoteUnavailableError("Busy.", retry_after=timedelta(minutes=10))

    now = timezone.now()
    time_machine.move_to(now + timedelta(minutes=55), tick=True)
    operation = run_once(make_operation(busy))
    time_machine.move_to(now, tick=True)
    assert [clock.fix_clock_skew(), clock.fix_clock_skew()] == [1, 0]
    operation.refresh_from_db()
    assert operation.next_attempt_at is not None
    assert timedelta(minutes=9) < operation.next_attempt_at - now < timedelta(minutes=11)


def test_a_lease_written_by_a_fast_clock_expires_on_time(make_operation: MakeOperation) -> None:
    operation = make_operation(succeeds)
    assert Operation.objects.claim(operation.pk, "dead", timezone.now() + timedelta(hours=5), leases.DURATION)
    clock.fix_clock_skew()
    operation.refresh_from_db()
    assert operation.leased_until is not None
    assert operation.leased_until <= timezone.now() + leases.DURATION


@pytest.mark.postgresql  # SQLite has no clock of its own
def test_a_clock_that_differs_from_the_databases_is_logged(time_machine: Any, caplog: pytest.LogCaptureFixture) -> None:
    clock.check_clock()
    assert caplog.messages == []
    time_machine.move_to(timezone.now() - timedelta(seconds=90))
    clock.check_clock()
    assert "Set it by NTP" in caplog.text
