"""The start page shows what needs attention."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from registrations import admin_html, audit
from registrations.engine import queue
from registrations.models import ClientSecret, EntraTenant, Operation
from tests import factories

pytestmark = pytest.mark.django_db


def test_the_start_page_names_operations_that_no_worker_claims(operator_client: Client) -> None:
    operation = queue.request("check_tenant", factories.make_tenant(), actor=audit.SYSTEM)
    assert b"no worker runs" not in operator_client.get("/admin/").content
    Operation.objects.filter(pk=operation.pk).update(next_attempt_at=timezone.now() - timedelta(minutes=11))
    assert b"no worker runs" in operator_client.get("/admin/").content


def test_a_failed_operation_needs_attention_until_a_newer_one_exists(operator_client: Client) -> None:
    failed = queue.request("check_tenant", factories.make_tenant(), actor=audit.SYSTEM)
    Operation.objects.update(kind="try", status="failed", ended_at=timezone.now())
    address = reverse("admin:registrations_operation_changelist") + "?needs=failed"
    assert [row.pk for row in operator_client.get(address).context["cl"].result_list] == [failed.pk]
    queue.request("check_tenant", EntraTenant.objects.get(), actor=audit.SYSTEM)
    assert not operator_client.get(address).context["cl"].result_list


@pytest.mark.parametrize(
    ("status", "days", "shown"),
    [
        ("delivered", -1, "expired"),
        ("delivered", 59, "expiring"),
        ("delivered", 61, ""),
        ("superseded", -1, ""),  # its successor is in use
    ],
)
def test_a_live_secret_is_listed_by_its_expiry(operator_client: Client, status: str, days: int, shown: str) -> None:
    factories.make_registration(factories.make_instance(), secret="abc-secret")
    ClientSecret.objects.update(status=status, expires_at=timezone.now() + timedelta(days=days))
    address = reverse("admin:registrations_clientsecret_changelist")
    for need in ("expired", "expiring"):
        found = operator_client.get(f"{address}?needs={need}").context["cl"].result_list
        assert len(found) == (need == shown)


def since(client: Client, title: str) -> str:
    return next(str(line.since) for line in client.get("/admin/").context["lines"] if line.title == title)


def test_since_is_when_an_operation_became_late_or_began_to_wait(operator_client: Client) -> None:
    tenant = factories.make_tenant()
    operation = queue.request("check_tenant", tenant, actor=audit.SYSTEM)
    due = timezone.now() - timedelta(minutes=20)
    for status in ("queued", "running"):
        other = due - timedelta(days=1)
        times = {"next_attempt_at": due, "leased_until": other} if status == "queued" else {"leased_until": due}
        Operation.objects.update(status=status, created_at=timezone.now() - timedelta(days=9), **times)
        assert due.isoformat() in since(operator_client, "Operations that no worker runs")
    Operation.objects.update(status="waiting", waits_for="staff", next_attempt_at=None)
    with audit.atomic():
        for _ in range(2):
            entry = audit.record("check_tenant.waiting", actor=audit.WORKER, subject=tenant, operation_id=operation.pk)
    assert entry.at.isoformat() in since(operator_client, "Operations that wait for staff")


def test_a_missing_contact_is_not_called_a_missing_permission(operator_client: Client) -> None:
    factories.make_instance(provider=factories.make_provider(contact_email=""))
    [line] = [each for each in operator_client.get("/admin/").context["lines"] if "contact" in each.title]
    assert str(line.badge) == str(admin_html.badge("no_contact"))
