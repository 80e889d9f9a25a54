"""The sync app is deleted in Entra while it is provisioned: before each step, with and without a way back."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from time_machine import TimeMachineFixture

from registrations.applications import conflicts
from registrations.delivery import handover_sheet
from registrations.engine import queue
from registrations.models import AppRegistration, AuditEvent, ClientSecret, Operation, UmpInstance
from registrations.services import provisioning
from sandbox.app import Sandbox
from sandbox.model import Application
from tests.registrations.deletion import (
    DELETED,
    PURGED,
    Settle,
    age,
    before,
    delete,
    deletions_before,
    settle,
)
from tests.registrations.runs import OLGA, Provision, RunWorker, application_of, provision_once

pytestmark = pytest.mark.django_db
__all__ = ["settle"]  # a fixture
STEPS = ("service_principal", "secret", "proof", "sync_app", "portal_url", "validation")


def require_working(sandbox: Sandbox, instance: UmpInstance) -> Application:
    """Entra, our rows and the UMP agree on one application with one secret and a service principal."""
    registration = AppRegistration.objects.get(instance=instance)
    application = sandbox.world.find_application(app_id=registration.app_id)
    assert application is not None
    tenant = sandbox.world.tenant(application.tenant_id)
    principal = tenant.service_principal_of(application.app_id)
    assert principal is not None
    assert registration.service_principal_id == principal.id
    (password,) = application.passwords
    assert ClientSecret.objects.get(status="delivered").key_id == password.key_id
    ump = sandbox.world.ump("finebak")
    assert (ump.client_id, ump.client_secret) == (application.app_id, password.secret)
    return application


@pytest.mark.parametrize(("step", "how"), deletions_before(STEPS))
def test_a_provisioning_survives_a_deletion_before_each_step(
    step: str,
    how: str,
    instance: UmpInstance,
    sandbox: Sandbox,
    portal: None,
    settle: Settle,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def act() -> None:
        age()
        delete(sandbox, application_of(sandbox, instance), how)

    before(monkeypatch, step, act)
    operation = settle(provisioning.request(instance, actor=OLGA))
    if how == DELETED:
        assert (operation.waits_for, operation.error_code) == ("staff", conflicts.DELETED_APPLICATION)
        conflicts.decide(operation, conflicts.PURGE, actor=OLGA)
        Operation.objects.filter(pk=operation.pk).update(waits_for="")
        operation = settle(operation)
    assert operation.status == "succeeded", operation.message
    require_working(sandbox, instance)
    assert AuditEvent.objects.filter(action="provision.started_over").exists()


@pytest.mark.parametrize("choice", [conflicts.RESTORE, conflicts.PURGE, conflicts.CREATE_NEW])
def test_what_a_policy_refused_and_somebody_deleted_is_asked_about_on_resume(
    choice: str,
    provision: Provision,
    instance: UmpInstance,
    sandbox: Sandbox,
    settle: Settle,
    time_machine: TimeMachineFixture,
    operator_client: Client,
) -> None:
    policy = sandbox.world.tenant(instance.provider.tenant.tenant_id).secret_policy
    policy.secrets_forbidden = True
    operation = provision()
    assert (operation.status, operation.step("secret").status) == ("failed", "failed")
    first = application_of(sandbox, instance)
    delete(sandbox, first, DELETED)
    policy.secrets_forbidden = False
    time_machine.move_to(timezone.now() + timedelta(hours=2), tick=True)
    queue.resume(operation, actor=OLGA)
    operation = settle(operation)
    assert (operation.waits_for, operation.error_code) == ("staff", conflicts.DELETED_APPLICATION)
    operator_client.post(reverse(f"admin:registrations_operation_{choice}", args=[operation.pk]))
    Operation.objects.filter(pk=operation.pk).update(waits_for="")
    operation = settle(operation)
    assert operation.status == "succeeded", operation.message
    made = require_working(sandbox, instance)
    assert (made.app_id == first.app_id) == (choice == conflicts.RESTORE)
    bin_of_tenant = sandbox.world.tenant(first.tenant_id).deleted_applications
    assert (first.id in bin_of_tenant) == (choice == conflicts.CREATE_NEW)
    assert AuditEvent.objects.filter(action=f"application.{choice}_confirmed").exists()


def test_a_registration_from_before_times_were_kept_is_not_new_for_ever(
    provisioned: Application, instance: UmpInstance, sandbox: Sandbox, settle: Settle
) -> None:
    AppRegistration.objects.update(made_at=None)
    ClientSecret.objects.update(stored_at=None)
    delete(sandbox, provisioned, DELETED)
    operation = settle(provisioning.request(instance, actor=OLGA))
    assert (operation.waits_for, operation.error_code) == ("staff", conflicts.DELETED_APPLICATION), operation.message


def test_a_second_application_created_as_new_finds_its_row_again(
    provisioned: Application, instance: UmpInstance, sandbox: Sandbox, run_worker: RunWorker, settle: Settle
) -> None:
    for number in (2, 3):
        delete(sandbox, sandbox.world.find_application(app_id=AppRegistration.objects.get().app_id), DELETED)  # type: ignore[arg-type]
        operation = settle(provisioning.request(instance, actor=OLGA))
        conflicts.decide(operation, conflicts.CREATE_NEW, actor=OLGA)
        Operation.objects.filter(pk=operation.pk).update(waits_for="")
        assert settle(operation).status == "succeeded"
        assert AppRegistration.objects.get().unique_name == f"syncportal-{instance.host}-new{number}"
        require_working(sandbox, instance)
        age()
    assert settle(provisioning.request(instance, actor=OLGA)).status == "succeeded"


def test_a_new_application_that_replicas_hide_is_waited_for(
    provision: Provision, instance: UmpInstance, sandbox: Sandbox, settle: Settle
) -> None:
    sandbox.world.lag["application"] = 300
    operation = settle(provisioning.request(instance, actor=OLGA))
    assert operation.status == "succeeded", operation.message
    assert not AuditEvent.objects.filter(action="provision.started_over").exists()


def test_a_step_that_is_refused_for_another_reason_keeps_its_reason(
    provisioned: Application, instance: UmpInstance, sandbox: Sandbox, run_worker: RunWorker
) -> None:
    body = {"error": {"code": "Request_BadRequest", "message": "Too many."}}
    provisioned.passwords.clear()
    ClientSecret.objects.update(status="removed")
    sandbox.faults.add(service="graph", kind="status", status=400, body=body, path="/addPassword")
    operation = provision_once(instance, run_worker)
    assert (operation.status, operation.error_code) == ("failed", "Request_BadRequest")


@pytest.mark.parametrize("how", [DELETED, PURGED])
def test_values_on_a_sheet_of_a_deleted_application_are_not_taken_as_confirmed(
    how: str, sandbox: Sandbox, instance: UmpInstance, settle: Settle, time_machine: TimeMachineFixture
) -> None:
    UmpInstance.objects.filter(pk=instance.pk).update(delivery=UmpInstance.Delivery.HANDOVER)
    operation = settle(provisioning.request(instance, actor=OLGA))
    confirm(operation, handover_sheet.SYNC_APP)
    operation = settle(operation)
    delete(sandbox, application_of(sandbox, instance), how)
    time_machine.move_to(timezone.now() + timedelta(days=1), tick=True)
    confirm(operation, handover_sheet.AUTHENTICATION_PORTAL)
    operation = settle(operation)
    if how == DELETED:
        conflicts.decide(operation, conflicts.PURGE, actor=OLGA)
        Operation.objects.filter(pk=operation.pk).update(waits_for="")
        operation = settle(operation)
    assert (operation.waits_for, operation.error_code) == ("staff", "handover_sync_app")
    (group, _) = handover_sheet.sheet(operation).groups
    assert group.confirmed_at is None
    confirm(operation, handover_sheet.SYNC_APP)
    assert settle(operation).status == "succeeded"


def confirm(operation: Operation, group: str) -> None:
    if group == handover_sheet.SYNC_APP:
        handover_sheet.reveal_secret(operation, actor=OLGA)
    handover_sheet.confirm(operation, group, actor=OLGA)
    Operation.objects.filter(pk=operation.pk).update(waits_for="")


def test_somebody_who_deletes_again_and_again_is_met_by_a_failure(
    instance: UmpInstance, sandbox: Sandbox, portal: None, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    def act() -> None:
        age()
        found = sandbox.world.find_application(unique_name=f"syncportal-{instance.host}")
        if found:
            delete(sandbox, found, PURGED)

    before(monkeypatch, "secret", act, times=50)
    operation = provisioning.request(instance, actor=OLGA)
    operation = settle(operation)
    assert (operation.status, operation.error_code) == ("failed", "application_gone")
