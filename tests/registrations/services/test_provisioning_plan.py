"""What the page before provisioning says, from our rows alone."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from registrations.models import ClientSecret, UmpInstance
from registrations.services import provisioning_plan
from tests import factories
from tests.registrations.admin.conftest import page_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def active() -> UmpInstance:
    """An instance that lacks nothing."""
    instance = factories.make_instance(status="active", delivered_at=timezone.now())
    ids = {"app_id": "an-app-id", "object_id": "an-id", "service_principal_id": "an-id"}
    factories.make_registration(instance, secret="abc-secret", **ids)
    return instance


def plan_of(instance: UmpInstance) -> provisioning_plan.Plan:
    return provisioning_plan.of([instance])[instance.pk]


def test_a_draft_gets_an_application_and_a_secret() -> None:
    plan = plan_of(factories.make_instance())
    assert plan.changes
    assert "is created in Finebak" in plan.application
    assert plan.secret == "A client secret is created, for 24 months at most."


def test_an_active_instance_reads_that_nothing_changes(active: UmpInstance, operator_client: Client) -> None:
    page = " ".join(operator_client.get(page_of(active, "provision")).content.decode().split())
    assert "By what SyncPortal has stored, nothing changes." in page
    assert "No new client secret is created: abc… is valid until" in page
    assert "Entra and the UMP are asked when it runs" in page
    assert "is created in Finebak" not in page


def test_an_expired_secret_is_replaced(active: UmpInstance) -> None:
    ClientSecret.objects.update(expires_at=timezone.now() - timedelta(days=2))
    plan = plan_of(active)
    assert plan.changes
    assert plan.secret.startswith("A new client secret is created: abc… expired on ")


def test_a_secret_that_expires_soon_is_kept_and_the_page_says_so(active: UmpInstance) -> None:
    ClientSecret.objects.update(expires_at=timezone.now() + timedelta(days=23))
    plan = plan_of(active)
    assert not plan.changes
    assert "is replaced only once it has expired" in plan.secret


def test_a_hand_over_sheet_is_confirmed_again(active: UmpInstance) -> None:
    active.delivery = UmpInstance.Delivery.HANDOVER
    assert "confirms both groups of the hand-over sheet again" in plan_of(active).ump


def test_the_secret_of_a_former_tenant_does_not_count(active: UmpInstance) -> None:
    active.registrations.update(tenant_id="00000009-0000-4000-8000-000000000009")
    plan = plan_of(active)
    assert plan.changes
    assert "A client secret is created" in plan.secret


def test_an_instance_that_cannot_be_provisioned_has_no_button(active: UmpInstance, operator_client: Client) -> None:
    UmpInstance.objects.update(status="retired")
    page = operator_client.get(page_of(active, "provision")).content.decode()
    assert "It cannot be provisioned now: It is retired." in page
    assert "Provision 1 instance</button>" not in page
