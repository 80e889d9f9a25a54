"""A tenant's app management policy on client secrets."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from registrations import audit, connections
from registrations.models import ClientSecret, Operation, UmpInstance
from registrations.services import provisioning
from sandbox.app import Sandbox
from tests import factories
from tests.registrations.runs import Provision, RunWorker, count_calls

pytestmark = pytest.mark.django_db
DENIED = {"error": {"code": "Authorization_RequestDenied", "message": "Insufficient privileges."}}
BULK = Operation.Priority.BULK


def test_a_policy_that_forbids_secrets_is_named(provision: Provision, instance: UmpInstance, sandbox: Sandbox) -> None:
    sandbox.world.tenant(instance.provider.tenant.tenant_id).secret_policy.secrets_forbidden = True
    operation = provision()
    assert (operation.status, operation.error_code) == ("failed", "CredentialTypeNotAllowedAsPerAppPolicy")
    assert "forbids client secrets" in operation.steps[0].note
    assert "make an exception" in operation.message


def test_a_policy_of_180_days_shortens_the_secret(
    provision: Provision, instance: UmpInstance, sandbox: Sandbox
) -> None:
    sandbox.world.tenant(instance.provider.tenant.tenant_id).secret_policy.max_lifetime_days = 180
    assert provision().status == "succeeded"
    ends = ClientSecret.objects.get().expires_at
    assert ends is not None
    assert timedelta(days=178) < ends - timezone.now() < timedelta(days=180)


def test_a_cached_policy_is_read_again_after_a_refusal(
    provision: Provision, sandbox: Sandbox, run_worker: RunWorker
) -> None:
    connections.forget_cached()
    for _ in range(2):
        provision(priority=BULK)
    assert count_calls(sandbox, "graph", "/policies/") == 1
    connections.forget_cached()  # as a refusal does
    provisioning.request(factories.make_instance(sandbox, app_name="umptoken2"), actor=audit.SYSTEM, priority=BULK)
    run_worker()
    assert count_calls(sandbox, "graph", "/policies/") == 2


def lifetime() -> timedelta:
    ends = ClientSecret.objects.latest("created_at").expires_at
    assert ends is not None
    return ends - timezone.now()


def test_a_policy_tightened_during_a_bulk_job_is_read_again(
    provision: Provision, instance: UmpInstance, sandbox: Sandbox, run_worker: RunWorker
) -> None:
    connections.forget_cached()
    provision(priority=BULK)
    tenant = sandbox.world.tenant(instance.provider.tenant.tenant_id)
    with sandbox.world.lock:
        tenant.secret_policy.max_lifetime_days = 100
    another = factories.make_instance(sandbox, app_name="umptoken2")
    operation = provisioning.request(another, actor=audit.SYSTEM, priority=BULK)
    run_worker()
    operation.refresh_from_db()
    assert operation.step("secret").status == "done", operation.message
    assert timedelta(days=99) < lifetime() < timedelta(days=100)


@pytest.mark.parametrize(
    ("cap", "shortest", "longest"), [(180, 178, 180), (100, 88, 90), (10, 6, 7), (5, 2, 3), (2, 0, 1)]
)
def test_a_refused_lifetime_is_answered_by_a_shorter_secret(
    provision: Provision, instance: UmpInstance, sandbox: Sandbox, cap: int, shortest: int, longest: int
) -> None:
    """The policy cannot be read: Policy.Read.All is optional."""
    sandbox.world.tenant(instance.provider.tenant.tenant_id).secret_policy.max_lifetime_days = cap
    sandbox.faults.add(service="graph", kind="status", status=403, body=DENIED, path="/policies/", times=99)
    operation = provision()
    assert operation.status == "succeeded", operation.message
    assert timedelta(days=shortest) < lifetime() < timedelta(days=longest)


def test_a_stricter_policy_of_one_application_is_met_by_a_shorter_secret(
    provision: Provision, instance: UmpInstance, sandbox: Sandbox
) -> None:
    tenant = sandbox.world.tenant(instance.provider.tenant.tenant_id)
    tenant.secret_policy.max_lifetime_days = 365
    tenant.secret_policy.max_lifetime_days_of_single_applications = 60
    assert provision().status == "succeeded"
    assert timedelta(days=58) < lifetime() < timedelta(days=60)


def test_a_lifetime_shorter_than_a_day_is_refused_in_words(
    provision: Provision, instance: UmpInstance, sandbox: Sandbox
) -> None:
    sandbox.world.tenant(instance.provider.tenant.tenant_id).secret_policy.max_lifetime_days_of_single_applications = 0
    operation = provision()
    assert (operation.status, operation.error_code) == ("failed", "CredentialInvalidLifetimeAsPerAppPolicy")
    assert "down to one day were refused" in operation.message
    assert count_calls(sandbox, "graph", "/addPassword") == 10
    assert not ClientSecret.objects.exclude(status="intended").exists()


def policy_of(longest: str) -> dict[str, Any]:
    """Graph's answer for a default policy with this lifetime."""
    rule = {"restrictionType": "passwordLifetime", "state": "enabled", "maxLifetime": longest}
    return {"isEnabled": True, "applicationRestrictions": {"passwordCredentials": [rule]}}


