"""A tenant's app management policy on client secrets."""

from datetime import timedelta

import pytest
from django.utils import timezone

from registrations import audit, connections
from registrations.engine import queue
from registrations.models import ClientSecret, Operation, UmpInstance
from registrations.services import provisioning
from sandbox.app import Sandbox
from tests import factories
from tests.registrations.runs import Provision, RunWorker, count_calls

pytestmark = pytest.mark.django_db
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


def test_a_cached_policy_is_read_again_after_a_refusal(provision: Provision, sandbox: Sandbox) -> None:
    connections.forget_cached()
    for _ in range(2):
        provision(priority=BULK)
    assert count_calls(sandbox, "graph", "/policies/") == 1
    connections.forget_cached()  # as a refusal does
    provision(priority=BULK)
    assert count_calls(sandbox, "graph", "/policies/") == 2


def test_a_policy_tightened_during_a_bulk_job_is_read_again(
    provision: Provision, instance: UmpInstance, sandbox: Sandbox, run_worker: RunWorker
) -> None:
    connections.forget_cached()
    provision(priority=BULK)
    tenant = sandbox.world.tenant(instance.provider.tenant.tenant_id)
    with sandbox.world.lock:
        tenant.secret_policy.max_lifetime_days = 90
    another = factories.make_instance(sandbox, app_name="umptoken2")
    operation = provisioning.request(another, actor=audit.SYSTEM, priority=BULK)
    run_worker()
    operation.refresh_from_db()
    assert (operation.status, operation.steps[3].name) == ("waiting", "secret")
    assert "changed its policy" in operation.message
    for _ in range(3):
        queue.wake([operation])
        run_worker()
    operation.refresh_from_db()
    assert operation.steps[3].status == "done", operation.message
