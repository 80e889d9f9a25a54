"""The history reads as sentences, for everybody, and cannot be written."""

import re

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from registrations import audit
from registrations.admin import audit_phrases
from registrations.models import AuditEvent, UmpInstance
from tests.registrations.admin.conftest import OLGA, page_of

pytestmark = pytest.mark.django_db
LIST = "admin:registrations_auditevent_changelist"
SUBJECTS = "|".join({action.partition(".")[0] for action in audit_phrases.PHRASES})
RECORDED = re.compile(rf'"((?:{SUBJECTS})\.[a-z_]+)"')


@pytest.mark.parametrize(
    ("action", "subject", "sentence"),
    [
        ("provision.requested", "umptoken.finebak.com", "requested the provisioning of umptoken.finebak.com"),
        (
            "provision.service_principal.done",
            "umptoken.finebak.com",
            'finished the step "Create its service principal" of the provisioning of umptoken.finebak.com',
        ),
        (
            "provision.of_an_older_version.done",
            "umptoken.finebak.com",
            'finished the step "of an older version" of the provisioning of umptoken.finebak.com',
        ),
        (
            "send_invitation.mail.done",
            "Invitation of Contoso (c1)",
            'finished the step "Send the mail" of the mailing of the invitation of Contoso (c1)',
        ),
        ("invitation.link_copied", "Invitation of Contoso (c1)", "copied the link of the invitation of Contoso (c1)"),
        ("staff.signed_in", "olga", "signed in"),
        ("tenant.changed", "{braces}", "changed the Entra tenant {braces}"),
        ("something.new", "a thing", "did something new: a thing"),
    ],
)
def test_an_action_reads_as_a_sentence(action: str, subject: str, sentence: str) -> None:
    assert audit_phrases.phrase(action, subject) == sentence


def test_every_action_that_the_product_writes_reads_as_a_sentence() -> None:
    written: set[str] = set()
    for folder in ("registrations", "onboarding"):
        for file in (settings.BASE_DIR / folder).rglob("*.py"):
            written |= set(RECORDED.findall(file.read_text()))
    assert {"bulk.requested", "application.restored", "secret.found_gone", "bulk.paused"} <= written
    unread = {action for action in written if audit_phrases.phrase(action, "x").startswith("did ")}
    assert unread == set()


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


def test_an_objects_page_leads_to_its_own_history(
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


def test_what_came_from_outside_is_shown_as_text(auditor_client: Client) -> None:
    with audit.atomic():
        audit.record("invitation.started", actor=audit.Actor.customer("<script>alert(1)</script>"), reason="<b>now</b>")
    page = auditor_client.get(reverse(LIST)).content.decode()
    assert "<script>alert" not in page
    assert "<b>now" not in page