def test_a_limit_below_one_day_is_named(provision: Provision, instance: UmpInstance, sandbox: Sandbox) -> None:
    sandbox.world.tenant(instance.provider.tenant.tenant_id).secret_policy.max_lifetime_days_of_single_applications = 0
    sandbox.faults.add("graph", "status", path="/policies/", status=200, body=policy_of("PT12H"), times=99)
    operation = provision()
    assert (operation.status, operation.error_code) == ("failed", "CredentialInvalidLifetimeAsPerAppPolicy")
    assert "limits secrets to PT12H" in operation.message
    assert "make an exception for this application" in operation.message


@pytest.mark.parametrize("longest", ["PT12H", "P0D"])
def test_an_exception_from_a_limit_below_one_day_gives_a_whole_secret(
    provision: Provision, sandbox: Sandbox, longest: str
) -> None:
    """Who follows the advice is not refused again: an exception cannot be read, only tried."""
    sandbox.faults.add("graph", "status", path="/policies/", status=200, body=policy_of(longest), times=99)
    operation = provision()
    assert operation.status == "succeeded", operation.message
    assert lifetime() > timedelta(days=700)


def test_a_limit_in_hours_is_kept(provision: Provision, sandbox: Sandbox) -> None:
    sandbox.faults.add("graph", "status", path="/policies/", status=200, body=policy_of("PT48H"), times=99)
    assert provision().status == "succeeded"
    assert timedelta(hours=46) < lifetime() < timedelta(hours=48)


def test_a_policy_for_applications_created_later_shortens_nothing(
    provision: Provision, instance: UmpInstance, sandbox: Sandbox
) -> None:
    policy = sandbox.world.tenant(instance.provider.tenant.tenant_id).secret_policy
    policy.max_lifetime_days, policy.secrets_forbidden = 30, True
    policy.created_after = f"{timezone.now() + timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}"
    operation = provision()
    assert operation.status == "succeeded", operation.message
    assert "forbids" not in operation.step("preflight").note
    assert lifetime() > timedelta(days=700)


def test_a_policy_for_applications_created_since_last_year_applies(
    provision: Provision, instance: UmpInstance, sandbox: Sandbox
) -> None:
    policy = sandbox.world.tenant(instance.provider.tenant.tenant_id).secret_policy
    policy.max_lifetime_days = 180
    policy.created_after = f"{timezone.now() - timedelta(days=365):%Y-%m-%dT%H:%M:%S}.1234567Z"
    assert provision().status == "succeeded"
    assert count_calls(sandbox, "graph", "/addPassword") == 1
    assert timedelta(days=178) < lifetime() < timedelta(days=180)
