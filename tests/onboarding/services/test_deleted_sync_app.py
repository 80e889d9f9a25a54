"""The sync app, through which customers sign in, is deleted by hand while a customer connects with a delegated token."""

from datetime import timedelta

import pytest
from django.utils import timezone

from onboarding.models import DelegatedToken
from registrations import audit
from registrations.applications import conflicts
from registrations.engine import queue
from registrations.models import ClientSecret, UmpInstance
from registrations.services import provisioning
from sandbox.app import Sandbox
from tests.onboarding.browser import Browser
from tests.onboarding.delegated import TILDA, RunWorker, authorise, contoso, held, provisioned
from tests.onboarding.wizard import text
from tests.registrations.deletion import DELETED, PURGED, Settle, age, before, delete, settle

pytestmark = pytest.mark.django_db
__all__ = ["contoso", "provisioned", "settle"]  # fixtures
STEPS = ("teams_token", "roles", "hand_over", "validation")
SECRET = "secret"  # a way to delete: the client secrets alone


def remove(sandbox: Sandbox, instance: UmpInstance, how: str) -> None:
    """Delete the sync app, or its secrets, long after it was created."""
    age()
    DelegatedToken.objects.update(obtained_at=timezone.now() - timedelta(hours=1))
    application = sandbox.world.find_application(app_id=instance.registrations.get().app_id)
    assert application is not None
    if how == SECRET:
        portal = sandbox.world.tenant(application.tenant_id).service_principal_of(sandbox.seed.provider.client_id)
        assert portal is not None
        application.owners.append(portal.id)  # the fixture's application was not created by the portal
        application.passwords.clear()
    else:
        delete(sandbox, application, how)


def provision_again(instance: UmpInstance, settle: Settle) -> None:
    """Staff repeat the provisioning, and have another application created where they are asked."""
    operation = settle(provisioning.request(instance, actor=audit.SYSTEM))
    if operation.error_code == conflicts.DELETED_APPLICATION:
        conflicts.decide(operation, conflicts.CREATE_NEW, actor=audit.SYSTEM)
        operation = settle(operation)
    assert operation.step("sync_app").is_done, operation.message


@pytest.mark.parametrize("how", [DELETED, PURGED, SECRET])
@pytest.mark.parametrize("step", STEPS)
def test_staff_are_asked_for_the_sync_app_before_the_customer_signs_in_again(
    step: str,
    how: str,
    customer: Browser,
    link: str,
    instance: UmpInstance,
    sandbox: Sandbox,
    settle: Settle,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before(monkeypatch, step, lambda: remove(sandbox, instance, how))
    operation = settle(authorise(customer, link))
    assert (operation.waits_for, operation.error_code) == ("staff", "sync_app_gone"), operation.message
    assert "Provision the instance again" in operation.message
    provision_again(instance, settle)
    operation = settle(operation)
    if operation.waits_for == "customer":  # the consent was to the application that is gone
        answer = customer.sign_in(customer.press(customer.open("/authenticate/progress")), TILDA)
        assert answer.status_code == 303, text(answer)
        operation = settle(operation)
    assert operation.status == "succeeded", operation.message
    assert held(sandbox).method == "delegated_token"


def test_an_instance_without_a_sync_app_is_waited_for(
    customer: Browser, link: str, instance: UmpInstance, settle: Settle
) -> None:
    """Staff have just decided that another one is created."""
    operation = authorise(customer, link)
    ClientSecret.objects.update(status=ClientSecret.Status.REMOVED, envelope="")
    operation = settle(operation)
    assert (operation.waits_for, operation.error_code) == ("staff", "sync_app_gone"), operation.message


def refuse_next_renewal(sandbox: Sandbox, code: int) -> None:
    body = {"error": "unauthorized_client", "error_description": f"AADSTS{code}: no.", "error_codes": [code]}
    sandbox.faults.add(service="entra", kind="status", status=400, path="/token$", body=body, times=1)


def test_a_sync_app_that_is_missing_in_the_customers_tenant_alone_needs_the_customer(
    customer: Browser, link: str, sandbox: Sandbox, settle: Settle
) -> None:
    operation = authorise(customer, link)
    age()
    refuse_next_renewal(sandbox, 700016)
    operation = settle(operation)
    assert operation.waits_for == "customer"
    assert "is not in your organisation any more. Sign in again" in operation.message
    assert "cannot resolve this yourself" not in operation.message


@pytest.mark.parametrize("code", [700016, 7000215])
def test_a_new_sync_app_may_be_unknown_to_some_servers(
    code: int, customer: Browser, link: str, sandbox: Sandbox, run_worker: RunWorker, settle: Settle
) -> None:
    operation = authorise(customer, link)
    ClientSecret.objects.update(stored_at=timezone.now())
    refuse_next_renewal(sandbox, code)
    run_worker()
    operation.refresh_from_db()
    assert (operation.status, operation.waits_for) == ("waiting", ""), operation.message
    queue.wake([operation])
    assert settle(operation).status == "succeeded"
