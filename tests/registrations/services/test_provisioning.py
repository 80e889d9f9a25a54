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
from sandbox.seed import plant_provider
from tests import factories
from tests.registrations.runs import OLGA, Provision, Work, application_of, run_again

pytestmark = pytest.mark.django_db


def test_an_instance_becomes_active_with_exactly_the_procedures_settings(
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


def test_provisioning_again_changes_nothing_and_makes_nothing(provision: Provision, sandbox: Sandbox) -> None:
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


def test_an_instance_whose_provisioning_was_cancelled_is_a_draft_that_may_be_changed_and_provisioned(
    provision: Provision, instance: UmpInstance
) -> None:
    queue.cancel(provisioning.request(instance, actor=OLGA), actor=OLGA)
    instance.refresh_from_db()
    assert instance.status == "draft"
    assert not addresses.is_fixed(UmpInstance.objects.filter(pk=instance.pk))
    assert provision().status == "succeeded"
    assert instance.status == "active"


def test_an_instance_that_had_failed_is_a_draft_too_once_the_next_attempt_is_cancelled(
    provision: Provision, instance: UmpInstance, sandbox: Sandbox
) -> None:
    sandbox.world.tenant(instance.provider.tenant.tenant_id).app_role_assignments = []
    provision()
    assert instance.status == "failed"
    queue.cancel(provisioning.request(instance, actor=OLGA), actor=OLGA)
    instance.refresh_from_db()
    assert instance.status == "draft"


@pytest.mark.parametrize(("before", "after"), [("failed", "failed"), ("active", "active")])
def test_cancelling_does_not_make_a_draft_of_what_was_delivered(instance: UmpInstance, before: str, after: str) -> None:
    UmpInstance.objects.update(status=before, delivered_at=timezone.now())
    queue.cancel(provisioning.request(instance, actor=OLGA), actor=OLGA)
    instance.refresh_from_db()
    assert instance.status == after


def test_microsoft_being_down_puts_the_work_back_and_it_goes_on_later(
    provision: Provision, sandbox: Sandbox, work: Work
) -> None:
    sandbox.faults.add(service="graph", method="PATCH", path=r"/applications.*", kind="status", status=503)
    operation = provision()
    assert operation.status == "waiting"
    assert run_again(operation, work).status == "succeeded"


def test_a_429_is_waited_for_as_long_as_it_says(provision: Provision, sandbox: Sandbox) -> None:
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


def test_an_empty_bucket_at_microsoft_costs_one_429_and_then_waiting(
    provision: Provision, instance: UmpInstance, sandbox: Sandbox, work: Work
) -> None:
    tenant = instance.provider.tenant
    sandbox.quotas.set_left(tenant.client_id, tenant.tenant_id, writes=-4000)
    operation = provision()
    assert (operation.status, operation.error_code) == ("waiting", "429")
    assert connections.rate_limit_of(tenant).remaining().blocked > timedelta()
    before = len(sandbox.calls)
    operation = run_again(operation, work)
    assert (operation.status, operation.error_code) == ("waiting", "quota_spent")
    assert [call for call in sandbox.calls[before:] if call.service == "graph"] == []
    sandbox.quotas.set_left(tenant.client_id, tenant.tenant_id, writes=100)
    connections.rate_limiter.cache_clear()  # the pause is over
    assert run_again(operation, work).status == "succeeded"
    assert [call.status for call in sandbox.calls].count(429) == 1


def test_no_secret_stands_in_operations_or_history(provision: Provision) -> None:
    operation = provision()
    value = ClientSecret.objects.get().unseal("envelope")
    told = str(list(Operation.objects.values())) + str(list(AuditEvent.objects.values()))
    assert value not in told
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


def test_an_instance_that_takes_a_former_host_is_told_whose_name_it_is(
    provision: Provision, instance: UmpInstance, sandbox: Sandbox, work: Work
) -> None:
    provision()
    UmpInstance.objects.filter(pk=instance.pk).update(app_name="renamed")
    newcomer = factories.make_instance(sandbox)
    operation = provisioning.request(newcomer, actor=OLGA)
    work()
    operation.refresh_from_db()
    assert (operation.status, operation.error_code) == ("failed", "name_taken")
    assert "renamed.finebak.localhost" in operation.message


def test_a_ump_url_that_is_not_allowed_any_more_stops_before_anything_is_made(
    provision: Provision, instance: UmpInstance, sandbox: Sandbox
) -> None:
    UmpInstance.objects.filter(pk=instance.pk).update(ump_url="")
    operation = provision()
    assert (operation.status, operation.error_code) == ("failed", "ump_url")
    assert sandbox.world.find_application(unique_name=f"syncportal-{instance.host}") is None


def test_a_provider_that_moved_to_another_tenant_is_provisioned_again_there(
    provision: Provision, instance: UmpInstance, sandbox: Sandbox, work: Work
) -> None:
    sandbox.world.ump("finebak").lacks_contract_api = True
    operation = provision()
    assert operation.status == "failed"
    elsewhere = plant_provider(sandbox.world, "Northwind", "northwind.localhost")
    moved_to = factories.make_tenant(
        name="Northwind", tenant_id=elsewhere["tenant_id"], client_id=elsewhere["portal_id"]
    )
    credentials.store_tenant_secret(moved_to, elsewhere["portal_secret"], actor=OLGA)
    provider = instance.provider
    addresses.change_provider_address(provider, domain=provider.domain, tenant=moved_to, reason="Moved.", actor=OLGA)
    queue.resume(operation, actor=OLGA)
    operation = run_again(operation, work)
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
    newer = run_again(provisioning.request(moved, actor=OLGA), work)
    assert newer.status == "succeeded", newer.message
    assert instance.registrations.filter(tenant_id=elsewhere["tenant_id"]).exists()


def test_a_request_takes_the_operation_before_the_instance_as_workers_do(sandbox: Sandbox) -> None:
    instance = factories.make_instance(sandbox)
    with CaptureQueriesContext(connection) as seen:
        provisioning.request(instance, actor=audit.SYSTEM)
    written = [query["sql"] for query in seen.captured_queries if query["sql"].startswith(("INSERT", "UPDATE"))]
    tables = [sql.split('"')[1].removeprefix("registrations_") for sql in written]
    assert tables == ["operation", "umpinstance", "auditevent"]


def test_a_host_that_is_longer_than_its_label_is_provisioned_all_the_same() -> None:
    domain = ".".join(["a" * 60] * 3 + ["b" * 49, "example"])
    instance = factories.make_instance(
        app_name="u" * 63, provider=factories.make_provider(domain=domain), ump_url=f"https://ump.{domain}"
    )
    operation = provisioning.request(instance, actor=OLGA)
    assert len(instance.host) > 255 == len(operation.subject_label)
