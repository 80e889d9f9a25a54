"""Bulk jobs: a few operations run at a time, nothing starts twice, and each tenant's part is paused or cancelled alone."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import DataError
from django.utils import timezone

from registrations import tasks
from registrations.engine import queue
from registrations.errors import WrongStateError
from registrations.models import AuditEvent, BulkItem, BulkJob, BulkPart, Operation, UmpInstance
from registrations.services import bulk_jobs, provisioning
from sandbox.app import Sandbox
from tests import factories
from tests.registrations.runs import OLGA

pytestmark = pytest.mark.django_db


@pytest.fixture
def instances() -> list[UmpInstance]:
    return [factories.make_instance(app_name=f"ump{number}") for number in range(12)]


@pytest.fixture
def part(instances: list[UmpInstance], monkeypatch: pytest.MonkeyPatch) -> BulkPart:
    """A job of twelve instances in one tenant, of which five may be live."""
    monkeypatch.setattr(bulk_jobs, "MAX_LIVE", 5)
    monkeypatch.setattr(bulk_jobs, "BATCH_SIZE", 1)
    return bulk_jobs.request(instances, actor=OLGA).parts.get()


def end(part: BulkPart, count: int, status: str = "succeeded") -> None:
    """End some of the part's operations."""
    live = list(part.items.live().values_list("operation", flat=True)[:count])
    Operation.objects.filter(pk__in=live).update(status=status, ended_at=timezone.now(), next_attempt_at=None)


def test_the_next_operation_starts_when_one_of_the_most_live_ends(part: BulkPart) -> None:
    assert len(bulk_jobs.start_next()) == 5
    assert bulk_jobs.start_next() == []
    operation = part.items.live()[0].operation
    assert operation is not None
    assert operation.priority == "bulk"
    end(part, 1)
    ended = Operation.objects.get(status="succeeded")
    assert len(bulk_jobs.after_run(ended.pk)) == 1
    assert part.items.live().count() == 5


def test_an_operation_that_waits_for_a_person_makes_room(part: BulkPart) -> None:
    first = bulk_jobs.start_next()
    Operation.objects.filter(pk__in=first).update(status="waiting", waits_for="staff", next_attempt_at=None)
    assert len(bulk_jobs.after_run(first[0])) == 5
    assert bulk_jobs.progress(part).waiting == 5


def test_a_batch_starts_once_there_is_room_for_it(part: BulkPart, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk_jobs, "BATCH_SIZE", 3)
    assert len(bulk_jobs.start_next()) == 3  # there is no room for three more
    end(part, 1)
    assert len(bulk_jobs.start_next()) == 3  # two are live
    end(part, 2)
    assert len(bulk_jobs.start_next()) == 0  # three are live
    end(part, 1)
    assert len(bulk_jobs.start_next()) == 3
    end(part, 4)
    assert len(bulk_jobs.start_next()) == 3  # the last ones
    end(part, 4)
    bulk_jobs.start_next()
    part.refresh_from_db()
    assert part.status == "completed"


def test_refused_instances_do_not_delay_the_next(
    part: BulkPart, instances: list[UmpInstance], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk_jobs, "BATCH_SIZE", 3)
    for instance in instances[:4]:
        provisioning.request(instance, actor=OLGA)
    assert len(bulk_jobs.start_next()) == 5  # two beside the fourth refusal, then three
    assert BulkItem.objects.filter(status="refused").count() == 4


def test_an_instance_that_cannot_start_does_not_stop_its_batch(part: BulkPart, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk_jobs, "BATCH_SIZE", 3)
    request = provisioning.request

    def fails_for_the_second(instance: UmpInstance, **values: Any) -> Operation:
        if instance.app_name == "ump1":
            raise DataError("value too long")
        return request(instance, **values)

    monkeypatch.setattr(provisioning, "request", fails_for_the_second)
    assert len(bulk_jobs.start_next()) == 5
    (refused,) = part.items.filter(status="refused")
    assert str(refused.pk) in refused.message
    assert "ump1" in refused.instance.host


