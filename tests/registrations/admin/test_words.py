"""What stands around forms and lists: titles, dates, buttons, and what is said after a refusal."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils.html import strip_tags

from registrations import audit
from registrations.models import AuditEvent, EntraTenant, Operation, UmpInstance
from registrations.services import provisioning
from tests import factories
from tests.registrations.admin.conftest import OLGA, form_values, page_of

pytestmark = pytest.mark.django_db


def title_of(answer: Any) -> str:
    """The way to the page, as it is read."""
    page = answer.content.decode()
    heading = page[page.index("<h1") : page.index("</h1>")]
    return " > ".join(part.strip() for part in strip_tags(heading).replace("chevron_right", "|").split("|"))


def test_titles_speak_as_the_menu_does(operator_client: Client, instance: UmpInstance) -> None:
    operation = provisioning.request(instance, actor=OLGA)
    with audit.atomic():
        audit.record("staff.signed_in", actor=OLGA)
    event = AuditEvent.objects.get(action="staff.signed_in")
    found = {
        page_of(instance): f"Service providers > UMP instances > {instance.host}",
        reverse("admin:registrations_umpinstance_add"): "Service providers > UMP instances > Add UMP instance",
        page_of(operation): f"Activity > Operations > Provision the sync app: {instance.host}",
        page_of(event): "Activity > History > Olga Operator signed in",
        reverse("admin:registrations_auditevent_changelist"): "Activity > History",
        "/admin/": "Start",
    }
    assert {address: title_of(operator_client.get(address)) for address in found} == found


def test_people_are_called_people_and_their_groups_are_ticks(superuser_client: Client, operator: User) -> None:
    answer = superuser_client.get(reverse("admin:auth_user_change", args=[operator.pk]))
    assert title_of(answer).startswith("Staff > People > ")
    page = answer.content.decode()
    assert 'type="checkbox" name="groups"' in " ".join(page.split())
    assert "selectfilter" not in page
    assert "Administrator" in page
    assert title_of(superuser_client.get(reverse("admin:auth_group_changelist"))) == "Staff > Groups"


def test_the_history_links_nobody_to_a_page_they_may_not_open(
    operator_client: Client, superuser_client: Client, operator: User
) -> None:
    with audit.atomic():
        audit.record("staff.signed_in", actor=OLGA, subject=operator)
    event = AuditEvent.objects.get(action="staff.signed_in")
    address = reverse("admin:auth_user_change", args=[operator.pk])
    assert address not in operator_client.get(page_of(event)).content.decode()
    assert address in superuser_client.get(page_of(event)).content.decode()


def test_a_refused_form_asks_for_the_secret_again(operator_client: Client, tenant: EntraTenant) -> None:
    values = {**form_values(operator_client.get(page_of(tenant))), "client_id": "x"}
    assert "Type the secret again" not in operator_client.post(page_of(tenant), values).content.decode()
    answer = operator_client.post(page_of(tenant), {**values, "client_secret": "typed-once"}).content.decode()
    assert "Type the secret again" in answer
    assert "typed-once" not in answer


def test_a_wrong_password_is_said_once_at_the_sign_in(db: None) -> None:
    client = Client(headers={"host": "localhost"})
    page = client.post(reverse("admin:login"), {"username": "olga", "password": "wrong"}).content.decode()
    assert "do not match an active member of staff" in page
    assert "Please correct" not in page
    assert "Mend the marked" not in page
    assert "Mend the marked fields" in client.post(reverse("admin:login"), {"username": ""}).content.decode()


def test_dates_name_their_zone_and_sort(superuser_client: Client, operator: User) -> None:
    User.objects.update(last_login=datetime(2026, 12, 23, 14, 59, tzinfo=UTC))
    people = superuser_client.get(reverse("admin:auth_user_changelist")).content.decode()
    assert "2026-12-23 14:59 UTC" in people


def test_the_first_person_is_an_administrator_made_at_the_command_line(db: None) -> None:
    call_command("add_staff", "anna", "--group", "administrators", "--full-name", "Anna Admin")
    anna = User.objects.get()
    assert (anna.is_staff, anna.is_superuser) == (True, True)
    assert AuditEvent.objects.get().after == {"groups": "administrators"}
    client = Client(headers={"host": "localhost"})
    client.force_login(anna)
    assert client.get(reverse("admin:auth_user_changelist")).status_code == 200


def test_the_sheets_last_tick_says_what_is_true_then(
    operator_client: Client, waiting: Operation, work: Callable[[], None]
) -> None:
    operator_client.post(page_of(waiting, "reveal"), {"password": factories.PASSWORD})
    first = operator_client.post(page_of(waiting, "tick"), {"group": "sync_app"}, follow=True).content.decode()
    assert "goes on when both groups are" in first
    work()
    last = operator_client.post(page_of(waiting, "tick"), {"group": "authentication_portal"}, follow=True)
    assert "goes on when both groups are" not in last.content.decode()
    work()
    page = operator_client.get(page_of(waiting)).content.decode()
    assert "Succeeded" in page
    assert "<dt>Code</dt>" not in page


def test_the_steps_stand_above_the_form_at_work_and_afterwards(
    operator_client: Client, instance: UmpInstance, work: Callable[[], None], portal: None
) -> None:
    provisioning.request(instance, actor=OLGA)
    for _ in range(2):
        page = operator_client.get(page_of(instance)).content.decode()
        assert page.index("data-live-steps") < page.index('id="umpinstance_form"')
        assert page.count("data-live-steps") == 1
        work()
