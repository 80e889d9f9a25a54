"""One read that lags behind, or lies, must not cost a secret that somebody uses."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone
from time_machine import TimeMachineFixture

from registrations import audit
from registrations.applications import conflicts
from registrations.clients.graph.client import GraphClient
from registrations.engine import queue
from registrations.models import AppRegistration, AuditEvent, ClientSecret, Operation, UmpInstance
from registrations.services import provisioning
from sandbox.app import Sandbox
from sandbox.model import Application
from tests import factories

pytestmark = pytest.mark.django_db
Work = Callable[[], None]
OLGA = audit.Actor("staff", "Olga Operator", "1")
MISSING = {"error": {"code": "Request_ResourceNotFound", "message": "Resource does not exist."}}


@pytest.fixture
def instance(sandbox: Sandbox, portal: None) -> UmpInstance:
    return factories.make_instance(sandbox)


@pytest.fixture
def provisioned(instance: UmpInstance, sandbox: Sandbox, work: Work) -> Application:
    """The instance's application, a month after it was made."""
    operation = ask(instance, work)
    assert operation.status == "succeeded", operation.message
    a_month_ago = timezone.now() - timedelta(days=30)
    AppRegistration.objects.update(made_at=a_month_ago)
    ClientSecret.objects.update(stored_at=a_month_ago)
    made = sandbox.world.find_application(unique_name=f"syncportal-{instance.host}")
    assert made is not None
    return made


def ask(instance: UmpInstance, work: Work) -> Operation:
    return again(provisioning.request(instance, actor=OLGA), work)


def again(operation: Operation, work: Work, times: int = 1) -> Operation:
    for _ in range(times):
        Operation.objects.filter(pk=operation.pk, status="waiting").update(next_attempt_at=timezone.now())
        work()
        operation.refresh_from_db()
    return operation


def hide(sandbox: Sandbox, made: Application, times: int = 1) -> None:
    path = f"/applications/{made.id}"
    sandbox.faults.add(service="graph", kind="status", status=404, body=MISSING, method="GET", path=path, times=times)


def test_an_application_that_one_read_does_not_find_keeps_its_secret(
    provisioned: Application, instance: UmpInstance, sandbox: Sandbox, work: Work
) -> None:
    (key_id,) = [secret.key_id for secret in provisioned.passwords]
    hide(sandbox, provisioned)
    operation = ask(instance, work)
    assert operation.status == "succeeded", operation.message
    assert [secret.key_id for secret in provisioned.passwords] == [key_id]
    assert not AuditEvent.objects.filter(action="application.found_gone").exists()


def test_a_restored_application_that_is_hidden_for_a_while_keeps_its_secret(
    provisioned: Application, instance: UmpInstance, sandbox: Sandbox, work: Work
) -> None:
    (key_id,) = [secret.key_id for secret in provisioned.passwords]
    tenant = sandbox.world.tenant(provisioned.tenant_id)
    provisioned.deleted = provisioned.created
    tenant.deleted_applications[provisioned.id] = tenant.applications.pop(provisioned.id)
    operation = ask(instance, work)
    assert operation.error_code == conflicts.DELETED_APPLICATION
    conflicts.decide(operation, conflicts.RESTORE, actor=OLGA)
    again(operation, work)
    hide(sandbox, provisioned, times=3)
    assert again(operation, work, times=5).status == "succeeded", operation.message
    assert [secret.key_id for secret in provisioned.passwords] == [key_id]


def test_an_application_that_is_missing_for_a_minute_is_made_anew(
    provisioned: Application,
    instance: UmpInstance,
    sandbox: Sandbox,
    work: Work,
    a_minute_of_looks: Callable[[Operation], None],
) -> None:
    del sandbox.world.tenant(provisioned.tenant_id).applications[provisioned.id]
    operation = ask(instance, work)
    assert operation.status == "waiting"
    assert "does not show the application" in operation.message
    assert ClientSecret.objects.get().status in ClientSecret.LIVE
    a_minute_of_looks(operation)
    operation = again(operation, work)
    assert operation.status == "succeeded", operation.message
    found = sandbox.world.find_application(unique_name=f"syncportal-{instance.host}")
    assert found is not None
    assert found.app_id == AppRegistration.objects.get().app_id != provisioned.app_id
    assert len(found.passwords) == ClientSecret.objects.exclude(status="removed").count() == 1
    assert AuditEvent.objects.filter(action="application.found_gone").count() == 1


def test_a_worker_that_dies_after_making_it_anew_leaves_one_application(
    provisioned: Application,
    instance: UmpInstance,
    sandbox: Sandbox,
    work: Work,
    a_minute_of_looks: Callable[[Operation], None],
) -> None:
    del sandbox.world.tenant(provisioned.tenant_id).applications[provisioned.id]
    operation = ask(instance, work)
    a_minute_of_looks(operation)
    sandbox.faults.add(service="graph", kind="lost_answer", method="PATCH", path="/applications", times=1)
    assert again(operation, work).status == "waiting"
    assert again(operation, work, times=3).status == "succeeded", operation.message
    applications = sandbox.world.tenant(provisioned.tenant_id).applications.values()
    assert len([app for app in applications if app.unique_name == f"syncportal-{instance.host}"]) == 1


