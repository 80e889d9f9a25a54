"""What a step or a person commits while the operation is live."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from registrations.engine import checkpoints, lease
from registrations.models import Operation
from tests.registrations.engine.operations import MakeOperation, succeeds

pytestmark = pytest.mark.django_db


@pytest.fixture
def running(make_operation: MakeOperation) -> Operation:
    """An operation that a worker has claimed under the lease "mine"."""
    operation = make_operation(succeeds)
    assert Operation.objects.claim(operation.pk, "mine", timezone.now(), lease.DURATION)
    operation.refresh_from_db()
    return operation


def test_a_persons_decision_keeps_notes_that_a_worker_wrote_meanwhile(running: Operation) -> None:
    old_page = Operation.objects.get(pk=running.pk)
    checkpoints.save_notes(running, job="17")
    with checkpoints.locked(old_page) as current:
        current.notes["twin_choice"] = "restore"
    assert checkpoints.current_notes(running) == {"job": "17", "twin_choice": "restore"}


def test_a_worker_keeps_notes_that_a_person_wrote_meanwhile(running: Operation) -> None:
    with checkpoints.locked(running) as current:
        current.notes["twin_choice"] = "restore"
    checkpoints.save_notes(running, job="17")
    assert running.notes == checkpoints.current_notes(running) == {"job": "17", "twin_choice": "restore"}


def test_a_decision_that_is_refused_writes_nothing(running: Operation) -> None:
    def refuse() -> None:
        with checkpoints.locked(running) as current:
            current.notes["twin_choice"] = "restore"
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        refuse()
    assert checkpoints.current_notes(running) == {}


def test_a_worker_without_the_lease_saves_no_notes(running: Operation) -> None:
    Operation.objects.filter(pk=running.pk).update(lease="another worker's")
    with pytest.raises(lease.LeaseLostError):
        checkpoints.save_notes(running, job="17")
    with pytest.raises(lease.LeaseLostError):
        checkpoints.require_lease(running)
    with pytest.raises(lease.LeaseLostError):
        checkpoints.delete_credential(running)
    assert checkpoints.current_notes(running) == {}


def test_an_expired_administrators_token_is_deleted(make_operation: MakeOperation, time_machine: Any) -> None:
    operation = make_operation(succeeds, credential=("token", timezone.now() + timedelta(hours=1)))
    assert checkpoints.delete_expired_credentials() == 0
    time_machine.move_to(timezone.now() + timedelta(hours=2))
    assert checkpoints.delete_expired_credentials() == 1
    operation.refresh_from_db()
    assert operation.credential_envelope == ""
