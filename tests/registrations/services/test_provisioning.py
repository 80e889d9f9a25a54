"""Provisioning against the sandbox: from draft to active, and what a person reads when it stops."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from registrations import audit, connections
from registrations.engine import queue
from registrations.errors import WrongStateError
from registrations.models import AppRegistration, AuditEvent, ClientSecret, Operation, UmpInstance
from registrations.services import addresses, credentials, provisioning
from sandbox.app import Sandbox
from sandbox.seed import seed_provider
from tests import factories
from tests.registrations.runs import OLGA, Provision, RunWorker, application_of, run_again

pytestmark = pytest.mark.django_db


def test_an_instance_becomes_active_with_the_settings_of_the_procedure(
    provision: Provision, instance: UmpInstance, sandbox: Sandbox
) -> None:
    operation = provision()
    assert operation.status == "succeeded", operation.message
    assert instance.status == "active"
    made = application_of(sandbox, instance)
    assert made.properties["displayName"] == "umptoken"
    assert made.properties["signInAudience"] == "AzureADMultipleOrgs"
    assert made.properties["isFallbackPublicClient"] is True
    assert made.properties["web"]["redirectUris"] == [instance.redirect_uri]
    assert made.properties["web"]["implicitGrantSettings"] == {
        "enableAccessTokenIssuance": True,
        "enableIdTokenIssuance": True,
    }
    (secret,) = made.passwords
    assert secret.end.startswith(str(timezone.now().year + 2))


def test_a_second_provisioning_changes_nothing(provision: Provision, sandbox: Sandbox) -> None:
    provision()
    before = len(sandbox.calls)
    assert provision().status == "succeeded"
    made = sandbox.calls[before:]
    writes = [(call.method, call.path) for call in made if call.service == "graph" and call.method != "GET"]
    assert writes == []
    assert AppRegistration.objects.count() == ClientSecret.objects.count() == 1


def test_a_second_request_is_refused_while_one_is_live(instance: UmpInstance) -> None:
    provisioning.request(instance, actor=OLGA)
    with pytest.raises(WrongStateError, match="has not ended"):
        provisioning.request(instance, actor=OLGA)


def test_a_cancelled_provisioning_leaves_a_draft_that_can_be_provisioned(
    provision: Provision, instance: UmpInstance
) -> None:
    queue.cancel(provisioning.request(instance, actor=OLGA), actor=OLGA)
    instance.refresh_from_db()
    assert instance.status == "draft"
    assert not addresses.is_fixed(UmpInstance.objects.filter(pk=instance.pk))
    assert provision().status == "succeeded"
    assert instance.status == "active"


def test_a_cancelled_retry_of_a_failed_instance_leaves_a_draft(
    provision: Provision, instance: UmpInstance, sandbox: Sandbox
) -> None:
    sandbox.world.tenant(instance.provider.tenant.tenant_id).app_role_assignments = []
    provision()
    assert instance.status == "failed"
    queue.cancel(provisioning.request(instance, actor=OLGA), actor=OLGA)
    instance.refresh_from_db()
    assert instance.status == "draft"


@pytest.mark.parametrize(("before", "after"), [("failed", "failed"), ("active", "active")])
def test_cancel_makes_no_draft_of_a_delivered_instance(instance: UmpInstance, before: str, after: str) -> None:
    UmpInstance.objects.update(status=before, delivered_at=timezone.now())
    queue.cancel(provisioning.request(instance, actor=OLGA), actor=OLGA)
    instance.refresh_from_db()
    assert instance.status == after


def test_an_outage_of_microsoft_is_retried(provision: Provision, sandbox: Sandbox, run_worker: RunWorker) -> None:
    sandbox.faults.add(service="graph", method="PATCH", path=r"/applications.*", kind="status", status=503)
    operation = provision()
    assert operation.status == "waiting"
    assert run_again(operation, run_worker).status == "succeeded"


def test_a_429_waits_for_its_retry_after(provision: Provision, sandbox: Sandbox) -> None:
    sandbox.faults.add(
        service="graph",
        method="PATCH",
        path=r"/applications.*",
        kind="status",
        status=429,
        headers={"Retry-After": "120"},
    )
    operation = provision()
    assert operation.status == "waiting"
    assert operation.next_attempt_at is not None
    assert operation.next_attempt_at - timezone.now() > timedelta(seconds=100)


def test_a_spent_quota_costs_one_429_and_then_waits(
    provision: Provision, instance: UmpInstance, sandbox: Sandbox, run_worker: RunWorker
) -> None:
    tenant = instance.provider.tenant
    sandbox.quotas.set_left(tenant.client_id, tenant.tenant_id, writes=-4000)
    operation = provision()
    assert (operation.status, operation.error_code) == ("waiting", "429")
    assert connections.rate_limit_of(tenant).remaining().blocked > timedelta()
    before = len(sandbox.calls)
    operation = run_again(operation, run_worker)
    assert (operation.status, operation.error_code) == ("waiting", "quota_spent")
    assert [call for call in sandbox.calls[before:] if call.service == "graph"] == []
    sandbox.quotas.set_left(tenant.client_id, tenant.tenant_id, writes=100)
    connections.rate_limiter.cache_clear()  # the pause is over
    assert run_again(operation, run_worker).status == "succeeded"
    assert [call.status for call in sandbox.calls].count(429) == 1


def test_no_secret_stands_in_operations_or_history(provision: Provision) -> None:
    operation = provision()
    value = ClientSecret.objects.get().unseal("envelope")
    stored = str(list(Operation.objects.values())) + str(list(AuditEvent.objects.values()))
    assert value not in stored
    assert operation.status == "succeeded"


def test_the_history_of_a_provisioning_is_complete(provision: Provision) -> None:
    provision()
    actions = list(AuditEvent.objects.order_by("id").values_list("action", flat=True))
    for expected in (
        "provision.requested",
        "application.intended",
        "secret.added",
        "secret.proven",
        "provision.succeeded",
    ):
        assert expected in actions
    assert audit.first_broken() is None
    assert queue.due() == []


def test_a_name_held_by_another_instance_is_named(
    provision: Provision, instance: UmpInstance, sandbox: Sandbox, run_worker: RunWorker
) -> None:
    provision()
    UmpInstance.objects.filter(pk=instance.pk).update(app_name="renamed")
    newcomer = factories.make_instance(sandbox)
    operation = provisioning.request(newcomer, actor=OLGA)
    run_worker()
    operation.refresh_from_db()
    assert (operation.status, operation.error_code) == ("failed", "name_taken")
    assert "renamed.finebak.localhost" in operation.message


def test_a_ump_url_that_is_no_longer_allowed_stops_before_any_creation(
    provision: Provision, instance: UmpInstance, sandbox: Sandbox
) -> None:
    UmpInstance.objects.filter(pk=instance.pk).update(ump_url="")
    operation = provision()
    assert (operation.status, operation.error_code) == ("failed", "ump_url")
    assert sandbox.world.find_application(unique_name=f"syncportal-{instance.host}") is None


def test_a_provider_that_moved_is_provisioned_in_its_new_tenant(
    provision: Provision, instance: UmpInstance, sandbox: Sandbox, run_worker: RunWorker
) -> None:
    sandbox.world.ump("finebak").lacks_contract_api = True
    operation = provision()
    assert operation.status == "failed"
    elsewhere = seed_provider(sandbox.world, "Northwind", "northwind.localhost")
    moved_to = factories.make_tenant(
        name="Northwind", tenant_id=elsewhere["tenant_id"], client_id=elsewhere["portal_id"]
    )
    credentials.store_tenant_secret(moved_to, elsewhere["portal_secret"], actor=OLGA)
    provider = instance.provider
    addresses.change_provider_address(provider, domain=provider.domain, tenant=moved_to, reason="Moved.", actor=OLGA)
    queue.resume(operation, actor=OLGA)
    operation = run_again(operation, run_worker)
    assert operation.status == "failed"
    assert operation.message == "The provider's tenant was changed meanwhile. Provision the instance again."
    UmpInstance.objects.filter(pk=instance.pk).update(
        ump_url=sandbox.ump_url("northwind"),
        ump_tenant_id=elsewhere["tenant_id"],
        ump_client_id=elsewhere["ump_client_id"],
        ump_scope=f"api://{elsewhere['ump_api_id']}/.default",
    )
    moved = UmpInstance.objects.get(pk=instance.pk)
    credentials.store_ump_secret(moved, elsewhere["ump_secret"], actor=OLGA)
    newer = run_again(provisioning.request(moved, actor=OLGA), run_worker)
    assert newer.status == "succeeded", newer.message
    assert instance.registrations.filter(tenant_id=elsewhere["tenant_id"]).exists()


def test_a_request_writes_the_operation_before_the_instance(sandbox: Sandbox) -> None:
    instance = factories.make_instance(sandbox)
    with CaptureQueriesContext(connection) as seen:
        provisioning.request(instance, actor=audit.SYSTEM)
    written = [query["sql"] for query in seen.captured_queries if query["sql"].startswith(("INSERT", "UPDATE"))]
    tables = [sql.split('"')[1].removeprefix("registrations_") for sql in written]
    assert tables == ["operation", "umpinstance", "auditevent", "auditcontext"]


def test_a_host_longer_than_the_label_column_is_accepted() -> None:
    domain = ".".join(["a" * 60] * 3 + ["b" * 49, "example"])
    instance = factories.make_instance(
        app_name="u" * 63, provider=factories.make_provider(domain=domain), ump_url=f"https://ump.{domain}"
    )
    operation = provisioning.request(instance, actor=OLGA)
    assert len(instance.host) > 255 == len(operation.subject_label)


def test_an_application_made_before_gets_the_instance_property_lock(
    provision: Provision, instance: UmpInstance, sandbox: Sandbox
) -> None:
    provision()
    made = application_of(sandbox, instance)
    assert made.properties["servicePrincipalLockConfiguration"] == {"isEnabled": True, "allProperties": True}
    del made.properties["servicePrincipalLockConfiguration"]  # as an older version made it: Graph shows null
    operation = provision()
    assert operation.status == "succeeded", operation.message
    assert operation.step("application").note == "Found; corrected servicePrincipalLockConfiguration."
    assert made.properties["servicePrincipalLockConfiguration"] == {"isEnabled": True, "allProperties": True}
    assert provision().step("application").note == "Already exists and is up to date."
