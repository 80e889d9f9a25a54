"""What administrators do to people asks for their own password again."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from time_machine import TimeMachineFixture

from registrations.models import AuditEvent
from tests import factories

pytestmark = pytest.mark.django_db
NEW = "a long and new password 4711"


def change_of(person: User) -> tuple[str, dict[str, str]]:
    address = reverse("admin:auth_user_change", args=[person.pk])
    values = {"username": person.username, "first_name": "Olivia", "last_name": "", "email": "", "is_staff": "on"}
    return address, {**values, "is_active": "on"}


def test_a_stolen_session_changes_nobody(superuser_client: Client, operator: User) -> None:
    address, values = change_of(operator)
    answer = superuser_client.post(address, values)
    assert "Confirm your password" in answer.content.decode()
    assert 'name="first_name" value="Olivia"' in answer.content.decode()  # what was edited is kept
    superuser_client.post(address, {**values, "own_password": "wrong"})
    operator.refresh_from_db()
    assert operator.first_name == "Olga"
    assert AuditEvent.objects.filter(action="staff.sign_in_refused").count() == 1


@pytest.mark.parametrize("page", ["auth_user_add", "auth_group_add", "auth_user_password_change"])
def test_forms_about_people_open_after_the_password(superuser_client: Client, operator: User, page: str) -> None:
    arguments = [operator.pk] if page.endswith("change") else []
    address = reverse(f"admin:{page}", args=arguments)
    assert "Confirm your password" in superuser_client.get(address).content.decode()
    sent = {"own_password": factories.PASSWORD, "own_password_opens": "yes"}
    answer = superuser_client.post(address, sent)
    assert answer.headers["location"] == address
    assert "Confirm your password" not in superuser_client.get(address).content.decode()


def test_a_new_password_is_never_written_into_the_page(superuser_client: Client, operator: User) -> None:
    address = reverse("admin:auth_user_password_change", args=[operator.pk])
    page = superuser_client.post(address, {"password1": NEW, "password2": NEW}).content.decode()
    assert "Confirm your password" in page
    assert NEW not in page
    operator.refresh_from_db()
    assert not operator.check_password(NEW)


def test_the_confirmation_lasts_ten_minutes(
    superuser_client: Client, operator: User, time_machine: TimeMachineFixture
) -> None:
    address, values = change_of(operator)
    assert superuser_client.post(address, {**values, "own_password": factories.PASSWORD}).status_code == 302
    operator.refresh_from_db()
    assert operator.first_name == "Olivia"
    assert superuser_client.post(address, {**values, "first_name": "Ottilie"}).status_code == 302
    time_machine.move_to(timezone.now() + timedelta(minutes=11))
    assert superuser_client.post(address, {**values, "first_name": "Oda"}).status_code == 200
    operator.refresh_from_db()
    assert operator.first_name == "Ottilie"


def test_guesses_are_throttled_as_at_the_sign_in(superuser_client: Client, operator: User) -> None:
    address, values = change_of(operator)
    for _ in range(5):
        superuser_client.post(address, {**values, "own_password": "wrong"})
    page = superuser_client.post(address, {**values, "own_password": factories.PASSWORD}).content.decode()
    assert "Too many wrong passwords" in page
    operator.refresh_from_db()
    assert operator.first_name == "Olga"


def test_others_are_refused_before_any_question(operator_client: Client, operator: User) -> None:
    group = Group.objects.get(name="operators")
    for name, arguments in (("user_add", []), ("user_change", [operator.pk]), ("group_change", [group.pk])):
        assert operator_client.post(reverse(f"admin:auth_{name}", args=arguments), {}).status_code == 403
