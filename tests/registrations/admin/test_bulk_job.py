"""A bulk job's page: progress, buttons, and the operations that still run."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from registrations.models import BulkItem, BulkJob, BulkPart, Operation, UmpInstance
from registrations.services import bulk_jobs
from tests.registrations.admin.conftest import OLGA, page_of

pytestmark = pytest.mark.django_db


def claim(part: BulkPart, count: int) -> list[BulkItem]:
    """Let workers claim some of the part's operations."""
    items = list(part.items.live().select_related("operation", "instance__provider")[:count])
    Operation.objects.filter(bulk_item__in=items).update(status="running", lease="a worker's")
    return items


def shown(client: Client, part: BulkPart) -> str:
    """The live part of the page."""
    address = reverse("admin:registrations_bulkjob_parts", args=[part.job_id])
    return " ".join(client.get(address).content.decode().split())


def test_running_operations_are_listed_after_a_cancel_until_they_end(operator_client: Client, part: BulkPart) -> None:
    first, second = claim(part, 2)
    assert "Still running" not in shown(operator_client, part)
    bulk_jobs.cancel(part, actor=OLGA)
    page = shown(operator_client, part)
    assert 'data-is-live="true"' in page
    for item in (first, second):
        assert item.operation
        assert f'href="{page_of(item.operation)}">{item.instance.host}</a>' in page
    assert page.count("step-running") == 2
    Operation.objects.live().update(status="cancelled", ended_at=timezone.now())
    page = shown(operator_client, part)
    assert 'data-is-live="false"' in page
    assert "Still running" not in page


def test_an_operation_resumed_after_the_end_is_followed(operator_client: Client, part: BulkPart) -> None:
    Operation.objects.live().update(status="succeeded", ended_at=timezone.now())
    bulk_jobs.start_next([part])
    part.refresh_from_db()
    assert part.status == "completed"
    assert 'data-is-live="false"' in shown(operator_client, part)
    Operation.objects.filter(bulk_item=part.items.all()[0]).update(status="queued", ended_at=None)
    page = shown(operator_client, part)
    assert 'data-is-live="true"' in page
    assert "Still running" in page


def test_an_operation_that_waits_for_a_person_is_listed_once(operator_client: Client, part: BulkPart) -> None:
    (item,) = claim(part, 1)
    bulk_jobs.cancel(part, actor=OLGA)
    assert item.operation
    Operation.objects.filter(bulk_item=item).update(status="waiting", waits_for="staff", message="Decide.")
    assert shown(operator_client, part).count(page_of(item.operation)) == 1


def test_the_page_needs_no_more_queries_for_more_operations(operator_client: Client, part: BulkPart) -> None:
    claim(part, 8)
    bulk_jobs.cancel(part, actor=OLGA)
    shown(operator_client, part)  # fills the caches
    with CaptureQueriesContext(connection) as many:
        assert shown(operator_client, part).count("step-running") == 8
    seven = list(part.items.live()[:7])
    Operation.objects.filter(bulk_item__in=seven).update(status="cancelled", ended_at=timezone.now())
    with CaptureQueriesContext(connection) as one:
        assert shown(operator_client, part).count("step-running") == 1
    assert len(many) == len(one)


def test_the_page_says_when_workers_and_not_microsoft_are_the_limit(operator_client: Client, part: BulkPart) -> None:
    sentence = "The workers limit this job, not Microsoft: start more worker processes to make it faster."
    late = Operation.objects.filter(bulk_item__part=part)
    late.update(status="queued", next_attempt_at=timezone.now())
    assert sentence not in shown(operator_client, part)
    late.update(next_attempt_at=timezone.now() - timedelta(seconds=20))
    page = shown(operator_client, part)
    assert f"{late.count()} instances could run now and wait for a worker. {sentence}" in page


def test_the_cancel_page_says_what_happens_to_running_operations(operator_client: Client, part: BulkPart) -> None:
    page = operator_client.get(reverse("admin:registrations_bulkjob_act", args=[part.pk, "cancel"])).content.decode()
    assert "running ones finish their current run first, two minutes at most." in " ".join(page.split())


def test_the_message_after_the_confirmation_matches_it(operator_client: Client, instances: list[UmpInstance]) -> None:
    address = reverse("admin:registrations_umpinstance_provision_confirmed")
    chosen = {"instance": [str(instance.pk) for instance in instances]}
    page = operator_client.post(address, chosen, follow=True).content.decode()
    assert "12 instances are being provisioned, a few at a time." in page
    assert "one after another" not in page


def end(unstarted_part: BulkPart, count: int, status: str = "succeeded") -> None:
    """End some of the part's operations."""
    live = list(unstarted_part.items.live().values_list("operation", flat=True)[:count])
    Operation.objects.filter(pk__in=live).update(status=status, ended_at=timezone.now(), next_attempt_at=None)


def test_the_page_counts_failures_and_offers_to_retry_them(
    unstarted_part: BulkPart, operator_client: Client, auditor_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = reverse("admin:registrations_bulkjob_change", args=[unstarted_part.job_id])
    address = reverse("admin:registrations_bulkjob_act", args=[unstarted_part.pk, "try-again"])
    bulk_jobs.start_next()
    assert address not in operator_client.get(page).content.decode()
    end(unstarted_part, 3, "failed")
    monkeypatch.setattr("registrations.admin.bulk_job.SHOWN", 2)
    text = operator_client.get(page).content.decode()
    assert "Needs attention: 3" in text
    assert "The first 2 are shown." in text
    assert text.count("step step-failed") == 2
    assert address in text
    assert address not in auditor_client.get(page).content.decode()
    assert b"nothing is created twice" in operator_client.get(address).content
    assert BulkItem.objects.filter(operation__status="failed").count() == 3
    operator_client.post(address)
    assert BulkItem.objects.filter(operation__status="failed").count() == 0


def test_many_selected_instances_become_a_job_with_a_progress_page(
    instances: list[UmpInstance], operator: User, operator_client: Client
) -> None:
    address = reverse("admin:registrations_umpinstance_provision_confirmed")
    answer = operator_client.post(address, {"instance": [str(instance.pk) for instance in instances]})
    job = BulkJob.objects.get()
    assert answer["Location"] == reverse("admin:registrations_bulkjob_change", args=[job.pk])
    bulk_jobs.start_next()
    Operation.objects.filter(subject_id=instances[0].pk).update(
        status="failed", message="The UMP said no.", ended_at=timezone.now()
    )
    page = operator_client.get(answer["Location"]).content.decode()
    assert "Provisioned: 0 of 12, 1 failed" in page
    assert "The UMP said no." in page
    assert "writes" in page
    assert "Pause" in page


def test_buttons_ask_for_confirmation_and_auditors_have_none(
    unstarted_part: BulkPart, operator_client: Client, auditor_client: Client
) -> None:
    address = reverse("admin:registrations_bulkjob_act", args=[unstarted_part.pk, "cancel"])
    assert b"are cancelled" in operator_client.get(address).content
    unstarted_part.refresh_from_db()
    assert unstarted_part.status == "running"
    assert auditor_client.post(address).status_code == 403
    page = auditor_client.get(
        reverse("admin:registrations_bulkjob_change", args=[unstarted_part.job_id])
    ).content.decode()
    assert "Pause" not in page
    operator_client.post(address)
    unstarted_part.refresh_from_db()
    assert unstarted_part.status == "cancelled"
    assert operator_client.get(reverse("admin:registrations_bulkjob_changelist")).status_code == 200
    assert (
        operator_client.get(reverse("admin:registrations_bulkjob_act", args=[unstarted_part.pk, "nothing"])).status_code
        == 404
    )
