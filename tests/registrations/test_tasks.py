"""Tasks notify workers; the rows stay the queue, with or without a broker."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone
from kombu.exceptions import OperationalError

from registrations import audit, engine, tasks
from registrations.engine import queue
from registrations.models import Operation
from registrations.services import bulk_jobs
from tests import factories

pytestmark = pytest.mark.django_db
enqueue = tasks.enqueue  # each test's conftest replaces the module's


@pytest.fixture
def operation() -> Operation:
    """A queued operation."""
    return queue.request("check_tenant", factories.make_tenant(), actor=audit.SYSTEM)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the broker gets."""
    messages: list[dict[str, Any]] = []
    monkeypatch.setattr(tasks.run, "apply_async", lambda args, **options: messages.append({"id": args[0], **options}))
    return messages


def test_a_missing_broker_is_logged_and_leaves_the_row_to_the_sweep(
    operation: Operation, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def unreachable(*args: Any, **options: Any) -> None:
        raise OperationalError("refused")

    monkeypatch.setattr(tasks.run, "apply_async", unreachable)
    assert enqueue(operation.pk) is False
    assert "waits for the sweep" in caplog.text
    assert queue.due() == [operation.pk]


@pytest.mark.parametrize(
    ("priority", "name"),
    [("interactive", "1-interactive"), ("mail", "3-mail"), ("bulk", "4-bulk"), ("other", "1-interactive")],
)
def test_the_priority_chooses_the_queue(
    operation: Operation, sent: list[dict[str, Any]], priority: str, name: str
) -> None:
    Operation.objects.update(priority=priority)
    assert enqueue(operation.pk, after=timedelta(seconds=5)) is True
    assert sent == [{"id": str(operation.pk), "queue": name, "countdown": 5.0, "expires": 125.0}]


@pytest.mark.parametrize(("wait", "times"), [(timedelta(seconds=30), 1), (timedelta(minutes=5), 0), (None, 0)])
def test_a_run_enqueues_only_short_waits(
    operation: Operation, enqueued: list[str], monkeypatch: pytest.MonkeyPatch, wait: timedelta | None, times: int
) -> None:
    monkeypatch.setattr(engine, "run", lambda _: True)
    due = None if wait is None else timezone.now() + wait
    Operation.objects.update(status="waiting", next_attempt_at=due)
    tasks.run(str(operation.pk))
    assert enqueued == [str(operation.pk)] * times


def test_a_run_of_an_operation_that_another_worker_has_enqueues_nothing(
    operation: Operation, enqueued: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "run", lambda _: False)
    tasks.run(str(operation.pk))
    assert enqueued == []


def test_the_sweep_enqueues_what_is_due_and_starts_bulk_operations(operation: Operation, enqueued: list[str]) -> None:
    bulk_jobs.request([factories.make_instance(app_name="ump1")], actor=audit.SYSTEM)
    tasks.sweep()
    started = Operation.objects.get(priority="bulk")
    assert enqueued == [str(operation.pk), str(started.pk)]


@pytest.mark.django_db(transaction=True)
def test_nothing_is_enqueued_before_the_commit(operation: Operation, enqueued: list[str]) -> None:
    with transaction.atomic():
        tasks.enqueue_on_commit(operation.pk)
        assert enqueued == []
    assert enqueued == [str(operation.pk)]
