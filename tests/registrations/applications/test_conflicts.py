"""A deleted application with the name that an instance needs: a person decides."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from registrations.applications import conflicts
from registrations.errors import WrongStateError
from registrations.models import AppRegistration, AuditEvent, Operation, UmpInstance
from registrations.services import provisioning
from sandbox.app import Sandbox
from sandbox.model import Application
from tests.registrations.runs import (
    OLGA,
    Provision,
    RunWorker,
    run_until_settled,
)

pytestmark = pytest.mark.django_db
REFUSED = {"error": {"code": "Authorization_RequestDenied", "message": "Insufficient privileges"}}


@pytest.fixture
def provision(instance: UmpInstance, run_worker: RunWorker, portal: None) -> Provision:
    def run() -> Operation:
        return run_until_settled(provisioning.request(instance, actor=OLGA), run_worker)

    return run


@pytest.fixture
def deleted(provision: Provision, instance: UmpInstance, sandbox: Sandbox) -> Application:
    """The application of an instance that was provisioned an hour ago, deleted in Entra since."""
    assert provision().status == "succeeded"
    made = sandbox.world.find_application(unique_name=f"syncportal-{instance.host}")
    assert made is not None
    tenant = sandbox.world.tenant(made.tenant_id)
    made.deleted = made.created
    tenant.deleted_applications[made.id] = tenant.applications.pop(made.id)
    principal = tenant.service_principal_of(made.app_id)
    assert principal is not None
    principal.deleted = made.created
    tenant.deleted_service_principals[principal.id] = tenant.service_principals.pop(principal.id)
    AppRegistration.objects.update(made_at=timezone.now() - timedelta(hours=1))
    return made


def live_applications(sandbox: Sandbox, made: Application) -> list[Application]:
    return [app for app in sandbox.world.tenant(made.tenant_id).applications.values() if app.unique_name]


def test_a_deleted_application_is_left_alone_until_a_person_decides(
    deleted: Application, provision: Provision, sandbox: Sandbox
) -> None:
    operation = provision()
    assert (operation.status, operation.waits_for, operation.error_code) == ("waiting", "staff", "deleted_twin")
    assert deleted.app_id in operation.message
    assert live_applications(sandbox, deleted) == []


def test_restore_brings_back_application_and_service_principal(
    deleted: Application, provision: Provision, sandbox: Sandbox, run_worker: RunWorker, operator_client: Client
) -> None:
    operation = provision()
    address = reverse("admin:registrations_operation_restore", args=[operation.pk])
    assert b"is restored with its IDs" in operator_client.get(address).content
    operator_client.post(address)
    operation = run_until_settled(operation, run_worker)
    assert operation.status == "succeeded", operation.message
    assert [app.app_id for app in live_applications(sandbox, deleted)] == [deleted.app_id]
    assert sandbox.world.tenant(deleted.tenant_id).service_principal_of(deleted.app_id) is not None
    assert len(deleted.passwords) == 1
    assert AuditEvent.objects.filter(action="application.restored").exists()


def test_delete_for_good_makes_room_for_a_new_application(
    deleted: Application, provision: Provision, sandbox: Sandbox, run_worker: RunWorker, operator_client: Client
) -> None:
    operation = provision()
    operator_client.post(reverse("admin:registrations_operation_purge", args=[operation.pk]))
    operation = run_until_settled(operation, run_worker)
    assert operation.status == "succeeded", operation.message
    (made,) = live_applications(sandbox, deleted)
    assert made.app_id != deleted.app_id
    assert sandbox.world.tenant(deleted.tenant_id).deleted_applications == {}
    assert AuditEvent.objects.filter(action="application.purge_confirmed", actor_label="Olga Operator").exists()


def test_an_auditor_cannot_decide(deleted: Application, provision: Provision, auditor_client: Client) -> None:
    operation = provision()
    answer = auditor_client.post(reverse("admin:registrations_operation_purge", args=[operation.pk]))
    assert answer.status_code == 403


def test_a_refused_restore_continues_once_done_in_entra(
    deleted: Application, provision: Provision, sandbox: Sandbox, run_worker: RunWorker
) -> None:
    operation = provision()
    sandbox.faults.add(service="graph", kind="status", status=403, body=REFUSED, path="/restore")
    conflicts.decide(operation, conflicts.RESTORE, actor=OLGA)
    operation = run_until_settled(operation, run_worker)
    assert (operation.status, operation.waits_for) == ("waiting", "staff")
    assert "Deleted applications" in operation.message
    tenant = sandbox.world.tenant(deleted.tenant_id)
    tenant.applications[deleted.id] = tenant.deleted_applications.pop(deleted.id)
    Operation.objects.filter(pk=operation.pk).update(next_attempt_at=timezone.now())
    assert run_until_settled(operation, run_worker).status == "succeeded"


def test_a_decision_that_is_not_waited_for_is_refused(provision: Provision) -> None:
    with pytest.raises(WrongStateError, match="does not wait"):
        conflicts.decide(provision(), conflicts.PURGE, actor=OLGA)


def test_a_deleted_application_of_others_with_our_name_needs_a_decision(
    provision: Provision, instance: UmpInstance, sandbox: Sandbox
) -> None:
    tenant = sandbox.world.tenant(instance.provider.tenant.tenant_id)
    stranger = sandbox.world.add_application(tenant, "umptoken", uniqueName=f"syncportal-{instance.host}")
    stranger.deleted = stranger.created
    tenant.deleted_applications[stranger.id] = tenant.applications.pop(stranger.id)
    assert provision().error_code == "deleted_twin"


def test_an_application_created_by_hand_after_our_intent_needs_confirmation(
    instance: UmpInstance, provision: Provision, sandbox: Sandbox, run_worker: RunWorker
) -> None:
    AppRegistration.objects.create(
        instance=instance,
        tenant_id=instance.provider.tenant.tenant_id,
        unique_name=f"syncportal-{instance.host}",
        display_name="umptoken",
    )
    tenant = sandbox.world.tenant(instance.provider.tenant.tenant_id)
    by_hand = sandbox.world.add_application(tenant, "umptoken", uniqueName=f"syncportal-{instance.host}")
    by_hand.owners = [principal.id for principal in tenant.service_principals.values()]
    operation = provision()
    assert (operation.status, operation.error_code) == ("waiting", "adoption_needed")
    assert by_hand.passwords == []
    provisioning.adopt(operation, actor=OLGA)
    operation = run_until_settled(operation, run_worker)
    assert operation.status == "succeeded", operation.message
    assert AppRegistration.objects.get().adopted is True
