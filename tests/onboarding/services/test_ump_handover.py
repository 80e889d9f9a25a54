"""The UMP's part: find the service, hand over, and have the UMP validate."""

from datetime import timedelta

import pytest
from django.utils import timezone

from onboarding.models import Connection, Invitation
from registrations import audit
from registrations.engine import queue
from registrations.models import Operation
from sandbox.app import Sandbox
from tests.onboarding.authorised import RunWorker, authorised, contoso
from tests.registrations.runs import run_until_settled

pytestmark = pytest.mark.django_db


__all__ = ["authorised", "contoso"]  # fixtures


def test_a_service_missing_in_the_ump_waits_for_staff(
    authorised: Operation, sandbox: Sandbox, run_worker: RunWorker
) -> None:
    customers = sandbox.world.ump("finebak").customers
    kept = dict(customers)
    customers.clear()
    operation = run_until_settled(authorised, run_worker)
    assert (operation.status, operation.waits_for, operation.error_code) == ("waiting", "staff", "service_missing")
    assert "Create the service in the UMP" in operation.message
    assert Connection.objects.get().customer_part_done_at is not None
    assert operation.credential_envelope == ""
    customers.update(kept)
    Operation.objects.filter(pk=operation.pk).update(next_attempt_at=timezone.now(), waits_for="")
    assert run_until_settled(operation, run_worker).status == "succeeded"


def test_a_service_of_another_organisation_is_refused(
    authorised: Operation, sandbox: Sandbox, run_worker: RunWorker
) -> None:
    for ump_service in sandbox.world.ump("finebak").customers.values():
        ump_service.tenant_id = sandbox.world.tenant("Fabrikam").id
    operation = run_until_settled(authorised, run_worker)
    assert (operation.status, operation.error_code) == ("failed", "service_tenant")
    assert Connection.objects.get().status == "failed"
    assert Invitation.objects.get().status == "connecting"


def test_a_ump_job_that_fails_can_be_resumed(authorised: Operation, sandbox: Sandbox, run_worker: RunWorker) -> None:
    sandbox.faults.add(
        service="ump",
        kind="status",
        method="GET",
        path="/api/v2/task/",
        status=200,
        body={"id": "wst_1", "status": "Failed", "executionMessages": [{"level": "error", "message": "No licence."}]},
    )
    operation = run_until_settled(authorised, run_worker)
    assert operation.status == "failed"
    assert "No licence." in operation.message
    queue.resume(operation, actor=audit.SYSTEM)
    assert run_until_settled(operation, run_worker).status == "succeeded"


def test_a_ump_that_hit_a_stale_server_gets_the_secret_again(
    authorised: Operation, sandbox: Sandbox, run_worker: RunWorker
) -> None:
    message = {"level": "error", "message": "AADSTS7000215: Invalid client secret provided."}
    sandbox.faults.add(
        service="ump",
        kind="status",
        method="GET",
        path="/api/v2/task/",
        status=200,
        body={"id": "wst_1", "status": "Failed", "executionMessages": [message]},
    )
    operation = run_until_settled(authorised, run_worker)
    assert operation.status == "succeeded", operation.message
    assert (
        sum(call.service == "ump" and call.method == "PATCH" and "/customer/" in call.path for call in sandbox.calls)
        == 2
    )


def test_resume_restarts_a_ump_job_that_took_over_an_hour(
    authorised: Operation, sandbox: Sandbox, run_worker: RunWorker
) -> None:
    sandbox.world.ump("finebak").polls_before_done = 1000
    for _ in range(6):
        run_worker()
        Operation.objects.filter(pk=authorised.pk).update(next_attempt_at=timezone.now())
    authorised.refresh_from_db()
    first = authorised.notes["job"]
    long_ago = (timezone.now() - timedelta(hours=2)).isoformat()
    Operation.objects.filter(pk=authorised.pk).update(notes={**authorised.notes, "job_started_at": long_ago})
    operation = run_until_settled(authorised, run_worker)
    assert operation.status == "failed"
    assert first in operation.message
    sandbox.world.ump("finebak").polls_before_done = 1
    queue.resume(operation, actor=audit.SYSTEM)
    assert run_until_settled(operation, run_worker).status == "succeeded"
