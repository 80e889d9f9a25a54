"""The lease: renewed during a step, lost for good, and handed back when the worker stops."""

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import OperationalError
from django.utils import timezone

from registrations import connections
from registrations.engine import lease as leases
from registrations.engine import shutdown
from registrations.models import Operation
from sandbox.app import Sandbox
from tests.registrations.engine.operations import MakeOperation, run_once, succeeds

pytestmark = pytest.mark.django_db


def take_lease_away(operation: Operation) -> None:
    Operation.objects.filter(pk=operation.pk).update(lease="somebody else's")


def test_a_renewal_extends_the_lease(make_operation: MakeOperation) -> None:
    operation = make_operation(succeeds)
    started = timezone.now() - timedelta(seconds=50)
    assert Operation.objects.claim(operation.pk, "mine", started + timedelta(seconds=50), timedelta(seconds=1))
    leases.Lease(operation.pk, "mine").renew()
    operation.refresh_from_db()
    assert operation.leased_until is not None
    assert operation.leased_until > timezone.now() + leases.DURATION / 2


def test_no_call_starts_after_a_renewal_finds_another_holder(make_operation: MakeOperation) -> None:
    operation = make_operation(succeeds)
    lease = leases.Lease(operation.pk, "mine")
    lease.require()
    take_lease_away(operation)
    lease.renew()
    with pytest.raises(leases.LeaseLostError):
        lease.require()


def test_the_lease_of_a_step_that_hangs_is_not_renewed(
    make_operation: MakeOperation, monkeypatch: pytest.MonkeyPatch
) -> None:
    operation = make_operation(succeeds)
    assert Operation.objects.claim(operation.pk, "mine", timezone.now(), timedelta(seconds=1))
    lease = leases.Lease(operation.pk, "mine")
    monkeypatch.setattr(leases, "LONGEST_STEP", timedelta(seconds=-1))
    lease.renew()
    operation.refresh_from_db()
    assert operation.leased_until is not None
    assert operation.leased_until < timezone.now() + timedelta(seconds=2)


def test_a_worker_without_its_lease_makes_no_remote_call(make_operation: MakeOperation, sandbox: Sandbox) -> None:
    def loses_its_lease_before_its_call(operation: Operation) -> str:
        [thread] = [thread for thread in threading.enumerate() if thread.name == f"lease of {operation.pk}"]
        lease: leases.Lease = thread._target.__self__  # type: ignore[attr-defined]
        take_lease_away(operation)
        lease.renew()
        connections.entra().discovery("organizations")
        return "called all the same"

    operation = run_once(make_operation(loses_its_lease_before_its_call))
    assert [call for call in sandbox.calls if call.service == "entra"] == []
    assert operation.lease == "somebody else's"


def test_a_worker_writes_nothing_after_it_handed_its_step_back(
    make_operation: MakeOperation,
) -> None:
    def hands_back(operation: Operation) -> str:
        leases.Lease(operation.pk, operation.lease).hand_back()
        return "came too late"

    operation = run_once(make_operation(hands_back))
    assert operation.status == "queued"
    assert operation.steps[0].status == "running"


def test_a_stopping_worker_gives_up_a_lease_that_the_database_does_not_take_back(
    make_operation: MakeOperation, stop_this_process: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(lease: leases.Lease) -> None:
        raise OperationalError("gone")

    monkeypatch.setattr(leases.Lease, "hand_back", away)
    monkeypatch.setattr(shutdown, "FINISH_WITHIN", timedelta())
    stop_this_process()
    lease = leases.Lease(make_operation(succeeds).pk, "mine")
    lease.watch()
    assert lease.is_handed_back


def test_a_lease_is_given_up_where_another_one_keeps_the_connection(
    make_operation: MakeOperation, stop_this_process: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutdown, "FINISH_WITHIN", timedelta())
    monkeypatch.setattr(shutdown, "HAND_BACK_WITHIN", 0.1)
    stop_this_process()
    lease = leases.Lease(make_operation(succeeds).pk, "mine")
    with leases._one_connection(1):
        lease.watch()
    assert lease.is_handed_back


def test_a_step_that_outlived_its_lease_writes_nothing_though_nobody_else_has_it(
    make_operation: MakeOperation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def outlives_its_lease(operation: Operation) -> str:
        [lease] = leases.running()
        lease._renewed -= leases.DURATION.total_seconds() + 1
        return "came too late"

    operation = run_once(make_operation(outlives_its_lease, succeeds))
    assert operation.status == "running"
    assert [step.status for step in operation.steps] == ["running", "pending"]
    assert operation.steps[0].note == ""


def test_a_database_error_after_the_end_of_the_lease_writes_nothing(
    make_operation: MakeOperation,
) -> None:
    def outlives_its_lease(operation: Operation) -> str:
        [lease] = leases.running()
        lease._renewed -= leases.DURATION.total_seconds() + 1
        raise OperationalError("gone")

    operation = run_once(make_operation(outlives_its_lease))
    assert (operation.status, operation.error_code) == ("running", "")
