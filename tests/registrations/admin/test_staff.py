"""The pages of staff and groups: no hash is shown, and each change is in the history."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils.html import strip_tags

from registrations.models import AuditEvent
from tests import factories

pytestmark = pytest.mark.django_db


def title_of(answer: Any) -> str:
    """The way to the page, as it is read."""
    page = answer.content.decode()
    heading = page[page.index("<h1") : page.index("</h1>")]
    return " > ".join(part.strip() for part in strip_tags(heading).replace("chevron_right", "|").split("|"))


def test_groups_of_staff_are_checkboxes(superuser_client: Client, operator: User) -> None:
    answer = superuser_client.get(reverse("admin:auth_user_change", args=[operator.pk]))
    assert title_of(answer).startswith("Staff > People > ")
    page = answer.content.decode()
    assert 'type="checkbox" name="groups"' in " ".join(page.split())
    assert "selectfilter" not in page
    assert "Administrator" in page
    assert title_of(superuser_client.get(reverse("admin:auth_group_changelist"))) == "Staff > Groups"


def test_dates_show_their_time_zone(superuser_client: Client, operator: User) -> None:
    User.objects.update(last_login=datetime(2026, 12, 23, 14, 59, tzinfo=UTC))
    people = superuser_client.get(reverse("admin:auth_user_changelist")).content.decode()
    assert "2026-12-23 14:59 UTC" in people


def test_no_part_of_a_password_hash_is_shown(operator: User) -> None:
    client = Client(headers={"host": "localhost"})
    client.force_login(User.objects.create_superuser("root", password=factories.PASSWORD))
    page = client.get(reverse("admin:auth_user_change", args=[operator.pk])).content.decode()
    assert "algorithm" not in page
    assert operator.password.split("$")[-1][:6] not in page
    assert "Set a new password" in page


def test_a_group_change_is_in_the_history(operator: User, db: None) -> None:
    client = Client(headers={"host": "localhost"})
    client.force_login(User.objects.create_superuser("root", password=factories.PASSWORD))
    values = {
        "username": "olga",
        "first_name": "Olga",
        "last_name": "Operator",
        "email": "",
        "is_active": "on",
        "is_staff": "on",
        "own_password": factories.PASSWORD,
    }
    client.post(reverse("admin:auth_user_change", args=[operator.pk]), values)
    event = AuditEvent.objects.get()
    assert (event.action, event.actor_label, event.after["groups"]) == ("staff.changed", "root", [])
    password = "another long password"
    client.post(
        reverse("admin:auth_user_password_change", args=[operator.pk]),
        {"password1": password, "password2": password, "usable_password": "true"},
    )
    newest = AuditEvent.objects.first()
    assert newest
    assert newest.action == "staff.password_changed"
    assert password not in f"{newest.after}"


def test_changing_ones_own_password_is_in_the_history(operator: User, operator_client: Client) -> None:
    new = "another long password"
    address = reverse("admin:password_change")
    wrong = {"old_password": "wrong", "new_password1": new, "new_password2": new}
    assert "The password is wrong" in operator_client.post(address, wrong).content.decode()
    refused = AuditEvent.objects.get()
    assert (refused.action, refused.actor_label, refused.after) == (
        "staff.sign_in_refused",
        "olga",
        {"where": "password change"},
    )
    assert operator_client.post(address, {**wrong, "old_password": factories.PASSWORD}).status_code == 302
    event = AuditEvent.objects.first()
    assert event
    assert (event.action, event.actor_label, event.after) == ("staff.password_changed", "Olga Operator", {})
    operator.refresh_from_db()
    assert operator.check_password(new)


def test_the_password_change_page_throttles_guesses(operator: User) -> None:
    client = Client(headers={"host": "localhost"})
    client.force_login(operator)
    address = reverse("admin:password_change")
    new = {"new_password1": "another long password", "new_password2": "another long password"}
    for _ in range(5):
        client.post(address, {**new, "old_password": "wrong"})
    answer = client.post(address, {**new, "old_password": factories.PASSWORD})
    assert "Too many wrong passwords" in answer.content.decode()
    operator.refresh_from_db()
    assert operator.check_password(factories.PASSWORD)
    assert AuditEvent.objects.filter(action="staff.sign_in_refused").count() == 5


ADD = "admin:auth_user_add"
NEW = {"username": "nina", "password1": "quiet-river-lamp-42", "password2": "quiet-river-lamp-42"}


def test_a_person_added_with_the_defaults_can_sign_in(confirmed_client: Client) -> None:
    form = confirmed_client.get(reverse(ADD)).context["adminform"].form
    assert form["role"].value() == "auditors"
    answer = confirmed_client.post(reverse(ADD), {**NEW, "role": form["role"].value()}, follow=True)
    assert "nina can sign in now: auditors." in answer.content.decode()
    browser = Client(headers={"host": "localhost"})
    signed_in = browser.post(reverse("admin:login"), {"username": "nina", "password": NEW["password1"]}, follow=True)
    assert "Needs attention" in signed_in.content.decode()
    assert AuditEvent.objects.get(action="staff.added").after["groups"] == ["auditors"]


@pytest.mark.parametrize("values", [{}, {"role": ""}, {"role": "nobody"}, {"role": "auditors", "password1": ""}])
def test_a_person_who_could_not_work_is_not_added(confirmed_client: Client, values: dict[str, str]) -> None:
    assert confirmed_client.post(reverse(ADD), {**NEW, **values}).status_code == 200
    assert not User.objects.filter(username="nina").exists()


def test_an_administrator_needs_no_group(confirmed_client: Client) -> None:
    confirmed_client.post(reverse(ADD), {**NEW, "role": "administrator"})
    person = User.objects.get(username="nina")
    assert (person.is_staff, person.is_superuser, person.groups.count()) == (True, True, 0)


def test_the_list_names_people_who_cannot_work(superuser_client: Client, stranger: User, operator: User) -> None:
    operator.groups.clear()
    page = superuser_client.get(reverse("admin:auth_user_changelist")).content.decode()
    assert "cannot sign in, because May sign in is off" in page
    assert "sees nothing, because no group is chosen" in page
