"""On PostgreSQL, with several writers: nobody who waits for a row holds the lock of the history's chain."""

import threading
import time
from collections.abc import Callable
from uuid import UUID

import pytest
from django.db import connection, transaction

from registrations import audit
from registrations.errors import WrongStateError
from registrations.models import BulkItem, BulkPart, Operation, UmpInstance
from registrations.services import addresses, bulk_jobs, provisioning
from tests import factories

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one lock: nobody waits for a row."),
]
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
CHAIN_HELD = (
    "SELECT count(*) FROM pg_locks JOIN pg_database ON oid = database "
    "WHERE datname = current_database() AND locktype = 'advisory' AND granted"
)


class OtherSession(threading.Thread):
    """Another session, in a thread with its own connection."""

    def __init__(self, act: Callable[[], object]) -> None:
        super().__init__(daemon=True)
        self.act, self.refusal = act, ""

    def run(self) -> None:
        try:
            self.act()
        except WrongStateError as refusal:
            self.refusal = str(refusal)
        finally:
            connection.close()


def start_and_wait_for_lock(act: Callable[[], object]) -> OtherSession:
    """Start another session, and return once it waits for a lock."""
    other = OtherSession(act)
    other.start()
    deadline = time.monotonic() + 10
    while not count(WAITING):
        assert time.monotonic() < deadline, "No session waits."
        time.sleep(0.02)
    return other


def count(statement: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")  # within a transaction it would show the same for ever
        cursor.execute(statement)
        return int(cursor.fetchone()[0])


def test_a_wait_for_a_parent_row_does_not_hold_the_chain() -> None:
    instance = factories.make_instance()
    with transaction.atomic():
        UmpInstance.objects.select_for_update().get(pk=instance.pk)
        other = start_and_wait_for_lock(lambda: bulk_jobs.request([instance], actor=audit.SYSTEM))
        assert count(CHAIN_HELD) == 0
    other.join(10)
    assert BulkItem.objects.count() == 1


def test_an_address_is_not_changed_under_an_operation_requested_just_before() -> None:
    instance = factories.make_instance(status=UmpInstance.Status.ACTIVE)
    before = instance.ump_url

    def edit() -> None:
        addresses.change_instance_address(
            UmpInstance.objects.select_related("provider").get(pk=instance.pk),
            ump_url="https://ump.finebak.localhost/another",
            app_name="umptoken",
            reason="It moved.",
            actor=audit.SYSTEM,
        )

    with transaction.atomic():
        provisioning.request(instance, actor=audit.SYSTEM)
        other = start_and_wait_for_lock(edit)
    other.join(10)
    assert "has not ended" in other.refusal
    instance.refresh_from_db()
    assert instance.ump_url == before


def test_a_bulk_job_locks_instances_in_the_order_of_address_changes() -> None:
    low, high = (UUID(int=count) for count in (1, 2))
    # By name, and so by place in the job, the higher one comes first.
    instances = [factories.make_instance(pk=high, app_name="a"), factories.make_instance(pk=low, app_name="b")]
    part = bulk_jobs.request(instances, actor=audit.SYSTEM).parts.get()
    with transaction.atomic():
        UmpInstance.objects.select_for_update(no_key=True).get(pk=low)
        other = start_and_wait_for_lock(bulk_jobs.start_next)
        UmpInstance.objects.select_for_update(no_key=True).get(pk=high)  # a session that had it would wait for ours
    other.join(10)
    assert part.items.live().count() == 2


def test_a_part_that_another_worker_starts_from_is_skipped() -> None:
    part = bulk_jobs.request([factories.make_instance()], actor=audit.SYSTEM).parts.get()
    with transaction.atomic():
        BulkPart.objects.select_for_update(no_key=True).get(pk=part.pk)
        found: list[object] = []
        other = OtherSession(lambda: found.append(bulk_jobs.start_next()))
        other.start()
        other.join(10)
        assert found == [[]]
    assert len(bulk_jobs.start_next()) == 1


def test_nothing_starts_after_pause_has_returned() -> None:
    instances = [factories.make_instance(app_name=f"ump{number}") for number in range(3)]
    part = bulk_jobs.request(instances, actor=audit.SYSTEM).parts.get()
    with transaction.atomic():
        UmpInstance.objects.select_for_update(no_key=True).get(pk=instances[0].pk)
        starting = start_and_wait_for_lock(bulk_jobs.start_next)  # it has locked the part, and waits for the instance
        pause = OtherSession(lambda: bulk_jobs.pause(part, actor=audit.SYSTEM))
        pause.start()
        pause.join(0.5)
        assert pause.is_alive()
    starting.join(10)
    pause.join(10)
    part.refresh_from_db()
    assert (part.status, part.items.live().count(), bulk_jobs.start_next()) == ("paused", 3, [])


def test_a_part_is_not_completed_during_a_retry_of_failed_instances() -> None:
    part = bulk_jobs.request([factories.make_instance()], actor=audit.SYSTEM).parts.get()
    Operation.objects.filter(pk__in=bulk_jobs.start_next()).update(status="failed", next_attempt_at=None)
    with audit.atomic():
        bulk_jobs.retry_failed(part, actor=audit.SYSTEM)
        # It sees nothing to do yet, and wants to complete the part.
        completing = start_and_wait_for_lock(bulk_jobs.start_next)
    completing.join(10)
    part.refresh_from_db()
    assert part.status == "running"
    assert len(bulk_jobs.start_next()) == 1