def test_started_operations_are_enqueued_even_if_the_next_batch_fails(
    part: BulkPart, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk_jobs, "BATCH_SIZE", 2)
    begin, rounds = bulk_jobs._start_batch, iter([True])

    def once(part: BulkPart) -> Any:
        next(rounds)
        return begin(part)

    monkeypatch.setattr(bulk_jobs, "_start_batch", once)
    assert len(bulk_jobs.start_next()) == 2


def test_an_operation_outside_bulk_jobs_starts_nothing(part: BulkPart) -> None:
    operation = queue.request("check_tenant", part.tenant, actor=OLGA)
    queue.cancel(operation, actor=OLGA)
    assert bulk_jobs.after_run(operation.pk) == []


def test_a_job_is_completed_when_all_have_ended(part: BulkPart) -> None:
    for _ in range(3):
        bulk_jobs.start_next()
        end(part, 5)
    bulk_jobs.start_next()
    part.refresh_from_db()
    assert part.status == "completed"
    found = bulk_jobs.progress(part)
    assert (found.total, found.ended, found.succeeded, found.pending) == (12, 12, 12, 0)
    assert AuditEvent.objects.filter(action="bulk.completed").count() == 1


def test_an_instance_with_a_live_operation_is_refused_with_the_reason(
    part: BulkPart, instances: list[UmpInstance]
) -> None:
    live = bulk_jobs.start_next()
    assert live
    second = bulk_jobs.request(instances[:1], actor=OLGA).parts.get()
    bulk_jobs.start_next([second])
    item = second.items.get()
    assert item.status == "refused"
    assert "has not ended" in item.message
    second.refresh_from_db()
    assert second.status == "completed"


def test_a_paused_part_starts_nothing_until_it_is_resumed(part: BulkPart) -> None:
    bulk_jobs.start_next()
    bulk_jobs.pause(part, actor=OLGA)
    end(part, 5)
    assert bulk_jobs.start_next() == []
    bulk_jobs.resume(part, actor=OLGA)
    assert len(bulk_jobs.start_next()) == 5


def test_cancel_ends_pending_and_waiting_but_not_running_operations(part: BulkPart) -> None:
    started = bulk_jobs.start_next()
    Operation.objects.filter(pk=started[0]).update(status="running", lease="x")
    bulk_jobs.cancel(part, actor=OLGA)
    progress = bulk_jobs.progress(part)
    assert (progress.cancelled, progress.live, progress.ended) == (11, 1, 11)
    assert Operation.objects.filter(status="cancelled").count() == 4
    assert Operation.objects.filter(status="running").count() == 1
    assert bulk_jobs.start_next() == []
    with pytest.raises(WrongStateError):
        bulk_jobs.resume(part, actor=OLGA)


@pytest.mark.parametrize(
    ("then", "ends"), [("waiting", "cancelled"), ("queued", "cancelled"), ("succeeded", "succeeded")]
)
def test_an_operation_running_at_the_cancel_is_cancelled_after_its_run(
    part: BulkPart, enqueued: list[str], then: str, ends: str
) -> None:
    running = bulk_jobs.start_next()[0]
    Operation.objects.filter(pk=running).update(status="running", lease="x", leased_until=timezone.now())
    bulk_jobs.cancel(part, actor=OLGA)
    tasks.sweep()
    assert Operation.objects.get(pk=running).status == "running"
    Operation.objects.filter(pk=running).update(status=then, lease="", leased_until=None)
    tasks.sweep()
    operation = Operation.objects.get(pk=running)
    assert operation.status == ends
    assert ("Cancelled by Olga Operator" in operation.message) is (ends == "cancelled")
    progress = bulk_jobs.progress(part)
    assert (progress.total, progress.ended, progress.cancelled) == (12, 12, 12 if ends == "cancelled" else 11)


