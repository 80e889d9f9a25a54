"""A read that lags must not cost an application or a secret in use."""

from collections.abc import Callable

import pytest
from django.utils import timezone

from registrations.applications import conflicts
from registrations.models import AppRegistration, AuditEvent, ClientSecret, Operation, UmpInstance
from registrations.services import provisioning
from sandbox.app import Sandbox
from sandbox.model import Application
from tests.registrations.runs import (
    OLGA,
    RunWorker,
    provision_once,
    run_again,
)

pytestmark = pytest.mark.django_db
MISSING = {"error": {"code": "Request_ResourceNotFound", "message": "Resource does not exist."}}


def hide(sandbox: Sandbox, made: Application, times: int = 1) -> None:
    path = f"/applications/{made.id}"
    sandbox.faults.add(service="graph", kind="status", status=404, body=MISSING, method="GET", path=path, times=times)


def test_an_application_missing_in_one_read_keeps_its_secret(
    provisioned: Application, instance: UmpInstance, sandbox: Sandbox, run_worker: RunWorker
) -> None:
    (key_id,) = [secret.key_id for secret in provisioned.passwords]
    hide(sandbox, provisioned)
    operation = provision_once(instance, run_worker)
    assert operation.status == "succeeded", operation.message
    assert [secret.key_id for secret in provisioned.passwords] == [key_id]
    assert not AuditEvent.objects.filter(action="application.found_gone").exists()


def test_a_restored_application_hidden_by_replicas_keeps_its_secret(
    provisioned: Application, instance: UmpInstance, sandbox: Sandbox, run_worker: RunWorker
) -> None:
    (key_id,) = [secret.key_id for secret in provisioned.passwords]
    tenant = sandbox.world.tenant(provisioned.tenant_id)
    provisioned.deleted = provisioned.created
    tenant.deleted_applications[provisioned.id] = tenant.applications.pop(provisioned.id)
    operation = provision_once(instance, run_worker)
    assert operation.error_code == conflicts.DELETED_APPLICATION
    conflicts.decide(operation, conflicts.RESTORE, actor=OLGA)
    run_again(operation, run_worker)
    hide(sandbox, provisioned, times=3)
    assert run_again(operation, run_worker, times=5).status == "succeeded", operation.message
    assert [secret.key_id for secret in provisioned.passwords] == [key_id]


def test_an_application_missing_for_a_minute_is_created_again(
    provisioned: Application,
    instance: UmpInstance,
    sandbox: Sandbox,
    run_worker: RunWorker,
    run_worker_a_minute_later: Callable[[Operation], None],
) -> None:
    del sandbox.world.tenant(provisioned.tenant_id).applications[provisioned.id]
    operation = provision_once(instance, run_worker)
    assert operation.status == "waiting"
    assert "does not show the application" in operation.message
    assert ClientSecret.objects.get().status in ClientSecret.LIVE
    run_worker_a_minute_later(operation)
    operation = run_again(operation, run_worker)
    assert operation.status == "succeeded", operation.message
    found = sandbox.world.find_application(unique_name=f"syncportal-{instance.host}")
    assert found is not None
    assert found.app_id == AppRegistration.objects.get().app_id != provisioned.app_id
    assert len(found.passwords) == ClientSecret.objects.exclude(status="removed").count() == 1
    assert AuditEvent.objects.filter(action="application.found_gone").count() == 1


def test_a_lost_answer_to_the_second_creation_leaves_one_application(
    provisioned: Application,
    instance: UmpInstance,
    sandbox: Sandbox,
    run_worker: RunWorker,
    run_worker_a_minute_later: Callable[[Operation], None],
) -> None:
    del sandbox.world.tenant(provisioned.tenant_id).applications[provisioned.id]
    operation = provision_once(instance, run_worker)
    run_worker_a_minute_later(operation)
    sandbox.faults.add(service="graph", kind="lost_answer", method="PATCH", path="/applications", times=1)
    assert run_again(operation, run_worker).status == "waiting"
    assert run_again(operation, run_worker, times=3).status == "succeeded", operation.message
    applications = sandbox.world.tenant(provisioned.tenant_id).applications.values()
    assert len([app for app in applications if app.unique_name == f"syncportal-{instance.host}"]) == 1


def test_looks_noted_by_an_older_version_start_again(
    provisioned: Application, instance: UmpInstance, sandbox: Sandbox, run_worker: RunWorker
) -> None:
    hide(sandbox, provisioned)
    operation = provisioning.request(instance, actor=OLGA)
    noted = {provisioned.id: timezone.now().isoformat()}
    Operation.objects.filter(pk=operation.pk).update(notes={"missing": noted})
    assert run_again(operation, run_worker, times=2).status == "succeeded", operation.message
