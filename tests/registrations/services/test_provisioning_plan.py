"""What the page before provisioning says, from our rows alone."""

import html
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from registrations.applications import desired_state
from registrations.models import ClientSecret, UmpInstance
from registrations.services import provisioning_plan
from sandbox.app import Sandbox
from tests import factories
from tests.registrations.admin.conftest import page_of
from tests.registrations.runs import application_of, provision_once

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
    assert "According to SyncPortal's records, nothing changes." in html.unescape(page)
    assert "No new client secret is created: abc… is valid until" in page
    assert "SyncPortal reads Entra and the UMP when it runs" in page
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
    assert "confirms both parts of the hand-over sheet again" in plan_of(active).ump


def test_the_page_of_a_hand_over_instance_does_not_promise_to_read_its_ump(
    active: UmpInstance, operator_client: Client
) -> None:
    UmpInstance.objects.update(delivery=UmpInstance.Delivery.HANDOVER)
    page = " ".join(operator_client.get(page_of(active, "provision")).content.decode().split())
    assert "SyncPortal reads Entra when it runs and corrects manual changes there. It cannot read this UMP." in page
    assert "reads Entra and the UMP" not in page


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


LOCK = "servicePrincipalLockConfiguration"


def test_of_an_application_of_before_nothing_is_promised(active: UmpInstance, operator_client: Client) -> None:
    active.registrations.update(applied_settings={})
    plan = plan_of(active)
    assert plan.changes
    assert plan.application == "SyncPortal checks the application and corrects what differs."
    page = operator_client.get(page_of(active, "provision")).content.decode()
    for untrue in ("nothing changes", "Nothing changes", "stays as it is"):
        assert untrue not in page + plan.summary, untrue


def test_settings_that_a_newer_version_adds_or_changes_are_named(active: UmpInstance) -> None:
    applied = desired_state.sync_app(active)
    del applied[LOCK]
    applied["optionalClaims"] = {"idToken": []}
    active.registrations.update(applied_settings=applied)
    plan = plan_of(active)
    assert plan.changes
    assert plan.application == (
        "Added to the application: app instance property lock. Changed in the application: optional claims."
    )


def test_the_page_before_provisioning_says_what_the_step_then_does(
    sandbox: Sandbox, run_worker: Callable[[], None], portal: None
) -> None:
    instance = factories.make_instance(sandbox)
    provision_once(instance, run_worker)
    instance.refresh_from_db()
    assert plan_of(instance).application == "The application stays as it is."
    # As an earlier version made it.
    application_of(sandbox, instance).properties.pop(LOCK)
    applied = {name: value for name, value in desired_state.sync_app(instance).items() if name != LOCK}
    instance.registrations.update(applied_settings=applied)
    assert plan_of(instance).application == "Added to the application: app instance property lock."
    operation = provision_once(instance, run_worker)
    assert operation.step("application").note == f"Found; corrected {LOCK}."
    assert not plan_of(instance).changes


def test_the_plan_needs_no_more_queries_for_more_instances(active: UmpInstance, django_assert_num_queries: Any) -> None:
    more = [factories.make_instance(app_name=f"more{number}") for number in range(5)]
    for instance in more:
        factories.make_registration(instance, app_id="an-id", service_principal_id="an-id", applied_settings={})
    for chosen in ([active], [active, *more]):
        with django_assert_num_queries(2):
            provisioning_plan.of(chosen)


def test_every_setting_has_a_name_and_a_value_for_people(active: UmpInstance) -> None:
    assert set(provisioning_plan.SETTINGS) == set(desired_state.sync_app(active))
    shown = dict(plan_of(active).values)
    assert shown["App instance property lock"] == "On, for all properties"
    claims = [claim["name"] for claim in desired_state.sync_app(active)["optionalClaims"]["idToken"]]
    assert all(claim in shown["Claims in the ID token"] for claim in claims)
