"""Sessions of staff and customers end on the server: idle, too old, or when their person loses a right."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, User
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from time_machine import TimeMachineFixture

from registrations.auth import sessions
from tests import factories

pytestmark = pytest.mark.django_db
HOME = "/admin/"


def later(clock: TimeMachineFixture, **span: float) -> None:
    clock.move_to(timezone.now() + timedelta(**span))


def is_signed_in(client: Client, **headers: str) -> bool:
    return client.get("/admin/password_change/", headers=headers).status_code == 200


def test_an_idle_session_ends_after_an_hour(operator_client: Client, time_machine: TimeMachineFixture) -> None:
    assert is_signed_in(operator_client)
    later(time_machine, minutes=59)
    assert is_signed_in(operator_client)
    later(time_machine, minutes=59)
    assert is_signed_in(operator_client)
    later(time_machine, minutes=61)
    assert not is_signed_in(operator_client)
    assert not Session.objects.exists()


def test_a_busy_session_ends_after_twelve_hours(operator_client: Client, time_machine: TimeMachineFixture) -> None:
    for _ in range(24):
        assert is_signed_in(operator_client)
        later(time_machine, minutes=30)
    assert not is_signed_in(operator_client)


def test_a_page_that_updates_itself_keeps_nobody_signed_in(
    operator_client: Client, time_machine: TimeMachineFixture
) -> None:
    assert is_signed_in(operator_client)
    for _ in range(3):
        later(time_machine, minutes=15)
        assert is_signed_in(operator_client, sec_fetch_dest="empty")
    later(time_machine, minutes=16)
    assert not is_signed_in(operator_client)


def test_a_session_of_a_deactivated_person_never_comes_back(operator: User, operator_client: Client) -> None:
    assert is_signed_in(operator_client)
    User.objects.filter(pk=operator.pk).update(is_active=False)
    assert not is_signed_in(operator_client)
    User.objects.filter(pk=operator.pk).update(is_active=True)
    assert not is_signed_in(operator_client)


def test_all_sessions_of_one_person_end_and_no_others(
    operator: User, operator_client: Client, auditor_client: Client
) -> None:
    second = Client(headers={"host": "localhost"})
    second.force_login(operator)
    assert sessions.end_all(operator) == 2
    assert not is_signed_in(operator_client)
    assert not is_signed_in(second)
    assert is_signed_in(auditor_client)


def test_a_new_password_ends_the_persons_other_sessions(operator: User, operator_client: Client) -> None:
    assert is_signed_in(operator_client)
    operator.set_password("another long password 4711")
    operator.save()
    assert not is_signed_in(operator_client)


@pytest.mark.parametrize("field", ["is_active", "groups"])
def test_a_change_of_rights_by_an_administrator_ends_sessions(
    operator: User, operator_client: Client, field: str, db: None
) -> None:
    root = Client(headers={"host": "localhost"})
    root.force_login(User.objects.create_superuser("root", password=factories.PASSWORD))
    values = {"username": "olga", "first_name": "Olga", "last_name": "Operator", "email": "", "is_active": "on"}
    values |= {
        "is_staff": "on",
        "groups": str(Group.objects.get(name="operators").pk),
        "own_password": factories.PASSWORD,
    }
    del values[field]
    root.post(reverse("admin:auth_user_change", args=[operator.pk]), values)
    User.objects.filter(pk=operator.pk).update(is_active=True)  # before the session was used again
    assert not is_signed_in(operator_client)
