"""The hold on an operation: renewed while a step is in hand, gone for good once lost, given back when the worker stops."""

import os
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import InternalError, OperationalError, ProgrammingError
from django.test import Client
from django.utils import timezone

from registrations import audit, connections
from registrations.errors import NotYetError, RemoteUnavailableError
from registrations.models import Operation
from registrations.services import kinds, leases, operations, walking
from sandbox.app import Sandbox
from tests import factories

pytestmark = pytest.mark.django_db
Behaviour = Callable[[Operation], str | None]


@pytest.fixture
def begin() -> Iterator[Callable[..., Operation]]:
    """Queue an operation whose steps behave as given."""

    def queue(*behaviours: Behaviour) -> Operation:
        steps = tuple(kinds.Step(f"step{n}", f"Step {n}", run) for n, run in enumerate(behaviours))
        tenant = factories.make_tenant()
        kinds.register(kinds.Kind("try", "Try", steps, type(tenant), lambda _: None, lambda _: None))
        return operations.request("try", tenant, actor=audit.SYSTEM)

    yield queue
    kinds.known.pop("try", None)


@pytest.fixture
def stopping() -> Iterator[Callable[[], None]]:
    """Tell this process to stop, as SIGTERM does, until the test is over."""
    yield leases.stop_process
    leases._stop_of_process.clear()


def fine(operation: Operation) -> str:
    return "fine"


def worked_on(operation: Operation) -> Operation:
    operations.run(operation.pk)
    operation.refresh_from_db()
    return operation


def taken_over(operation: Operation) -> None:
    Operation.objects.filter(pk=operation.pk).update(lease="somebody else's")


def test_a_renewal_moves_the_end_of_the_lease(begin: Callable[..., Operation]) -> None:
    operation = begin(fine)
    began = timezone.now() - timedelta(seconds=50)
    assert Operation.objects.claim(operation.pk, "mine", began + timedelta(seconds=50), timedelta(seconds=1))
    leases.Lease(operation.pk, "mine").renew()
    operation.refresh_from_db()
    assert operation.leased_until is not None
    assert operation.leased_until > timezone.now() + leases.LEASE / 2


def test_a_renewal_that_finds_another_holder_ends_every_call(begin: Callable[..., Operation]) -> None:
    operation = begin(fine)
    lease = leases.Lease(operation.pk, "mine")
    lease.require()
    taken_over(operation)
    lease.renew()
    with pytest.raises(leases.LeaseLostError):
        lease.require()


def test_a_step_that_hangs_is_not_renewed_for_ever(
    begin: Callable[..., Operation], monkeypatch: pytest.MonkeyPatch
) -> None:
    operation = begin(fine)
    assert Operation.objects.claim(operation.pk, "mine", timezone.now(), timedelta(seconds=1))
    lease = leases.Lease(operation.pk, "mine")
    monkeypatch.setattr(leases, "LONGEST_STEP", timedelta(seconds=-1))
    lease.renew()
    operation.refresh_from_db()
    assert operation.leased_until is not None
    assert operation.leased_until < timezone.now() + timedelta(seconds=2)


def test_a_worker_whose_lease_is_gone_calls_nobody(begin: Callable[..., Operation], sandbox: Sandbox) -> None:
    def overtaken_before_its_call(operation: Operation) -> str:
        [thread] = [thread for thread in threading.enumerate() if thread.name == f"lease of {operation.pk}"]
        lease: leases.Lease = thread._target.__self__  # type: ignore[attr-defined]
        taken_over(operation)
        lease.renew()
        connections.entra().discovery("organizations")
        return "called all the same"

    operation = worked_on(begin(overtaken_before_its_call))
    assert [call for call in sandbox.calls if call.service == "entra"] == []
    assert operation.lease == "somebody else's"


def test_nothing_new_begins_in_a_worker_that_stops(
    begin: Callable[..., Operation], stopping: Callable[[], None]
) -> None:
    operation = begin(fine)
    stopping()
    assert operations.run(operation.pk) is False
    assert operations.due() == [operation.pk]


def test_a_stop_ends_the_step_in_hand_and_queues_the_rest(
    begin: Callable[..., Operation], stopping: Callable[[], None]
) -> None:
    def told_to_stop(operation: Operation) -> str:
        stopping()
        return "finished"

    operation = worked_on(begin(told_to_stop, fine))
    assert (operation.status, operation.lease) == ("queued", "")
    assert [step["status"] for step in operation.steps] == ["done", "pending"]
    assert operations.due() == [operation.pk]


def test_a_step_that_does_not_end_in_time_is_given_back_and_its_worker_writes_nothing_more(
    begin: Callable[..., Operation],
) -> None:
    def given_back(operation: Operation) -> str:
        leases.Lease(operation.pk, operation.lease).give_back()
        return "came too late"

    operation = worked_on(begin(given_back))
    assert operation.status == "queued"
    assert operation.steps[0]["status"] == "running"


