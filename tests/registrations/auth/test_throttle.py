"""Wrong passwords are counted by name, network and both, and further ones refused."""

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


def test_another_network_or_name_is_not_throttled(operator: User, auditor: User) -> None:
    for _ in range(5):
        sign_in("olga", "wrong")
    assert is_signed_in(sign_in("olga", factories.PASSWORD, address="198.51.100.1"))
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


@pytest.mark.parametrize(
    ("first", "others", "same", "elsewhere"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2::{:x}", "2001:db8:1:2:ffff::1", "2001:db8:1:3::1"),
        ("192.0.2.1", "192.0.2.{}", "192.0.2.254", "192.0.3.1"),
        ("192.0.2.1", "::ffff:192.0.2.{}", "192.0.2.254", "::ffff:192.0.3.1"),
    ],
)
def test_all_addresses_of_one_network_count_together(
    operator: User, first: str, others: str, same: str, elsewhere: str
) -> None:
    sign_in("olga", "wrong", address=first)
    for number in range(2, 6):
        sign_in("olga", "wrong", address=others.format(number))
    assert not is_signed_in(sign_in("olga", factories.PASSWORD, address=same))
    assert is_signed_in(sign_in("olga", factories.PASSWORD, address=elsewhere))


def test_five_wrong_passwords_each_do_not_keep_an_office_out(operator: User, auditor: User) -> None:
    for name in [f"colleague{number}" for number in range(9)]:
        make_attempts(throttle.MAX_FOR_NAME_AND_NETWORK, name=name, address="192.0.2.1")
    sign_in("olga", "wrong", address="192.0.2.2")
    assert is_signed_in(sign_in("olga", factories.PASSWORD, address="192.0.2.2"))
    for _ in range(throttle.MAX_FROM_NETWORK):  # right passwords do not count
        assert is_signed_in(sign_in("arthur", factories.PASSWORD, address="192.0.2.3"))


def test_guesses_of_one_name_from_many_networks_are_throttled(operator: User, auditor: User) -> None:
    make_attempts(throttle.MAX_FOR_NAME, name="olga")
    assert not is_signed_in(sign_in("olga", factories.PASSWORD, address="198.51.100.200"))
    assert is_signed_in(sign_in("arthur", factories.PASSWORD, address="198.51.100.200"))


def test_guesses_of_many_names_from_one_network_are_throttled(operator: User) -> None:
    make_attempts(throttle.MAX_FROM_NETWORK, address="192.0.2.1")
    assert not is_signed_in(sign_in("olga", factories.PASSWORD, address="192.0.2.2"))
    assert is_signed_in(sign_in("olga", factories.PASSWORD, address="198.51.100.2"))


def make_attempts(number: int, *, name: str = "", address: str = "") -> None:
    """Wrong passwords; what is not given is another one each time."""
    for each in range(number):
        made = throttle.count_attempt(name or f"name{each}", address or f"10.0.{each}.1")
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
    assert len(seen) == throttle.MAX_FOR_NAME_AND_NETWORK


def test_correct_passwords_do_not_count(operator: User) -> None:
    for _ in range(throttle.MAX_FOR_NAME_AND_NETWORK + 2):
        assert is_signed_in(sign_in("olga", factories.PASSWORD))
    assert not LoginAttempt.objects.exists()


def test_attempts_that_no_longer_count_are_deleted(operator: User) -> None:
    sign_in("olga", "wrong")
    assert throttle.delete_old_attempts() == 0
    with time_machine.travel(timezone.now() + timedelta(minutes=15, seconds=1)):
        assert throttle.delete_old_attempts() == 1
    assert AuditEvent.objects.filter(action="staff.sign_in_refused").exists()
