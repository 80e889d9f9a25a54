"""How many calls and queries a registration costs."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from registrations import audit, connections
from registrations.engine import runner
from registrations.models import ClientSecret, Operation, UmpInstance
from registrations.services import provisioning
from sandbox.app import Sandbox
from tests import factories
from tests.registrations.runs import Provision, RunWorker, count_calls

pytestmark = pytest.mark.django_db
BULK = Operation.Priority.BULK
LOCKS_THE_CHAIN = "SELECT digest FROM registrations_auditevent"


def test_a_first_provisioning_reads_seven_times_and_a_bulk_one_twice(
    provision: Provision, instance: UmpInstance, sandbox: Sandbox, run_worker: RunWorker
) -> None:
    provision()
    reads = [call for call in sandbox.calls if call.service == "graph" and call.method == "GET"]
    assert len(reads) == 7  # docs/performance.md says so too
    ClientSecret.objects.update(expires_at=timezone.now())  # it needs another one, so the tenant's policy is remembered
    provision(priority=BULK)
    reads = [call for call in sandbox.calls if call.service == "graph" and call.method == "GET"]
    another = factories.make_instance(sandbox, app_name="umptoken2")
    operation = provisioning.request(another, actor=audit.SYSTEM, priority=BULK)
    run_worker()
    operation.refresh_from_db()
    assert operation.steps[1].status == "done", operation.message
    again = [call for call in sandbox.calls if call.service == "graph" and call.method == "GET"]
    asked_for = [call.path.partition("?")[0] for call in again[len(reads) :]]
    assert asked_for == [
        "/v1.0/applications(uniqueName='syncportal-umptoken2.finebak.localhost')",
        "/v1.0/applications",
    ]


def test_a_bulk_run_prepays_its_writes_before_any_call(
    provision: Provision, instance: UmpInstance, sandbox: Sandbox, run_worker: RunWorker
) -> None:
    rate_limit = connections.rate_limit_of(instance.provider.tenant)
    rate_limit.throttled("POST", timedelta(seconds=1))
    operation = provision(priority=BULK)
    assert (operation.status, operation.error_code, operation.steps[0].status) == (
        "waiting",
        "quota_spent",
        "pending",
    )
    assert [call for call in sandbox.calls if call.service == "graph"] == []
    connections.rate_limiter.cache_clear()
    Operation.objects.update(next_attempt_at=timezone.now())
    left = connections.rate_limit_of(instance.provider.tenant).remaining().writes
    run_worker()
    operation.refresh_from_db()
    assert operation.status == "succeeded", operation.message
    used = left - connections.rate_limit_of(instance.provider.tenant).remaining().writes
    assert used <= 3  # what was prepaid is not paid again; the bucket refills during the run


def test_a_bulk_job_requests_its_own_token_once_until_a_refusal(provision: Provision, sandbox: Sandbox) -> None:
    connections.forget_cached()
    provision(priority=BULK)
    first = count_calls(sandbox, "entra", "/token")
    provision(priority=BULK)
    without_own = count_calls(sandbox, "entra", "/token") - first
    connections.forget_cached()
    provision(priority=BULK)
    assert count_calls(sandbox, "entra", "/token") - first - without_own == without_own + 1


def test_a_registration_costs_at_most_60_queries_and_nine_chain_locks(sandbox: Sandbox, portal: None) -> None:
    instance = factories.make_instance(sandbox)
    first = provisioning.request(instance, actor=audit.SYSTEM)
    runner.run(first.pk)  # finds the tenant checked from now on
    Operation.objects.all().delete()
    sandbox.world.add_ump("another", instance.provider.tenant.tenant_id)
    other = factories.make_instance(sandbox, provider=instance.provider, app_name="another")
    operation = provisioning.request(other, actor=audit.SYSTEM, priority=Operation.Priority.BULK)
    with CaptureQueriesContext(connection) as seen:
        runner.run(operation.pk)
    operation.refresh_from_db()
    assert operation.status == "succeeded", operation.message
    statements = [query["sql"] for query in seen.captured_queries]
    assert sum(LOCKS_THE_CHAIN in sql for sql in statements) == len(operation.steps) + 1
    assert len([sql for sql in statements if not sql.startswith(("SAVEPOINT", "RELEASE", "BEGIN", "COMMIT"))]) <= 60
