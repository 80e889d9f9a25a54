"""What a step or a person commits while the operation is live."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from registrations.engine import checkpoints
from tests.registrations.engine.operations import MakeOperation, succeeds

pytestmark = pytest.mark.django_db


def test_an_expired_administrators_token_is_deleted(make_operation: MakeOperation, time_machine: Any) -> None:
    operation = make_operation(succeeds, credential=("token", timezone.now() + timedelta(hours=1)))
    time_machine.move_to(timezone.now() + timedelta(hours=2))
    assert checkpoints.delete_expired_credentials() == 1
    operation.refresh_from_db()
    assert operation.credential_envelope == ""
