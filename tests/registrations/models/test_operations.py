"""Which operations are due, live or newest, and the guarded UPDATE that claims one."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from registrations.models import Operation

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


def make_row(**values: Any) -> Operation:
    """An operation's row without steps."""
    return Operation.objects.create(**{"kind": "try", "subject_id": uuid4(), **values})


@pytest.mark.parametrize(
    ("status", "next_attempt", "leased_until", "due"),
    [
        ("queued", -MINUTE, None, True),
        ("queued", MINUTE, None, False),
        ("waiting", -MINUTE, None, True),
        ("waiting", None, None, False),  # a person must act
        ("running", None, -MINUTE, True),  # its worker has died
        ("running", -MINUTE, MINUTE, False),
        ("failed", -MINUTE, None, False),
        ("cancelled", -MINUTE, -MINUTE, False),
    ],
)
def test_only_due_operations_can_be_claimed(
    status: str, next_attempt: timedelta | None, leased_until: timedelta | None, due: bool
) -> None:
    now = timezone.now()
    operation = make_row(
        status=status,
        next_attempt_at=None if next_attempt is None else now + next_attempt,
        leased_until=None if leased_until is None else now + leased_until,
    )
    assert Operation.objects.due(now).filter(pk=operation.pk).exists() is due
    assert Operation.objects.claim(operation.pk, "mine", now, MINUTE) is due
    assert Operation.objects.held(operation.pk, "mine").exists() is due


def test_a_claim_keeps_since_when_it_could_be_claimed() -> None:
    now = timezone.now()
    dead = make_row(status="running", lease="dead", leased_until=now - MINUTE, next_attempt_at=now - 9 * MINUTE)
    assert Operation.objects.claim(dead.pk, "mine", now, MINUTE)
    dead.refresh_from_db()
    assert (dead.next_attempt_at, dead.leased_until, dead.lease) == (now - MINUTE, now + MINUTE, "mine")


def test_the_newest_operation_of_a_subject() -> None:
    subject_id = uuid4()
    make_row(subject_id=subject_id, status="failed")
    newest = make_row(subject_id=subject_id, status="succeeded")
    make_row()
    assert Operation.objects.newest_of(subject_id) == newest
    assert Operation.objects.newest_of(uuid4()) is None
    with pytest.raises(ValidationError):
        Operation.objects.newest_of("no ID")


def test_a_subject_has_one_live_operation_at_most() -> None:
    subject_id = uuid4()
    live = make_row(subject_id=subject_id)
    with pytest.raises(IntegrityError), transaction.atomic():
        make_row(subject_id=subject_id, status="waiting")
    make_row(subject_id=subject_id, status="cancelled")
    assert list(Operation.objects.live()) == [live]
