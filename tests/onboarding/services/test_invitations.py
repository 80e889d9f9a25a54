"""Invitations: create, replace the link, copy it, revoke."""

import io
import logging
from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.core.exceptions import ValidationError
from django.utils import timezone

from onboarding.models import Invitation
from onboarding.services import invitations
from registrations.errors import WrongStateError
from registrations.models import AuditEvent, Operation, UmpInstance
from sandbox.app import Sandbox
from syncportal.redaction import RedactingFormatter, RedactionFilter
from tests import factories
from tests.onboarding.browser import Browser
from tests.onboarding.conftest import OLGA
from tests.onboarding.mailing import RunWorker, send, token_of

pytestmark = pytest.mark.django_db


def test_a_new_link_replaces_the_old_one_and_is_not_emailed(
    invitation: Invitation, link: str, run_worker: RunWorker
) -> None:
    send(invitation, run_worker)
    invitations.new_link(invitation, actor=OLGA)
    assert invitations.link_of(invitation) != link
    assert not invitation.email_sent
    assert AuditEvent.objects.filter(action="invitation.link_renewed").count() == 1


def test_a_new_link_cancels_a_queued_email(invitation: Invitation, link: str, run_worker: RunWorker) -> None:
    operation = invitations.send(invitation, actor=OLGA)
    invitations.new_link(invitation, actor=OLGA)
    operation.refresh_from_db()
    assert operation.status == "cancelled"


@pytest.mark.parametrize("status", ["revoked", "completed"])
def test_a_revoked_invitation_gets_no_new_link_and_no_copy(invitation: Invitation, status: str) -> None:
    Invitation.objects.update(status=status)
    with pytest.raises(WrongStateError):
        invitations.new_link(invitation, actor=OLGA)
    with pytest.raises(WrongStateError):
        invitations.copy_link(invitation, actor=OLGA)
    with pytest.raises(WrongStateError):
        invitations.revoke(invitation, actor=OLGA)
    assert AuditEvent.objects.count() == 1  # its creation


def test_each_copy_of_the_link_is_in_the_history(invitation: Invitation, link: str) -> None:
    assert invitations.copy_link(invitation, actor=OLGA) == link
    assert invitations.copy_link(invitation, actor=OLGA) == link
    events = AuditEvent.objects.filter(action="invitation.link_copied")
    assert [event.actor_label for event in events] == ["Olga Operator", "Olga Operator"]


def test_revoking_cancels_a_waiting_connection(customer: Browser, invitation: Invitation, link: str) -> None:
    customer.authorise(customer.identify(link))
    invitations.revoke(invitation, actor=OLGA)
    assert Operation.objects.get(kind="connect").status == "cancelled"
    assert invitation.status == "revoked"


def test_an_invitation_cannot_be_revoked_while_a_worker_runs(
    customer: Browser, invitation: Invitation, link: str
) -> None:
    customer.authorise(customer.identify(link))
    Operation.objects.update(status="running", lease="x", leased_until=timezone.now() + timedelta(minutes=5))
    with pytest.raises(WrongStateError, match="is running"):
        invitations.revoke(invitation, actor=OLGA)
    invitation.refresh_from_db()
    assert invitation.status == "connecting"


def test_an_invalid_email_address_creates_no_invitation(sandbox: Sandbox, instance: UmpInstance) -> None:
    with pytest.raises(ValidationError):
        invitations.create(
            factories.make_service(sandbox, instance=instance),
            it_admin_email="nobody",
            m365_admin_email="x",
            actor=OLGA,
        )
    assert not Invitation.objects.exists()


def test_an_invitation_accepts_only_its_customers_tenant(sandbox: Sandbox, instance: UmpInstance) -> None:
    with pytest.raises(ValidationError, match="has the tenant ID"):
        invitations.create(
            factories.make_service(sandbox, instance=instance),
            it_admin_email="it@contoso.example",
            m365_admin_email="carla@contoso.example",
            tenant_id="fab00000-0000-4000-8000-000000000001",
            actor=OLGA,
        )


def test_the_link_is_in_no_column_log_or_task_message(
    customer: Browser,
    invitation: Invitation,
    link: str,
    run_worker: RunWorker,
    enqueued: list[str],
    portal_log: io.StringIO,
) -> None:
    send(invitation, run_worker)
    customer.authorise(customer.identify(link))
    run_worker()
    customer.open("/authenticate/" + token_of(link) + "x")  # a 404, which Django logs with its path
    customer.client.post(f"/authenticate/{token_of(link)}/start")  # a CSRF refusal, logged too
    secret = token_of(link)
    for model in apps.get_models():
        for row in model._default_manager.values():
            assert secret not in str(row), model
    assert secret not in portal_log.getvalue()
    assert "[link]" in portal_log.getvalue()
    assert secret not in str(enqueued)


@pytest.fixture
def portal_log() -> Any:
    """What the portal's own log handler writes."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.addFilter(RedactionFilter())
    handler.setFormatter(RedactingFormatter("%(name)s %(message)s"))
    root = logging.getLogger()
    root.addHandler(handler)
    yield written
    root.removeHandler(handler)
