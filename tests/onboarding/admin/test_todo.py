"""Which invitations need attention."""

from datetime import timedelta

import pytest
from django.utils import timezone

from onboarding.admin import todo
from onboarding.models import Invitation

pytestmark = pytest.mark.django_db
NOW = timezone.now()


@pytest.mark.parametrize(
    ("values", "days", "expected"),
    [
        ({"status": "draft"}, 20, {"unsent"}),
        ({"status": "started", "sent_at": NOW}, 20, {"unsent"}),  # its link was replaced after it had been opened
        ({"status": "sent", "email_sent": True}, 20, set()),
        ({"status": "connecting"}, 20, set()),
        ({"status": "connecting"}, 3, set()),
        ({"status": "connecting"}, -1, set()),
        ({"status": "started", "email_sent": True}, -1, {"expired"}),
        ({"status": "completed"}, -1, set()),
    ],
)
def test_an_invitation_needs_attention_by_status_and_expiry(
    invitation: Invitation, values: dict[str, object], days: int, expected: set[str]
) -> None:
    now = timezone.now()
    Invitation.objects.update(**values, expires_at=now + timedelta(days=days))
    rows = todo.INVITATIONS.rows(now)
    found = {need.key for need in todo.INVITATIONS.todos if rows.filter(need.condition).exists()}
    assert found == expected
