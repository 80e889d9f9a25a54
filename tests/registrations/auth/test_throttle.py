"""Wrong passwords are counted by name, address and site, and further ones refused."""

from datetime import timedelta

import pytest
import time_machine
from django.contrib.auth.models import User
from django.utils import timezone

from registrations.auth import throttle
from registrations.models import AuditEvent, LoginAttempt
from tests import factories
from tests.registrations.auth.sign_in import is_signed_in, sign_in

pytestmark = pytest.mark.django_db


def test_the_sixth_attempt_is_refused_even_with_the_correct_password(operator: User) -> None:
    for _ in range(5):
        sign_in("olga", "wrong")
    assert not is_signed_in(sign_in("olga", factories.PASSWORD))
    assert AuditEvent.objects.filter(action="staff.sign_in_refused").count() == 5


def test_another_address_or_name_is_not_throttled(operator: User, auditor: User) -> None:
    for _ in range(5):
        sign_in("olga", "wrong")
    assert is_signed_in(sign_in("olga", factories.PASSWORD, address="192.0.2.2"))
    assert is_signed_in(sign_in("arthur", factories.PASSWORD))


def test_the_throttle_ends_after_fifteen_minutes(operator: User) -> None:
    for _ in range(5):
        sign_in("olga", "wrong")
    with time_machine.travel(timezone.now() + timedelta(minutes=15, seconds=1)):
        assert not throttle.is_throttled("OLGA ", "192.0.2.1")


def test_spelling_the_name_differently_does_not_help(operator: User) -> None:
    for _ in range(5):
        sign_in("olga", "wrong")
    assert throttle.is_throttled(" OLGA", "192.0.2.1")


def test_all_addresses_of_one_ipv6_site_count_together(operator: User) -> None:
    for number in range(5):
        sign_in("olga", "wrong", address=f"2001:db8:1:2::{number:x}")
    assert not is_signed_in(sign_in("olga", factories.PASSWORD, address="2001:db8:1:2:ffff::1"))
    assert is_signed_in(sign_in("olga", factories.PASSWORD, address="2001:db8:1:3::1"))


def test_an_ipv4_mapped_address_counts_as_its_ipv4_address() -> None:
    assert throttle.network_of("::ffff:192.0.2.1") == throttle.network_of("192.0.2.1") == "192.0.2.1"
    assert throttle.network_of("::ffff:192.0.2.2") != "192.0.2.1"
    assert throttle.network_of("no address") == throttle.network_of(None) == ""


def test_guesses_of_one_name_from_many_addresses_are_throttled(operator: User, auditor: User) -> None:
    make_attempts(throttle.MAX_FOR_NAME, name="olga")
    assert not is_signed_in(sign_in("olga", factories.PASSWORD, address="192.0.2.200"))
    assert is_signed_in(sign_in("arthur", factories.PASSWORD, address="192.0.2.200"))


def test_guesses_of_many_names_from_one_address_are_throttled(operator: User) -> None:
    make_attempts(throttle.MAX_FROM_ADDRESS, address="192.0.2.1")
    assert not is_signed_in(sign_in("olga", factories.PASSWORD, address="192.0.2.1"))
    assert is_signed_in(sign_in("olga", factories.PASSWORD, address="192.0.2.2"))


def make_attempts(number: int, *, name: str = "", address: str = "") -> None:
    """Wrong passwords; what is not given is another one each time."""
    for each in range(number):
        made = throttle.count_attempt(name or f"name{each}", address or f"192.0.2.{each}")
        assert made, "stopped before the limit"


def test_concurrent_guesses_are_counted_before_they_are_checked(
    operator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bool] = []

    def check_password_slowly(user: User, password: str) -> bool:
        """While this password is being compared, the next request comes in."""
        if len(seen) < 20:
            seen.append(True)
            sign_in("olga", "wrong")
        return False

    monkeypatch.setattr(User, "check_password", check_password_slowly)
    sign_in("olga", "wrong")
    assert len(seen) == throttle.MAX_FOR_NAME_AND_ADDRESS


def test_correct_passwords_do_not_count(operator: User) -> None:
    for _ in range(throttle.MAX_FOR_NAME_AND_ADDRESS + 2):
        assert is_signed_in(sign_in("olga", factories.PASSWORD))
    assert not LoginAttempt.objects.exists()


def test_attempts_that_no_longer_count_are_deleted(operator: User) -> None:
    sign_in("olga", "wrong")
    assert throttle.delete_old_attempts() == 0
    with time_machine.travel(timezone.now() + timedelta(minutes=15, seconds=1)):
        assert throttle.delete_old_attempts() == 1
    assert AuditEvent.objects.filter(action="staff.sign_in_refused").exists()