def test_a_secret_that_one_read_does_not_show_is_not_replaced(
    provisioned: Application, instance: UmpInstance, sandbox: Sandbox, work: Work
) -> None:
    (hidden,) = provisioned.passwords
    provisioned.passwords.clear()
    operation = ask(instance, work)
    assert operation.status == "waiting"
    assert "does not show the client secret" in operation.message
    provisioned.passwords.append(hidden)
    assert again(operation, work).status == "succeeded", operation.message
    assert provisioned.passwords == [hidden]


def test_a_lost_secret_that_reads_hide_for_a_while_is_removed_all_the_same(
    instance: UmpInstance, sandbox: Sandbox, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.faults.add(service="graph", kind="lost_answer", method="POST", path="/addPassword", times=1)
    with monkeypatch.context() as lagging:  # the sandbox's replicas know every secret at once
        lagging.setattr(GraphClient, "credentials", lambda *_: [])
        operation = again(ask(instance, work), work, times=6)
        assert operation.status == "waiting"
    assert again(operation, work, times=2).status == "succeeded", operation.message
    made = sandbox.world.find_application(unique_name=f"syncportal-{instance.host}")
    assert made is not None
    assert [secret.key_id for secret in made.passwords] == [ClientSecret.objects.get(status="delivered").key_id]


def test_two_looks_two_days_apart_say_nothing_about_a_secret(
    provisioned: Application, instance: UmpInstance, sandbox: Sandbox, work: Work, time_machine: TimeMachineFixture
) -> None:
    (hidden,) = provisioned.passwords
    provisioned.passwords.clear()
    operation = ask(instance, work)
    time_machine.move_to(timezone.now() + timedelta(days=2), tick=True)
    operation = again(operation, work)
    assert "does not show the client secret" in operation.message
    provisioned.passwords.append(hidden)
    assert again(operation, work).status == "succeeded", operation.message
    assert provisioned.passwords == [hidden]


def test_a_ump_that_cannot_use_a_secret_whose_hint_is_right_gets_it_again(
    provisioned: Application, instance: UmpInstance, sandbox: Sandbox, work: Work
) -> None:
    ump = sandbox.world.ump("finebak")
    right = str(ump.client_secret)
    ump.client_secret = right[:3] + "cut off"
    operation = ask(instance, work)
    assert (operation.status, operation.error_code) == ("failed", "ump_validation")
    queue.resume(operation, actor=OLGA)
    assert again(operation, work).status == "succeeded", operation.message
    assert ump.client_secret == right


def test_a_ump_that_refuses_the_question_casts_no_doubt_on_the_secret(
    provisioned: Application, instance: UmpInstance, sandbox: Sandbox, work: Work
) -> None:
    sandbox.faults.add(service="ump", kind="status", status=400, method="POST", path="sync-app/validate", times=1)
    operation = ask(instance, work)
    assert operation.status == "failed"
    queue.resume(operation, actor=OLGA)
    assert again(operation, work).status == "succeeded", operation.message
    assert ClientSecret.objects.get().status == "delivered"
    assert not AuditEvent.objects.filter(action="secret.doubted").exists()


def test_a_secret_that_was_doubted_in_vain_counts_as_delivered_again(
    provisioned: Application, instance: UmpInstance, sandbox: Sandbox, work: Work
) -> None:
    body = {"valid": False, "checkedAt": timezone.now().isoformat(), "error": "The proxy is down."}
    sandbox.faults.add(
        service="ump", kind="status", status=200, body=body, method="POST", path="sync-app/validate", times=1
    )
    operation = ask(instance, work)
    assert (operation.status, ClientSecret.objects.get().status) == ("failed", "proven")
    steps = [replace(step, status="waiting") if step.status == "failed" else step for step in operation.steps]
    # As after a worker that died before it could fail the operation.
    Operation.objects.filter(pk=operation.pk).update(status="waiting", next_attempt_at=timezone.now(), steps=steps)
    assert again(operation, work).status == "succeeded", operation.message
    assert ClientSecret.objects.get().status == "delivered"


def test_looks_noted_by_the_version_before_count_anew(
    provisioned: Application, instance: UmpInstance, sandbox: Sandbox, work: Work
) -> None:
    hide(sandbox, provisioned)
    operation = provisioning.request(instance, actor=OLGA)
    noted = {provisioned.id: timezone.now().isoformat()}
    Operation.objects.filter(pk=operation.pk).update(notes={"missing": noted})
    assert again(operation, work, times=2).status == "succeeded", operation.message
