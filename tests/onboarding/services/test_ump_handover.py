"""The UMP's part: find the service, hand over, and have the UMP validate."""

from datetime import timedelta

import pytest
from django.utils import timezone
from time_machine import TimeMachineFixture

from onboarding.models import Connection, Invitation
from registrations import audit
from registrations.engine import queue
from registrations.models import Operation
from sandbox.app import Sandbox
from tests.onboarding.authorised import RunWorker, authorised, contoso
from tests.registrations.deletion import before
from tests.registrations.runs import run_again, run_until_settled

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


def fail_jobs(sandbox: Sandbox, times: int) -> None:
    sandbox.faults.add(
        service="ump",
        kind="status",
        method="GET",
        path="/api/v2/task/",
        status=200,
        body={"id": "wst_1", "status": "Failed", "executionMessages": [{"level": "error", "message": "No licence."}]},
        times=times,
    )


def test_a_ump_job_that_failed_once_is_tried_again_by_itself(
    authorised: Operation, sandbox: Sandbox, run_worker: RunWorker
) -> None:
    fail_jobs(sandbox, 1)
    operation = run_until_settled(authorised, run_worker)
    assert operation.status == "succeeded", operation.message
    handed_over = [call for call in sandbox.calls if call.service == "ump" and call.method == "PATCH"]
    assert len(handed_over) == 2


def test_a_ump_job_that_fails_for_minutes_can_be_resumed(
    authorised: Operation, sandbox: Sandbox, run_worker: RunWorker, time_machine: TimeMachineFixture
) -> None:
    fail_jobs(sandbox, 99)
    operation = run_again(authorised, run_worker, times=6)
    assert (operation.status, operation.waits_for) == ("waiting", "")
    time_machine.move_to(timezone.now() + timedelta(minutes=6), tick=True)
    operation = run_until_settled(operation, run_worker)
    assert (operation.status, operation.error_code) == ("failed", "ump_job")
    assert "No licence." in operation.message
    sandbox.faults.clear()
    queue.resume(operation, actor=audit.SYSTEM)
    assert run_until_settled(operation, run_worker).status == "succeeded"


def test_a_service_that_the_ump_lost_is_looked_for_again(
    authorised: Operation, sandbox: Sandbox, run_worker: RunWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    customers = sandbox.world.ump("finebak").customers
    kept = dict(customers)
    before(monkeypatch, "hand_over", customers.clear)
    operation = run_until_settled(authorised, run_worker)
    assert (operation.status, operation.waits_for, operation.error_code) == ("waiting", "staff", "service_missing")
    customers.update(kept)
    Operation.objects.filter(pk=operation.pk).update(next_attempt_at=timezone.now(), waits_for="")
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


@pytest.mark.parametrize(("body", "hand_overs"), [(b"", 1), ({"error": {"code": "NotFound"}}, 2)])
def test_only_a_ump_that_says_so_has_forgotten_its_job(
    authorised: Operation, sandbox: Sandbox, run_worker: RunWorker, body: object, hand_overs: int
) -> None:
    """A 404 without a code may come from a proxy while the UMP restarts: the job runs all the same."""
    sandbox.faults.add(service="ump", kind="status", method="GET", path="/api/v2/task/", status=404, body=body, times=1)
    operation = run_until_settled(authorised, run_worker)
    assert operation.status == "succeeded", operation.message
    calls = [call for call in sandbox.calls if call.service == "ump" and call.method == "PATCH"]
    assert sum("/customer/" in call.path for call in calls) == hand_overs


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
