"""The history's pages: readable by everybody, writable by nobody."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from registrations import audit
from registrations.models import AuditEvent, UmpInstance
from tests.registrations.admin.conftest import OLGA, page_of

pytestmark = pytest.mark.django_db
LIST = "admin:registrations_auditevent_changelist"


@pytest.fixture
def event(instance: UmpInstance) -> AuditEvent:
    with audit.atomic():
        audit.record(
            "instance.address_changed",
            actor=OLGA,
            subject=instance,
            before={"ump_url": "https://old.example"},
            after={"ump_url": "https://new.example"},
            reason="The UMP moved",
        )
    return AuditEvent.objects.latest("id")


def test_the_list_tells_who_did_what_and_why(auditor_client: Client, event: AuditEvent) -> None:
    page = auditor_client.get(reverse(LIST)).content.decode()
    assert (
        "<strong>Olga Operator</strong> changed the address of umptoken.finebak.localhost (reason: The UMP moved)"
        in page
    )
    assert "192.0.2.7" in page
    assert "https://old.example" in page


def test_an_objects_history_shows_only_its_own_entries(
    operator_client: Client, event: AuditEvent, instance: UmpInstance
) -> None:
    with audit.atomic():
        audit.record("staff.signed_in", actor=OLGA)
    answer = operator_client.get(page_of(instance, "history"), follow=True)
    assert [row.pk for row in answer.context["cl"].result_list] == [event.pk]


def test_an_entry_shows_before_and_after(auditor_client: Client, event: AuditEvent) -> None:
    page = auditor_client.get(page_of(event)).content.decode()
    assert "https://old.example" in page
    assert "https://new.example" in page
    assert event.digest[:16] in page


def test_input_from_outside_is_escaped(auditor_client: Client) -> None:
    with audit.atomic():
        audit.record("invitation.started", actor=audit.Actor.customer("<script>alert(1)</script>"), reason="<b>now</b>")
    page = auditor_client.get(reverse(LIST)).content.decode()
    assert "<script>alert" not in page
    assert "<b>now" not in page


def test_the_history_has_no_links_to_forbidden_pages(
    operator_client: Client, superuser_client: Client, operator: User
) -> None:
    with audit.atomic():
        audit.record("staff.signed_in", actor=OLGA, subject=operator)
    event = AuditEvent.objects.get(action="staff.signed_in")
    address = reverse("admin:auth_user_change", args=[operator.pk])
    assert address not in operator_client.get(page_of(event)).content.decode()
    assert address in superuser_client.get(page_of(event)).content.decode()


@pytest.mark.parametrize(
    ("note", "said"),
    [
        ("Already exists and is up to date.", True),
        ("Found as it must be.", True),
        ("Found; corrected tags.", True),
        ("Created with application (client) ID 1.", False),
        ("", False),
    ],
)
def test_a_step_is_said_to_have_found_what_existed_only_if_it_recorded_that(
    auditor_client: Client, instance: UmpInstance, note: str, said: bool
) -> None:
    with audit.atomic():
        after = {"note": note} if note else {}
        audit.record("provision.application.done", actor=audit.WORKER, subject=instance, after=after)
    assert ("(already existed)" in auditor_client.get(reverse(LIST)).content.decode()) is said


@pytest.mark.parametrize(
    ("model", "title"),
    [
        ("registrations_umpinstance", "UMP instances"),
        ("registrations_entratenant", "Entra tenants"),
        ("registrations_operation", "Operations"),
        ("registrations_appregistration", "App registrations"),
        ("registrations_auditevent", "History"),
        ("onboarding_invitation", "Invitations"),
        ("onboarding_customer", "Customers"),
        ("auth_user", "People"),
        ("auth_group", "Groups"),
    ],
)
def test_the_tab_of_a_list_has_the_name_that_the_menu_has(superuser_client: Client, model: str, title: str) -> None:
    page = " ".join(superuser_client.get(reverse(f"admin:{model}_changelist")).content.decode().split())
    assert f"<title> {title} | SyncPortal" in page
