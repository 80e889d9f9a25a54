"""The hand-over sheet: filled by hand, secret revealed once, confirmed group by group."""

import pytest

from registrations.delivery import handover_sheet
from registrations.errors import WrongStateError
from registrations.models import AuditEvent, UmpInstance
from registrations.services import provisioning
from sandbox.app import Sandbox
from tests import factories
from tests.registrations.runs import OLGA, RunWorker, application_of, run_again

pytestmark = pytest.mark.django_db


def test_a_provisioning_succeeds_by_hand_over_sheet(sandbox: Sandbox, run_worker: RunWorker) -> None:
    instance = factories.make_instance(sandbox, delivery="handover")
    operation = provisioning.request(instance, actor=OLGA)
    run_worker()
    operation.refresh_from_db()
    assert (operation.status, operation.waits_for) == ("waiting", "staff")
    sheet = handover_sheet.sheet(operation)
    labels = [[field.label for field in group.fields] for group in sheet.groups]
    assert labels == [["Client Id", "Client Secret Value", "Redirect URI"], ["Customer Authentication Portal URL"]]
    with pytest.raises(WrongStateError, match="Reveal the secret"):
        handover_sheet.confirm(operation, handover_sheet.SYNC_APP, actor=OLGA)
    value = handover_sheet.reveal_secret(operation, actor=OLGA)
    assert len(value) >= 16
    with pytest.raises(WrongStateError, match="revealed before"):
        handover_sheet.reveal_secret(operation, actor=OLGA)
    handover_sheet.confirm(operation, handover_sheet.SYNC_APP, actor=OLGA)
    run_worker()
    operation.refresh_from_db()
    assert operation.status == "waiting"
    handover_sheet.confirm(operation, handover_sheet.AUTHENTICATION_PORTAL, actor=OLGA)
    run_worker()
    operation.refresh_from_db()
    assert operation.status == "succeeded"
    assert AuditEvent.objects.filter(action="secret.revealed", actor_label="Olga Operator").count() == 1


def test_a_revealed_secret_that_was_lost_is_replaced(sandbox: Sandbox, run_worker: RunWorker) -> None:
    instance = factories.make_instance(sandbox, delivery="handover")
    operation = provisioning.request(instance, actor=OLGA)
    run_worker()
    operation.refresh_from_db()
    first = handover_sheet.reveal_secret(operation, actor=OLGA)
    provisioning.new_secret(operation, actor=OLGA)
    run_again(operation, run_worker)
    run_again(operation, run_worker)
    assert operation.status == "waiting"
    assert handover_sheet.reveal_secret(operation, actor=OLGA) != first
    assert len(application_of(sandbox, instance).passwords) == 1


def test_a_confirmed_sheet_is_not_asked_for_again(sandbox: Sandbox, run_worker: RunWorker) -> None:
    instance = factories.make_instance(sandbox, delivery="handover")
    fill_the_sheet(instance, run_worker)
    repeated = provisioning.request(instance, actor=OLGA)
    run_worker()
    repeated.refresh_from_db()
    assert repeated.status == "succeeded"
    assert "confirmed by Olga Operator before" in str(repeated.steps)


def test_a_superseded_secret_stays_until_the_new_one_is_delivered(sandbox: Sandbox, run_worker: RunWorker) -> None:
    instance = factories.make_instance(sandbox, delivery="handover")
    fill_the_sheet(instance, run_worker)
    UmpInstance.objects.filter(pk=instance.pk).update(ump_url="https://localhost/other/tenantui")
    operation = provisioning.request(instance, actor=OLGA)
    run_worker()
    operation.refresh_from_db()
    provisioning.new_secret(operation, actor=OLGA)
    operation = run_again(operation, run_worker)
    assert len(application_of(sandbox, instance).passwords) == 2
    handover_sheet.reveal_secret(operation, actor=OLGA)
    for group in (handover_sheet.SYNC_APP, handover_sheet.AUTHENTICATION_PORTAL):
        handover_sheet.confirm(operation, group, actor=OLGA)
        operation = run_again(operation, run_worker)
    assert operation.status == "succeeded"
    assert len(application_of(sandbox, instance).passwords) == 1


def fill_the_sheet(instance: UmpInstance, run_worker: RunWorker) -> None:
    """Provision by hand-over sheet, as staff do."""
    operation = provisioning.request(instance, actor=OLGA)
    run_worker()
    operation.refresh_from_db()
    handover_sheet.reveal_secret(operation, actor=OLGA)
    for group in (handover_sheet.SYNC_APP, handover_sheet.AUTHENTICATION_PORTAL):
        handover_sheet.confirm(operation, group, actor=OLGA)
        operation = run_again(operation, run_worker)
    assert operation.status == "succeeded", operation.message
