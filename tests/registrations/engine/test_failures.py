"""Errors that nobody expected: the row fails, whatever else breaks."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import InternalError, OperationalError, ProgrammingError
from django.utils import timezone

from registrations import audit
from registrations.encryption import EnvelopeError
from registrations.engine import failures, lease, registry, transitions
from registrations.errors import (
    RemoteRejectedError,
)
from registrations.models import AuditEvent, EntraTenant, Operation
from tests.registrations.engine.operations import MakeOperation, raises, run_once, succeeds

pytestmark = pytest.mark.django_db


def test_an_unknown_error_fails_without_showing_its_text(make_operation: MakeOperation) -> None:
    operation = run_once(make_operation(raises(KeyError("secret=abc"))))
    assert (operation.status, operation.error_code) == ("failed", "unknown")
    assert "secret=abc" not in operation.message
    assert f"The log has it under {operation.pk}. Resume once it is fixed." in operation.message


def break_every_close(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistake of ours that breaks even the commit of a failure."""

    def broken(*args: Any) -> None:
        raise KeyError("secret=abc")

    monkeypatch.setattr(transitions, "close", broken)


def test_the_last_resort_fails_the_row_and_informs_history_and_kind(
    make_operation: MakeOperation, ends: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    break_every_close(monkeypatch)
    operation = run_once(make_operation(raises(RemoteRejectedError("No."))))
    assert (operation.status, operation.error_code, operation.lease) == ("failed", "unknown", "")
    assert f"The log has it under {operation.pk}" in operation.message
    event = AuditEvent.objects.get(action="try.failed")
    assert event.operation_id == operation.pk
    assert event.after == {"message": operation.message, "code": "unknown"}
    assert ends == ["failed"]


def test_the_row_stays_failed_if_the_kinds_failed_raises(
    make_operation: MakeOperation, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(operation: Operation) -> None:
        EntraTenant.objects.update(name="half done")
        raise KeyError("secret=abc")

    operation = make_operation(raises(RemoteRejectedError("No.")))
    monkeypatch.setitem(registry.kinds, "try", replace(registry.kinds["try"], failed=broken))
    operation = run_once(operation)
    assert (operation.status, operation.error_code) == ("failed", "unknown")
    assert AuditEvent.objects.filter(action="try.failed").count() == 1
    assert not EntraTenant.objects.filter(name="half done").exists()
    assert "could not be reported" in caplog.text


def test_the_last_resort_writes_nothing_if_another_worker_has_the_lease(
    make_operation: MakeOperation, ends: list[str]
) -> None:
    operation = make_operation(succeeds)
    assert Operation.objects.claim(operation.pk, "another", timezone.now(), lease.DURATION)
    failures.abandon(operation, "mine")
    operation.refresh_from_db()
    assert (operation.status, operation.lease, ends) == ("running", "another", [])
    assert not AuditEvent.objects.filter(action="try.failed").exists()


def test_the_row_fails_even_if_the_history_cannot_be_written(
    make_operation: MakeOperation, ends: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: Any, **kwargs: Any) -> None:
        raise KeyError("secret=abc")

    operation = make_operation(succeeds)
    assert Operation.objects.claim(operation.pk, "mine", timezone.now(), lease.DURATION)
    monkeypatch.setattr(audit, "record", broken)
    failures.abandon(operation, "mine")
    operation.refresh_from_db()
    assert (operation.status, operation.lease, ends) == ("failed", "", ["failed"])


@pytest.mark.parametrize("repeatable", [True, False])
def test_a_step_is_not_repeated_if_the_history_cannot_be_written(
    make_operation: MakeOperation, monkeypatch: pytest.MonkeyPatch, repeatable: bool
) -> None:
    calls: list[int] = []
    operation = make_operation(lambda _: calls.append(1))
    kind = registry.kinds["try"]
    step = replace(kind.steps[0], repeatable=repeatable)
    monkeypatch.setitem(registry.kinds, "try", replace(kind, steps=(step,)))

    def broken(events: object) -> None:
        raise EnvelopeError("The key is not in the ring.")

    monkeypatch.setattr(audit, "_chain", broken)
    for _ in range(3):
        Operation.objects.filter(status="running").update(leased_until=timezone.now() - timedelta(seconds=1))
        run_once(operation)
    assert (operation.status, calls) == ("failed", [1])


@pytest.mark.parametrize(
    "error", [OperationalError("gone"), InternalError("broken off"), ProgrammingError("a trigger said no")]
)
def test_a_write_that_the_database_refuses_once_is_retried(make_operation: MakeOperation, error: Exception) -> None:
    errors = [error]

    def step(operation: Operation) -> str:
        if errors:
            raise errors.pop()
        return "written"

    operation = run_once(make_operation(step))
    assert (operation.status, operation.error_code) == ("waiting", "database")
    Operation.objects.filter(pk=operation.pk).update(next_attempt_at=timezone.now())
    assert run_once(operation).status == "succeeded"
