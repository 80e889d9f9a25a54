"""A bulk job's page, and what is said when one begins: what is still at work is never out of sight."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from registrations.models import BulkItem, BulkPart, Operation, UmpInstance
from registrations.services import bulk_jobs
from tests import factories
from tests.registrations.admin.conftest import OLGA, page_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def instances() -> list[UmpInstance]:
    """Twelve in one tenant: enough for a job."""
    return [factories.make_instance(app_name=f"ump{number}") for number in range(12)]


@pytest.fixture
def part(instances: list[UmpInstance]) -> BulkPart:
    """A job that has begun all of them."""
    made = bulk_jobs.request(instances, actor=OLGA).parts.get()
    bulk_jobs.start_next([made])
    return made


def give_a_worker(part: BulkPart, count: int) -> list[BulkItem]:
    """Let workers have some of the part's operations."""
    items = list(part.items.live().select_related("operation", "instance__provider")[:count])
    Operation.objects.filter(bulk_item__in=items).update(status="running", lease="a worker's")
    return items


def shown(client: Client, part: BulkPart) -> str:
    """The part of the page that brings itself up to date."""
    address = reverse("admin:registrations_bulkjob_parts", args=[part.job_id])
    return " ".join(client.get(address).content.decode().split())


def test_what_a_worker_has_is_listed_after_a_cancel_until_it_ends(operator_client: Client, part: BulkPart) -> None:
    first, second = give_a_worker(part, 2)
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


def test_one_that_was_resumed_after_the_end_is_followed_too(operator_client: Client, part: BulkPart) -> None:
    Operation.objects.live().update(status="succeeded", ended_at=timezone.now())
    bulk_jobs.start_next([part])
    part.refresh_from_db()
    assert part.status == "completed"
    assert 'data-is-live="false"' in shown(operator_client, part)
    Operation.objects.filter(bulk_item=part.items.all()[0]).update(status="queued", ended_at=None)
    page = shown(operator_client, part)
    assert 'data-is-live="true"' in page
    assert "Still running" in page


def test_what_needs_a_person_is_not_listed_twice(operator_client: Client, part: BulkPart) -> None:
    (item,) = give_a_worker(part, 1)
    bulk_jobs.cancel(part, actor=OLGA)
    assert item.operation
    Operation.objects.filter(bulk_item=item).update(status="waiting", waits_for="staff", message="Decide.")
    assert shown(operator_client, part).count(page_of(item.operation)) == 1


def test_the_page_asks_the_database_as_often_for_many_as_for_one(operator_client: Client, part: BulkPart) -> None:
    give_a_worker(part, 8)
    bulk_jobs.cancel(part, actor=OLGA)
    shown(operator_client, part)  # what is read once and kept is read now
    with CaptureQueriesContext(connection) as many:
        assert shown(operator_client, part).count("step-running") == 8
    seven = list(part.items.live()[:7])
    Operation.objects.filter(bulk_item__in=seven).update(status="cancelled", ended_at=timezone.now())
    with CaptureQueriesContext(connection) as one:
        assert shown(operator_client, part).count("step-running") == 1
    assert len(many) == len(one)


def test_cancel_says_before_what_becomes_of_what_a_worker_has(operator_client: Client, part: BulkPart) -> None:
    page = operator_client.get(reverse("admin:registrations_bulkjob_act", args=[part.pk, "cancel"])).content.decode()
    assert "What a worker is at now ends its turn first, then it is cancelled too." in " ".join(page.split())


def test_the_message_after_the_confirmation_says_what_the_confirmation_said(
    operator_client: Client, instances: list[UmpInstance]
) -> None:
    address = reverse("admin:registrations_umpinstance_provision_confirmed")
    chosen = {"instance": [str(instance.pk) for instance in instances]}
    page = operator_client.post(address, chosen, follow=True).content.decode()
    assert "12 instances are being provisioned, a few at a time." in page
    assert "one after another" not in page
