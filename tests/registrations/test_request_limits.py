"""The counters of what strangers cause: atomic, bounded, and one history entry when a window closes."""

from datetime import timedelta

import pytest
from django.utils import timezone
from time_machine import TimeMachineFixture

from registrations import audit, request_limits, tasks
from registrations.auth import throttle
from registrations.models import AuditEvent, RequestWindow

pytestmark = pytest.mark.django_db
LIMIT = request_limits.Limit("forms", 3, timedelta(hours=1))
ABOUT = audit.Subject("invitation", "7", "Invitation of Contoso (c1)")


def take(key: str = "key") -> timedelta | None:
    return request_limits.take(LIMIT, key, action="invitation.forms_counted", subject=ABOUT)


def test_what_is_over_the_limit_is_refused_with_the_time_to_wait() -> None:
    assert [take() for _ in range(3)] == [None] * 3
    wait = take()
    assert wait is not None
    assert timedelta(0) < wait <= timedelta(hours=1)
    assert take("another") is None
    row = RequestWindow.objects.get(refused__gt=0)
    assert (row.count, row.refused) == (3, 1)
    assert "key" not in row.key_hash


def test_a_closed_window_becomes_one_entry(time_machine: TimeMachineFixture) -> None:
    for _ in range(300):
        take()
    assert not AuditEvent.objects.exists()
    tasks.sweep()
    assert RequestWindow.objects.count() == 1  # it has not closed yet
    time_machine.move_to(timezone.now() + timedelta(hours=1))
    assert take() is None  # a new window
    tasks.sweep()
    tasks.sweep()
    event = AuditEvent.objects.get()
    assert (event.action, event.subject_id, event.after["over_the_limit"]) == ("invitation.forms_counted", "7", 297)
    assert RequestWindow.objects.count() == 1
    assert audit.first_broken() is None


def test_a_window_without_refusals_leaves_nothing(time_machine: TimeMachineFixture) -> None:
    take()
    time_machine.move_to(timezone.now() + timedelta(hours=2))
    request_limits.close_windows()
    assert not RequestWindow.objects.exists()
    assert not AuditEvent.objects.exists()


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("198.51.100.7", "198.51.100.0/24"),
        ("::ffff:198.51.100.7", "198.51.100.0/24"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("unix", ""),
        (None, ""),
    ],
)
def test_addresses_of_one_network_count_together(address: str | None, network: str) -> None:
    assert request_limits.network_of(address) == network


def test_refused_sign_ins_of_invented_names_do_not_fill_the_history() -> None:
    for number in range(300):
        throttle.record_refusal(f"name{number}", f"10.{number // 200}.{number % 200}.1", "sign-in")
    assert AuditEvent.objects.filter(action=throttle.REFUSED).count() == 50
    assert RequestWindow.objects.count() == 1