def test_an_operation_resumed_after_the_cancel_continues(part: BulkPart, enqueued: list[str]) -> None:
    running = bulk_jobs.start_next()[0]
    Operation.objects.filter(pk=running).update(status="running", lease="x", leased_until=timezone.now())
    bulk_jobs.cancel(part, actor=OLGA)
    Operation.objects.filter(pk=running).update(status="failed", lease="", leased_until=None)
    tasks.sweep()
    queue.resume(Operation.objects.get(pk=running), actor=OLGA)
    tasks.sweep()
    assert Operation.objects.get(pk=running).status == "queued"


def test_an_operation_resumed_before_the_next_sweep_continues(part: BulkPart, enqueued: list[str]) -> None:
    running = bulk_jobs.start_next()[0]
    Operation.objects.filter(pk=running).update(status="running", lease="x", leased_until=timezone.now())
    bulk_jobs.cancel(part, actor=OLGA)
    Operation.objects.filter(pk=running).update(status="failed", lease="", leased_until=None)
    queue.resume(Operation.objects.get(pk=running), actor=OLGA)
    tasks.sweep()
    assert Operation.objects.get(pk=running).status == "queued"


def test_an_operation_that_cannot_be_cancelled_stops_no_other_job(
    part: BulkPart, enqueued: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    running = bulk_jobs.start_next()[0]
    Operation.objects.filter(pk=running).update(status="running", lease="x", leased_until=timezone.now())
    bulk_jobs.cancel(part, actor=OLGA)
    Operation.objects.filter(pk=running).update(status="waiting", lease="", leased_until=None)

    def broken(*_: object) -> None:
        raise RuntimeError("a row that no code of ours writes")

    calls: list[str] = []

    def start_next() -> list[str]:
        calls.append("fed")
        return []

    monkeypatch.setattr(bulk_jobs, "_finish", broken)
    monkeypatch.setattr(bulk_jobs, "start_next", start_next)
    tasks.sweep()
    assert calls == ["fed"]


def test_a_part_that_cannot_start_anything_does_not_stop_the_sweep(
    part: BulkPart, instances: list[UmpInstance], enqueued: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    started = bulk_jobs.start_next()
    enqueued.clear()

    def broken(*_: object) -> None:
        raise RuntimeError("a row that no code of ours writes")

    monkeypatch.setattr(bulk_jobs, "_start_in_part", broken)
    tasks.sweep()
    assert set(started) <= {UUID(each) for each in enqueued}


def test_each_tenant_is_a_part_of_its_own(instances: list[UmpInstance]) -> None:
    other = factories.make_tenant(name="Other", tenant_id="f1eba000-0000-4000-8000-0000000000ff")
    provider = factories.make_provider(name="Other", domain="other.localhost", tenant=other)
    elsewhere = factories.make_instance(provider=provider)
    job = bulk_jobs.request([*instances, elsewhere], actor=OLGA)
    theirs, ours = job.parts.get(tenant=other), job.parts.exclude(tenant=other).get()
    bulk_jobs.pause(ours, actor=OLGA)
    started = bulk_jobs.start_next()
    assert [item.instance_id for item in theirs.items.live()] == [elsewhere.pk]
    assert len(started) == 1


def test_failed_and_refused_instances_are_retried_at_the_jobs_pace(
    part: BulkPart, instances: list[UmpInstance]
) -> None:
    interactive = provisioning.request(instances[0], actor=OLGA)
    while started := bulk_jobs.start_next():
        Operation.objects.filter(pk__in=started).update(status="failed", ended_at=timezone.now(), next_attempt_at=None)
    Operation.objects.filter(pk=interactive.pk).update(status="succeeded", next_attempt_at=None)
    part.refresh_from_db()
    assert (part.status, bulk_jobs.progress(part).failed, bulk_jobs.progress(part).refused) == ("completed", 11, 1)
    bulk_jobs.retry_failed(part, actor=OLGA)
    part.refresh_from_db()
    progress = bulk_jobs.progress(part)
    assert (part.status, part.ended_at, progress.pending, progress.ended) == ("running", None, 12, 0)
    assert len(bulk_jobs.start_next()) == 5
    assert AuditEvent.objects.get(action="bulk.tried_again").after["instances"] == 12


def test_retry_needs_a_failure_and_a_part_that_was_not_cancelled(part: BulkPart) -> None:
    bulk_jobs.start_next()
    with pytest.raises(WrongStateError, match="Nothing has failed"):
        bulk_jobs.retry_failed(part, actor=OLGA)
    end(part, 2, "failed")
    bulk_jobs.cancel(part, actor=OLGA)
    with pytest.raises(WrongStateError, match="Start a new job"):
        bulk_jobs.retry_failed(part, actor=OLGA)


def test_the_expected_end_follows_from_the_rate(part: BulkPart) -> None:
    bulk_jobs.start_next()
    BulkJob.objects.update(created_at=timezone.now() - timedelta(minutes=3))
    end(part, 3)
    part = BulkPart.objects.select_related("job").get()
    found = bulk_jobs.progress(part)
    assert found.rate == pytest.approx(1, abs=0.05)
    assert found.ends_at is not None
    assert found.ends_at - timezone.now() == pytest.approx(timedelta(minutes=9), abs=timedelta(seconds=30))


def test_no_end_is_estimated_while_only_people_are_waited_for(part: BulkPart) -> None:
    bulk_jobs.start_next()
    BulkJob.objects.update(created_at=timezone.now() - timedelta(minutes=3))
    end(part, 3)
    BulkItem.objects.pending().update(status=BulkItem.Status.CANCELLED)
    Operation.objects.live().update(status=Operation.Status.WAITING, waits_for="staff")
    found = bulk_jobs.progress(BulkPart.objects.select_related("job").get())
    assert found.waiting > 0
    assert found.ends_at is None


def test_a_job_is_limited_by_workers_while_operations_that_are_due_wait(
    part: BulkPart, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk_jobs, "BATCH_SIZE", 2)
    started = Operation.objects.filter(pk__in=bulk_jobs.start_next())
    assert not bulk_jobs.progress(part).is_limited_by_workers  # due a moment ago: a worker may be about to take them
    long_ago = timezone.now() - timedelta(seconds=10)
    started.update(next_attempt_at=long_ago)
    assert (bulk_jobs.progress(part).late, bulk_jobs.progress(part).is_limited_by_workers) == (4, True)
    started.update(status="waiting", next_attempt_at=timezone.now() + timedelta(seconds=30))  # for Microsoft's quota
    assert not bulk_jobs.progress(part).is_limited_by_workers
    started.update(next_attempt_at=long_ago, waits_for="staff")
    assert not bulk_jobs.progress(part).is_limited_by_workers
    started.update(status="running", waits_for="")
    assert not bulk_jobs.progress(part).is_limited_by_workers
    started.update(status="queued")
    end(part, 3)
    assert (bulk_jobs.progress(part).late, bulk_jobs.progress(part).is_limited_by_workers) == (1, False)


def test_the_sweep_starts_what_was_missed(part: BulkPart, enqueued: list[str]) -> None:
    tasks.sweep()
    assert len(enqueued) == 5


def test_a_whole_job_succeeds(sandbox: Sandbox, portal: None, run_worker: Callable[[], None]) -> None:
    chosen = [factories.make_instance(sandbox, app_name=f"ump{number}") for number in range(2)]
    for instance in chosen:  # each its own UMP
        sandbox.world.add_ump(instance.app_name, sandbox.seed.ump.tenant_id)
        UmpInstance.objects.filter(pk=instance.pk).update(ump_url=sandbox.ump_url(instance.app_name))
    part = bulk_jobs.request(chosen, actor=OLGA).parts.get()
    bulk_jobs.start_next()
    run_worker()
    bulk_jobs.start_next()
    part.refresh_from_db()
    assert (part.status, bulk_jobs.progress(part).succeeded) == ("completed", 2), list(
        Operation.objects.values_list("message", flat=True)
    )
