"""The check of a tenant's credential and permissions, and how long its outcome counts."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from registrations import audit
from registrations.models import EntraTenant, Operation, UmpInstance
from registrations.services import credentials, tenant_check
from sandbox.app import Sandbox
from tests.registrations.runs import (
    Provision,
    count_calls,
)

pytestmark = pytest.mark.django_db
BULK = Operation.Priority.BULK


def test_a_missing_permission_is_named_before_any_creation(
    provision: Provision, instance: UmpInstance, sandbox: Sandbox
) -> None:
    sandbox.world.tenant(instance.provider.tenant.tenant_id).app_role_assignments = []
    operation = provision()
    assert operation.status == "failed"
    assert "Application.ReadWrite.OwnedBy" in operation.message
    assert instance.status == "failed"
    assert sandbox.world.find_application(unique_name=f"syncportal-{instance.host}") is None


def test_an_unneeded_permission_is_reported_and_does_not_stop(
    provision: Provision, instance: UmpInstance, sandbox: Sandbox
) -> None:
    tenant = sandbox.world.tenant(instance.provider.tenant.tenant_id)
    sandbox.world.grant_application_permissions(
        tenant, instance.provider.tenant.client_id, ["Application.ReadWrite.All"]
    )
    operation = provision()
    assert operation.status == "succeeded"
    instance.provider.tenant.refresh_from_db()
    assert instance.provider.tenant.excess_permissions == ["Application.ReadWrite.All"]


def test_a_wrong_credential_fails_with_what_to_do(provision: Provision, instance: UmpInstance) -> None:
    tenant = instance.provider.tenant
    tenant.seal("client_secret_envelope", "not-the-secret-at-all")
    tenant.save()
    operation = provision()
    assert operation.status == "failed"
    assert operation.error_code == "AADSTS7000215"
    assert "Its values are under Entra tenants" in operation.message


def test_a_bulk_run_skips_the_check_of_a_recently_checked_tenant(provision: Provision, sandbox: Sandbox) -> None:
    provision()
    before = count_calls(sandbox, "graph", "/organization")
    again = provision(priority=BULK)
    assert again.status == "succeeded"
    assert count_calls(sandbox, "graph", "/organization") == before == 1
    assert "few minutes ago" in again.steps[0].note


@pytest.mark.parametrize(
    "change",
    [
        {"checked_at": timezone.now() - timedelta(minutes=11)},
        {"checked_at": timezone.now() + timedelta(hours=1)},  # the clock was set back
        {"missing_permissions": ["Application.Read.All"]},
    ],
)
def test_an_old_or_failed_check_is_repeated(provision: Provision, sandbox: Sandbox, change: dict[str, Any]) -> None:
    provision()
    EntraTenant.objects.update(**change)
    provision(priority=BULK)
    assert count_calls(sandbox, "graph", "/organization") == 2


def test_a_changed_credential_is_checked_again(provision: Provision, instance: UmpInstance, sandbox: Sandbox) -> None:
    provision()
    credentials.reset_check(instance.provider.tenant)
    provision(priority=BULK)
    assert count_calls(sandbox, "graph", "/organization") == 2


def test_a_check_of_the_wrong_tenant_is_not_kept(provision: Provision, instance: UmpInstance, sandbox: Sandbox) -> None:
    sandbox.faults.add(
        service="graph",
        method="GET",
        path="/organization",
        kind="status",
        status=200,
        body={"value": [{"id": "0f5a1c37-7a1d-4a5e-8a51-2f0f3ab7f009", "displayName": "Somebody else"}]},
    )
    assert provision().status == "failed"
    tenant = EntraTenant.objects.get(pk=instance.provider.tenant_id)
    assert tenant.checked_at is None


def test_an_interactive_provisioning_checks_the_tenant_each_time(provision: Provision, sandbox: Sandbox) -> None:
    provision()
    provision()
    assert count_calls(sandbox, "graph", "/organization") == 2


def test_the_outcome_for_a_credential_changed_meanwhile_is_not_kept(instance: UmpInstance) -> None:
    tenant = EntraTenant.objects.get(pk=instance.provider.tenant_id)
    credentials.store_tenant_secret(instance.provider.tenant, "another", actor=audit.SYSTEM)
    tenant_check.save_outcome(tenant, tenant_check.PermissionCheck([], []), actor=audit.WORKER)
    assert EntraTenant.objects.get(pk=tenant.pk).checked_at is None
