"""Resume is offered only where it can help: not for what an ended invitation needs."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from onboarding.models import Connection, Invitation
from onboarding.services import invitations, lookups
from registrations import engine
from registrations.models import Operation, UmpInstance
from registrations.services import provisioning
from tests import factories
from tests.onboarding.conftest import OLGA

pytestmark = pytest.mark.django_db
LIST = "admin:registrations_operation_changelist"
YESTERDAY = timezone.now() - timedelta(days=1)
SETUPS = [lookups.NEW_REGISTRATION, lookups.DELEGATED_TOKEN, lookups.EXISTING_REGISTRATION]
ENDS: list[tuple[dict[str, Any], str]] = [
    ({"status": "revoked"}, "The invitation was revoked."),
    ({"status": "completed"}, "The invitation is completed."),
    ({"status": "started", "expires_at": YESTERDAY}, "The invitation has expired: set a later expiry first."),
]


def fail(kind: str, invitation: Invitation) -> Operation:
    """A failed operation of this kind for the invitation."""
    subject: Any = invitation
    if kind != invitations.SEND_KIND:
        subject = Connection.objects.create(invitation=invitation, status="failed")
    made = engine.request(kind, subject, actor=OLGA)
    Operation.objects.filter(pk=made.pk).update(status="failed", ended_at=timezone.now(), message="It is down.")
    made.refresh_from_db()
    return made


def preview(client: Client, rows: list[Operation]) -> Any:
    """The page before Resume."""
    return client.post(reverse(LIST), {"action": "resume_selected", "_selected_action": [str(row.pk) for row in rows]})


@pytest.mark.parametrize("kind", [*SETUPS, invitations.SEND_KIND])
@pytest.mark.parametrize(("values", "sentence"), ENDS)
def test_nothing_of_an_ended_invitation_is_resumed(
    invitation: Invitation, operator_client: Client, kind: str, values: dict[str, Any], sentence: str
) -> None:
    operation = fail(kind, invitation)
    failed = f"{reverse(LIST)}?needs=failed"
    assert operator_client.get(failed).context["cl"].result_count == 1
    Invitation.objects.update(**values)
    assert operator_client.get(failed).context["cl"].result_count == 0
    assert "Operations that failed" not in operator_client.get("/admin/").content.decode()
    page = preview(operator_client, [operation])
    assert "0 will be queued again, 1 skipped." in page.content.decode()
    assert [(line.state, line.sentence) for line in page.context["lines"]] == [("skipped", sentence)]
    change = reverse("admin:registrations_operation_change", args=[operation.pk])
    assert ">Resume<" not in operator_client.get(change).content.decode()
    resume = reverse("admin:registrations_operation_resume", args=[operation.pk])
    for answer in (operator_client.get(resume, follow=True), operator_client.post(resume, follow=True)):
        assert f"It cannot be resumed. {sentence}" in answer.content.decode()
    operation.refresh_from_db()
    assert operation.status == "failed"


@pytest.mark.parametrize("kind", SETUPS)
def test_a_failed_setup_of_an_open_invitation_is_resumed(
    invitation: Invitation, operator_client: Client, kind: str
) -> None:
    operation = fail(kind, invitation)
    # A setup that started in time may be completed after the expiry.
    Invitation.objects.update(status="connecting", expires_at=YESTERDAY)
    assert "1 will be queued again." in preview(operator_client, [operation]).content.decode()
    assert (
        ">Resume<"
        in operator_client.get(reverse("admin:registrations_operation_change", args=[operation.pk])).content.decode()
    )
    engine.resume(operation, actor=OLGA)
    operation.refresh_from_db()
    assert operation.status == "queued"


def test_entered_values_that_are_not_stored_any_more_cannot_be_checked_again(
    invitation: Invitation, operator_client: Client
) -> None:
    operation = fail(lookups.EXISTING_REGISTRATION, invitation)
    Connection.objects.update(status="identified")
    page = preview(operator_client, [operation])
    assert "The entered values are not stored any more" in page.content.decode()
    # The customer can enter them again, so it still needs attention.
    assert operator_client.get(f"{reverse(LIST)}?needs=failed").context["cl"].result_count == 1


def test_an_email_is_not_resumed_while_its_instance_is_not_active(
    invitation: Invitation, operator_client: Client
) -> None:
    operation = fail(invitations.SEND_KIND, invitation)
    UmpInstance.objects.update(status="draft")
    assert "Its UMP instance is not active" in preview(operator_client, [operation]).content.decode()
    UmpInstance.objects.update(status="active")
    assert "1 will be queued again." in preview(operator_client, [operation]).content.decode()


def test_the_provisioning_of_a_retired_or_deleted_instance_is_not_resumed(operator_client: Client) -> None:
    operation = provisioning.request(factories.make_instance(), actor=OLGA)
    Operation.objects.update(status="failed", ended_at=timezone.now())
    UmpInstance.objects.update(status="retired")
    assert "The instance is retired." in preview(operator_client, [operation]).content.decode()
    UmpInstance.objects.all().delete()
    assert "What it is about does not exist any more." in preview(operator_client, [operation]).content.decode()


def test_the_preview_needs_no_more_queries_for_more_operations(invitation: Invitation, operator_client: Client) -> None:
    rows = [fail(lookups.NEW_REGISTRATION, invitation)]
    for number in range(5):
        rows.append(provisioning.request(factories.make_instance(app_name=f"host{number}"), actor=OLGA))
    Operation.objects.update(status="failed")
    Invitation.objects.update(status="revoked")
    preview(operator_client, rows)
    with CaptureQueriesContext(database) as few:
        preview(operator_client, rows[:2])
    with CaptureQueriesContext(database) as many:
        preview(operator_client, rows)
    assert len(few) == len(many)
