"""What each outcome of a step writes to its operation."""

from datetime import timedelta

import pytest
from django.db import OperationalError
from django.utils import timezone

from registrations import audit, connections
from registrations.engine import queue, registry, runner, transitions
from registrations.errors import (
    NotYetError,
    PersonNeededError,
    QuotaSpentError,
    RemoteRejectedError,
    RemoteUnavailableError,
)
from registrations.models import AuditEvent, EntraTenant, Operation, UmpInstance
from registrations.services import provisioning
from tests import factories
from tests.registrations.engine.operations import MakeOperation, raises, run_once, succeeds

pytestmark = pytest.mark.django_db
BULK = Operation.Priority.BULK


def test_a_refusal_fails_the_operation_with_its_sentence(make_operation: MakeOperation, ends: list[str]) -> None:
    operation = run_once(
        make_operation(succeeds, raises(RemoteRejectedError("Microsoft said no.", code="403")), succeeds)
    )
    assert (operation.status, operation.message, operation.error_code) == ("failed", "Microsoft said no.", "403")
    assert [step.status for step in operation.steps] == ["done", "failed", "pending"]
    assert ends == ["failed"]


def test_not_yet_waits_as_long_as_the_service_asks(make_operation: MakeOperation) -> None:
    operation = run_once(make_operation(raises(RemoteUnavailableError("Busy.", retry_after=timedelta(seconds=90)))))
    assert operation.status == "waiting"
    assert operation.next_attempt_at is not None
    assert timedelta(seconds=80) < operation.next_attempt_at - timezone.now() <= timedelta(seconds=90)
    assert runner.run(operation.pk) is False


def test_an_operation_that_waits_for_a_person_is_not_due(make_operation: MakeOperation) -> None:
    operation = run_once(make_operation(raises(PersonNeededError("Create the service.", who="staff", code="x"))))
    assert (operation.status, operation.waits_for, operation.next_attempt_at) == ("waiting", "staff", None)
    assert queue.due() == []


def test_a_worker_that_lost_its_lease_ends_nothing(make_operation: MakeOperation, ends: list[str]) -> None:
    def loses_its_lease(operation: Operation) -> str:
        Operation.objects.filter(pk=operation.pk).update(lease="somebody else's")
        return "done by the slow one"

    operation = run_once(make_operation(loses_its_lease))
    assert (operation.status, operation.lease) == ("running", "somebody else's")
    assert ends == []


def test_the_administrators_token_is_deleted_when_the_operation_ends(make_operation: MakeOperation) -> None:
    operation = make_operation(
        raises(RemoteRejectedError("No.")), credential=("token", timezone.now() + timedelta(hours=1))
    )
    assert operation.credential_envelope
    assert run_once(operation).credential_envelope == ""


def test_the_history_has_request_steps_and_end_in_order(make_operation: MakeOperation) -> None:
    run_once(make_operation(succeeds, succeeds))
    actions = list(AuditEvent.objects.order_by("id").values_list("action", flat=True))
    assert actions == ["try.requested", "try.step0.done", "try.step1.done", "try.succeeded"]


def test_long_remote_messages_are_cut_to_the_column(make_operation: MakeOperation) -> None:
    operation = run_once(make_operation(raises(RemoteRejectedError("No\0. " + "x" * 5000, code="c" * 500))))
    assert operation.status == "failed"
    assert len(operation.error_code) == 120
    assert len(operation.message) <= 1000
    assert "\0" not in operation.message


@pytest.fixture
def tenant() -> EntraTenant:
    return factories.make_tenant()


def test_a_succeeded_operation_keeps_no_message_of_an_earlier_wait(make_operation: MakeOperation) -> None:
    fates = iter([NotYetError("Wait a little."), None])

    def waits_once(operation: Operation) -> str:
        fate = next(fates)
        if fate:
            raise fate
        return ""

    operation = run_once(make_operation(waits_once))
    assert (operation.status, operation.message) == ("waiting", "Wait a little.")
    Operation.objects.update(next_attempt_at=timezone.now())
    runner.run(operation.pk)
    operation.refresh_from_db()
    assert (operation.status, operation.message, operation.error_code) == ("succeeded", "", "")
    assert AuditEvent.objects.latest("id").after == {}


def test_a_step_that_is_not_repeatable_stays_done_if_the_end_breaks(tenant: EntraTenant) -> None:
    sent: list[str] = []

    def send(operation: Operation) -> str:
        sent.append("mail")
        return "Sent."

    ends = iter([OperationalError("deadlock detected"), None])

    def succeeded(operation: Operation) -> None:
        error = next(ends)
        if error:
            raise error

    steps = (registry.Step("mail", "Mail", send, repeatable=False),)
    registry.register(registry.Kind("try", "Try", steps, EntraTenant, succeeded, lambda _: None))
    operation = queue.request("try", tenant, actor=audit.SYSTEM)
    runner.run(operation.pk)
    operation.refresh_from_db()
    assert (operation.status, operation.steps[0].status) == ("waiting", "done")
    Operation.objects.update(next_attempt_at=timezone.now())
    runner.run(operation.pk)
    operation.refresh_from_db()
    registry.kinds.pop("try")
    assert (operation.status, sent) == ("succeeded", ["mail"])


def test_a_dead_workers_step_is_shown_as_waiting_during_a_wait_for_quota(instance: UmpInstance) -> None:
    operation = provisioning.request(instance, actor=audit.SYSTEM, priority=BULK)
    factories.change(operation.steps[0], status="running", attempts=1)
    past = timezone.now() - timedelta(seconds=1)
    Operation.objects.update(status="running", leased_until=past, steps=operation.steps)
    connections.rate_limit_of(instance.provider.tenant).throttled("POST", timedelta(seconds=30))
    runner.run(operation.pk)
    operation.refresh_from_db()
    assert (operation.status, operation.steps[0].status) == ("waiting", "waiting")


def test_a_wait_is_never_written_inside_another_transaction(make_operation: MakeOperation) -> None:
    operation = make_operation(succeeds)
    waits = QuotaSpentError("Wait.", retry_after=timedelta(seconds=3))
    with audit.atomic(), pytest.raises(RuntimeError, match="durable"):
        transitions.wait_for_quota(operation, operation.lease, waits)
