"""On PostgreSQL, where several write at once: whoever waits for a row does not hold the history's chain meanwhile."""

import threading
import time
from collections.abc import Callable
from uuid import UUID

import pytest
from django.db import connection, transaction

from registrations import audit
from registrations.errors import WrongStateError
from registrations.models import BulkItem, BulkPart, Operation, UmpInstance
from registrations.services import bulk, custody, provisioning
from tests import factories

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.postgresql,  # SQLite has one lock: nobody waits for a row
]
PATIENCE_SECONDS = 30.0
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
CHAIN_HELD = (
    "SELECT count(*) FROM pg_locks JOIN pg_database ON oid = database "
    "WHERE datname = current_database() AND locktype = 'advisory' AND granted"
)


class Another(threading.Thread):
    """Somebody else, with a connection of their own."""

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


def begin_and_wait(act: Callable[[], object]) -> Another:
    """Somebody else begins, and has to wait for a row of ours."""
    waiting = number(WAITING)
    another = Another(act)
    another.start()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while number(WAITING) <= waiting:
        assert time.monotonic() < deadline, "Nobody waits."
        time.sleep(0.02)
    return another


def number(statement: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")  # within a transaction it would show the same for ever
        cursor.execute(statement)
        return int(cursor.fetchone()[0])


def test_the_row_of_a_parent_is_waited_for_without_the_chain() -> None:
    instance = factories.make_instance()
    with transaction.atomic():
        UmpInstance.objects.select_for_update().get(pk=instance.pk)
        another = begin_and_wait(lambda: bulk.request([instance], actor=audit.SYSTEM))
        assert number(CHAIN_HELD) == 0
    another.join(PATIENCE_SECONDS)
    assert BulkItem.objects.count() == 1


def test_an_address_is_not_edited_past_an_operation_that_has_just_begun() -> None:
    instance = factories.make_instance(status=UmpInstance.Status.ACTIVE)
    before = instance.ump_url

    def edit() -> None:
        custody.change_instance_address(
            UmpInstance.objects.select_related("provider").get(pk=instance.pk),
            ump_url="https://ump.finebak.localhost/another",
            app_name="umptoken",
            reason="It moved.",
            actor=audit.SYSTEM,
        )

    with transaction.atomic():
        provisioning.request(instance, actor=audit.SYSTEM)
        another = begin_and_wait(edit)
    another.join(PATIENCE_SECONDS)
    assert "has not ended" in another.refusal
    instance.refresh_from_db()
    assert instance.ump_url == before


def test_a_bulk_job_locks_its_instances_in_the_order_of_those_who_edit_addresses() -> None:
    low, high = (UUID(int=number) for number in (1, 2))
    # By name, and so by place in the job, the higher one comes first.
    instances = [factories.make_instance(pk=high, app_name="a"), factories.make_instance(pk=low, app_name="b")]
    part = bulk.request(instances, actor=audit.SYSTEM).parts.get()
    with transaction.atomic():
        UmpInstance.objects.select_for_update(no_key=True).get(pk=low)
        another = begin_and_wait(bulk.feed)
        UmpInstance.objects.select_for_update(no_key=True).get(pk=high)  # whoever has it would wait for ours
    another.join(PATIENCE_SECONDS)
    assert part.items.live().count() == 2


def test_a_part_that_somebody_feeds_is_left_to_them() -> None:
    part = bulk.request([factories.make_instance()], actor=audit.SYSTEM).parts.get()
    with transaction.atomic():
        BulkPart.objects.select_for_update(no_key=True).get(pk=part.pk)
        found: list[object] = []
        another = Another(lambda: found.append(bulk.feed()))
        another.start()
        another.join(PATIENCE_SECONDS)
        assert found == [[]]
    assert len(bulk.feed()) == 1


def test_nothing_begins_any_more_once_pause_has_returned() -> None:
    instances = [factories.make_instance(app_name=f"ump{number}") for number in range(3)]
    part = bulk.request(instances, actor=audit.SYSTEM).parts.get()
    with transaction.atomic():
        UmpInstance.objects.select_for_update(no_key=True).get(pk=instances[0].pk)
        feeding = begin_and_wait(bulk.feed)  # it has the part, and waits for the instance
        pausing = begin_and_wait(lambda: bulk.pause(part, actor=audit.SYSTEM))
        assert pausing.is_alive()
    feeding.join(PATIENCE_SECONDS)
    pausing.join(PATIENCE_SECONDS)
    part.refresh_from_db()
    assert (part.status, part.items.live().count(), bulk.feed()) == ("paused", 3, [])


def test_a_part_is_not_completed_over_somebody_who_lets_what_failed_be_tried_again() -> None:
    part = bulk.request([factories.make_instance()], actor=audit.SYSTEM).parts.get()
    Operation.objects.filter(pk__in=bulk.feed()).update(status="failed", next_attempt_at=None)
    with audit.atomic():
        bulk.try_again(part, actor=audit.SYSTEM)
        closing = begin_and_wait(bulk.feed)  # sees nothing to do yet, and wants to complete the part
    closing.join(PATIENCE_SECONDS)
    part.refresh_from_db()
    assert part.status == "running"
    assert len(bulk.feed()) == 1