def test_a_pools_process_ends_in_time_whatever_its_threads_wait_for(
    stopping: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = threading.Event()
    monkeypatch.setattr(os, "_exit", lambda _: ended.set())
    monkeypatch.setattr(leases, "FINISH_WITHIN", timedelta(seconds=0.1))
    monkeypatch.setattr(leases, "GIVE_BACK_WITHIN", 0.1)
    leases.end_in_time()
    ended_early = ended.wait(0.5)
    stopping()  # whatever comes: its thread must not outlive the test
    assert ended.wait(2)
    assert not ended_early


def test_a_turn_ends_after_two_minutes_and_others_get_the_worker(
    begin: Callable[..., Operation], monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(operation: Operation) -> str:
        monkeypatch.setattr(walking, "LONGEST_TURN", timedelta())  # now its time is over
        return "slow"

    operation = worked_on(begin(slow, fine))
    assert operation.status == "queued"
    assert [step["status"] for step in operation.steps] == ["done", "pending"]


@pytest.mark.parametrize(
    "trouble", [OperationalError("gone"), InternalError("broken off"), ProgrammingError("a trigger said no")]
)
def test_a_write_that_the_database_refuses_once_is_tried_again(
    begin: Callable[..., Operation], trouble: Exception
) -> None:
    troubles = [trouble]

    def step(operation: Operation) -> str:
        if troubles:
            raise troubles.pop()
        return "written"

    operation = worked_on(begin(step))
    assert (operation.status, operation.error_code) == ("waiting", "database")
    Operation.objects.filter(pk=operation.pk).update(next_attempt_at=timezone.now())
    assert worked_on(operation).status == "succeeded"


def test_a_clock_that_was_set_back_makes_nothing_wait_for_hours(
    begin: Callable[..., Operation], time_machine: Any
) -> None:
    def not_yet(operation: Operation) -> str:
        raise NotYetError("Copying.")

    now = timezone.now()
    time_machine.move_to(now + timedelta(hours=5), tick=True)
    operation = worked_on(begin(not_yet))
    time_machine.move_to(now, tick=True)
    assert operations.mend_times() == 1
    operation.refresh_from_db()
    assert operation.next_attempt_at is not None
    assert operation.next_attempt_at <= now + timedelta(seconds=5)


def test_a_pause_that_microsoft_asked_for_begins_anew_after_the_clock_was_set_back(
    begin: Callable[..., Operation], time_machine: Any
) -> None:
    def busy(operation: Operation) -> str:
        raise RemoteUnavailableError("Busy.", retry_after=timedelta(minutes=10))

    now = timezone.now()
    time_machine.move_to(now + timedelta(minutes=55), tick=True)
    operation = worked_on(begin(busy))
    time_machine.move_to(now, tick=True)
    assert [operations.mend_times(), operations.mend_times()] == [1, 0]
    operation.refresh_from_db()
    assert operation.next_attempt_at is not None
    assert timedelta(minutes=9) < operation.next_attempt_at - now < timedelta(minutes=11)


def test_a_worker_that_stops_while_the_database_is_away_ends_all_the_same(
    begin: Callable[..., Operation], stopping: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(lease: leases.Lease) -> None:
        raise OperationalError("gone")

    ended: list[int] = []
    monkeypatch.setattr(leases.Lease, "give_back", away)
    monkeypatch.setattr(os, "_exit", ended.append)
    monkeypatch.setattr(leases, "FINISH_WITHIN", timedelta())
    monkeypatch.setattr(leases, "is_pool_child", lambda: True)
    stopping()
    leases.Lease(begin(fine).pk, "mine").watch()
    assert ended == [0]


def test_a_lease_written_by_a_clock_that_ran_ahead_runs_out_all_the_same(begin: Callable[..., Operation]) -> None:
    operation = begin(fine)
    assert Operation.objects.claim(operation.pk, "dead", timezone.now() + timedelta(hours=5), leases.LEASE)
    operations.mend_times()
    operation.refresh_from_db()
    assert operation.leased_until is not None
    assert operation.leased_until <= timezone.now() + leases.LEASE


def test_an_operation_that_no_worker_takes_up_is_said_on_the_start_page(
    begin: Callable[..., Operation], operator_client: Client
) -> None:
    operation = begin(fine)
    assert b"no worker takes up" not in operator_client.get("/admin/").content
    Operation.objects.filter(pk=operation.pk).update(next_attempt_at=timezone.now() - timedelta(minutes=11))
    assert b"no worker takes up" in operator_client.get("/admin/").content


@pytest.mark.postgresql  # SQLite has no clock of its own
def test_a_machine_whose_clock_is_not_the_databases_says_so(
    time_machine: Any, caplog: pytest.LogCaptureFixture
) -> None:
    leases.look_at_clock()
    assert caplog.messages == []
    time_machine.move_to(timezone.now() - timedelta(seconds=90))
    leases.look_at_clock()
    assert "Set it by NTP" in caplog.text
