"""An active instance whose last provisioning failed: it still works, and every page says that it needs attention."""

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from registrations import admin_html, states
from registrations.models import Operation, UmpInstance
from registrations.services import addresses, provisioning
from tests.registrations.test_states import OLGA, make_secret, state_of

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("days", "newest", "expected"),
    [
        (700, "failed", "active_failed"),
        (23, "failed", "active_failed"),
        (-2, "failed", "expired"),
        (700, "succeeded", "active"),
        (700, "cancelled", "active"),
        (700, "queued", "active"),
    ],
)
@pytest.mark.parametrize("delivery", ["api", "handover"])
def test_an_active_instance_says_that_its_last_provisioning_failed(
    operator_client: Client, delivery: str, days: int, newest: str, expected: str
) -> None:
    make_secret(days=days)
    UmpInstance.objects.update(delivery=delivery)
    instance = UmpInstance.objects.get()
    provisioning.request(instance, actor=OLGA)
    Operation.objects.update(status="failed", ended_at=timezone.now())
    if newest != "failed":
        newer = provisioning.request(instance, actor=OLGA)
        Operation.objects.filter(pk=newer.pk).update(status=newest)
    if delivery == "handover" and expected == "active":
        expected = "active_unverified"
    assert state_of(states.instances(UmpInstance.objects.all())) == expected
    counted = {line.title: line.count for line in operator_client.get("/admin/").context["lines"]}
    listed = counted.get("Active instances whose last provisioning failed", 0)
    assert listed == (newest == "failed")
    assert "Operations that failed" not in counted


def test_a_failed_provisioning_of_an_active_instance_is_green_nowhere(operator_client: Client) -> None:
    make_secret()
    instance = UmpInstance.objects.get()
    provisioning.request(instance, actor=OLGA)
    Operation.objects.update(status="failed", ended_at=timezone.now())
    listed = reverse("admin:registrations_umpinstance_changelist")
    pages = [
        listed,
        f"{listed}?needs=active_failed",
        f"{listed}?state=active_failed",
        reverse("admin:registrations_umpinstance_change", args=[instance.pk]),
        reverse("admin:registrations_umpinstance_provision", args=[instance.pk]),
    ]
    for address in pages:
        shown = operator_client.get(address).content.decode()
        assert str(admin_html.badge("active_failed")) in shown, address
        assert str(admin_html.badge("active")) not in shown, address
    assert operator_client.get(f"{listed}?state=active").context["cl"].result_count == 0


@pytest.mark.parametrize("status", ["failed", "active"])
def test_an_instance_that_is_a_draft_again_is_one_line(operator_client: Client, status: str) -> None:
    make_secret()
    instance = UmpInstance.objects.get()
    provisioning.request(instance, actor=OLGA)
    Operation.objects.update(status="failed", ended_at=timezone.now())
    UmpInstance.objects.update(status=status, delivered_at=timezone.now())
    instance.refresh_from_db()
    same = {"app_name": instance.app_name, "delivery": instance.delivery}
    same |= {"ump_url": "https://new.finebak.localhost/tenantui", "reason": "It moved."}
    addresses.change_instance_address(instance, **same, actor=OLGA)
    lines = {line.title: line.count for line in operator_client.get("/admin/").context["lines"]}
    assert {title: count for title, count in lines.items() if "tenant" not in title} == {
        "Instances that are not provisioned yet": 1
    }
