"""Hand-written statements store the same rows as Django's, or are refused."""

import uuid

import pytest
from django.utils import timezone

from registrations import audit
from registrations.engine import lease, queue, transitions
from registrations.models import AuditEvent, Operation, statements
from registrations.models.steps import StepState
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def operation() -> Operation:
    """A running operation under the lease "mine"."""
    made = queue.request("check_tenant", factories.make_tenant(), actor=audit.SYSTEM)
    Operation.objects.filter(pk=made.pk).update(status="running", lease="mine")
    made.refresh_from_db()
    return made


def test_values_are_stored_unchanged(operation: Operation) -> None:
    now, steps = timezone.now(), [StepState("a", "A", note="“quoted” \\ % %s", attempts=1)]
    transitions.write(operation, "mine", steps=steps, message="it's 100 % done", leased_until=now, next_attempt_at=None)
    found = Operation.objects.get(pk=operation.pk)
    assert (found.steps, found.message, found.leased_until) == (steps, "it's 100 % done", now)
    assert found.next_attempt_at is None


@pytest.mark.parametrize(
    "change", [{"lease": "another's"}, {"status": "cancelled"}, {"status": "queued"}], ids=["lease", "ended", "queued"]
)
def test_a_worker_without_the_lease_writes_nothing(operation: Operation, change: dict[str, str]) -> None:
    Operation.objects.filter(pk=operation.pk).update(**change)
    with pytest.raises(lease.LeaseLostError):
        transitions.write(operation, "mine", message="mine")
    assert Operation.objects.get(pk=operation.pk).message == ""


def test_a_condition_on_null_is_refused(operation: Operation) -> None:
    with pytest.raises(TypeError):
        statements.update(Operation, {"started_at": None}, {"message": "x"})


def test_rows_with_their_own_keys_are_refused(operation: Operation) -> None:
    with pytest.raises(TypeError):
        statements.insert([operation])


def test_a_long_transaction_is_chained_in_several_statements() -> None:
    with audit.atomic():
        for number in range(statements.MOST_ROWS + 2):
            operation_id = uuid.UUID(int=number)
            audit.record("tenant.changed", actor=audit.SYSTEM, operation_id=operation_id, after={"n": number})
    assert AuditEvent.objects.count() == statements.MOST_ROWS + 2
    assert audit.first_broken() is None


@pytest.mark.parametrize("address", [None, "192.0.2.7", "2001:db8::7", "::ffff:192.0.2.7"])
def test_an_entry_keeps_the_address_that_its_digest_covers(address: str | None) -> None:
    with audit.atomic():
        audit.record("staff.signed_in", actor=audit.Actor("staff", "Olga", "1", address))
    assert audit.first_broken() is None
