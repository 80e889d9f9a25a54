"""An operation's buttons: resume, cancel, take over, and raising the priority."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from registrations.models import AuditEvent, BulkPart, Operation, UmpInstance
from registrations.services import bulk_jobs, provisioning
from sandbox.app import Sandbox
from tests.registrations.admin.conftest import OLGA, page_of

pytestmark = pytest.mark.django_db
RunWorker = Callable[[], None]


def test_a_failed_operation_is_resumed(
    operator_client: Client, instance: UmpInstance, enqueued: list[str], django_capture_on_commit_callbacks: Any
) -> None:
    operation = provisioning.request(instance, actor=OLGA)
    Operation.objects.update(status="failed", message="It is down.", steps=operation.steps)
    assert ">Resume<" in operator_client.get(page_of(operation)).content.decode()
    with django_capture_on_commit_callbacks(execute=True):
        operator_client.post(page_of(operation, "resume"))
    operation.refresh_from_db()
    assert operation.status == "queued"
    assert enqueued == [str(operation.pk)]
    event = AuditEvent.objects.first()
    assert event
    assert (event.action, event.actor_label) == ("provision.resumed", "Olga Operator")


def test_a_queued_operation_is_cancelled_once(operator_client: Client, instance: UmpInstance) -> None:
    operation = provisioning.request(instance, actor=OLGA)
    assert "is cancelled" in operator_client.post(page_of(operation, "cancel"), follow=True).content.decode()
    again = operator_client.post(page_of(operation, "cancel"), follow=True).content.decode()
    assert "cannot be cancelled now" in again


def test_an_existing_application_is_adopted_after_confirmation(
    operator_client: Client, instance: UmpInstance, sandbox: Sandbox, run_worker: RunWorker, portal: None
) -> None:
    tenant = sandbox.world.tenant(instance.provider.tenant.tenant_id)
    sandbox.world.add_application(tenant, "umptoken", uniqueName=f"syncportal-{instance.host}")
    operation = provisioning.request(instance, actor=OLGA)
    run_worker()
    page = operator_client.get(page_of(operation)).content.decode()
    assert ">Take over<" in page
    operator_client.post(page_of(operation, "take_over"))
    assert "application.adoption_confirmed" in AuditEvent.objects.values_list("action", flat=True)


def test_opening_a_bulk_operation_raises_its_priority(
    unstarted_part: BulkPart,
    operator_client: Client,
    auditor_client: Client,
    enqueued: list[str],
    django_capture_on_commit_callbacks: Callable[..., Any],
) -> None:
    operation = Operation.objects.get(pk=bulk_jobs.start_next()[0])
    page = reverse("admin:registrations_operation_change", args=[operation.pk])
    address = reverse("admin:registrations_operation_put_first", args=[operation.pk])
    assert address in operator_client.get(page).content.decode()
    assert address not in auditor_client.get(page).content.decode()
    assert auditor_client.post(address).status_code == 403
    operator_client.get(address)
    operation.refresh_from_db()
    assert operation.priority == "bulk"
    with django_capture_on_commit_callbacks(execute=True):
        answer = operator_client.post(address, headers={"X-Asked-By-Script": "1"})
    operation.refresh_from_db()
    assert (answer.status_code, operation.priority, enqueued) == (204, "interactive", [str(operation.pk)])
    assert address not in operator_client.get(page).content.decode()


def test_a_refusal_without_a_code_shows_microsofts_words_and_data_for_support(
    operator_client: Client, instance: UmpInstance, sandbox: Sandbox, run_worker: RunWorker, portal: None
) -> None:
    words = "The value of property X is not allowed because of anna@contoso.example."
    body = {"error": {"code": "Request_BadRequest", "message": words, "details": []}}
    sandbox.faults.add("graph", "status", method="PATCH", path=r"/applications\(uniqueName", status=400, body=body)
    operation = provisioning.request(instance, actor=OLGA)
    run_worker()
    operation.refresh_from_db()
    page = operator_client.get(page_of(operation)).content.decode()
    assert "The value of property X is not allowed because of [e-mail]" in page
    assert "anna@contoso.example" not in page
    step = operation.current_step
    assert step
    assert step.request_id
    assert step.answered_at
    for shown in (step.request_id, step.answered_at, "Copy for support"):
        assert shown in page
    assert "anna@contoso.example" not in str(list(AuditEvent.objects.values()))


def test_a_used_up_quota_fails_at_once_and_is_not_retried(
    operator_client: Client, instance: UmpInstance, sandbox: Sandbox, run_worker: RunWorker, portal: None
) -> None:
    body = {"error": {"code": "Directory_QuotaExceeded", "message": "quota of objects of the creator is used up"}}
    sandbox.faults.add(
        "graph", "status", method="PATCH", path=r"/applications\(uniqueName", status=403, body=body, times=200
    )
    operation = provisioning.request(instance, actor=OLGA)
    run_worker()
    operation.refresh_from_db()
    assert (operation.status, operation.error_code) == ("failed", "Directory_QuotaExceeded")
    page = operator_client.get(page_of(operation)).content.decode()
    assert "a quota of objects is used up" in page
    assert "delete those that nobody needs" in page


def test_the_list_says_below_the_state_whom_an_operation_waits_for(operator_client: Client, waiting: Operation) -> None:
    page = operator_client.get(reverse("admin:registrations_operation_changelist")).content.decode()
    assert '<span class="quiet">for staff</span>' in page
    done = sum(step.status == "done" for step in waiting.steps)
    assert f">{done} of {len(waiting.steps)}<" in page
