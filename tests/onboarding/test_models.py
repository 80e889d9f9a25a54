"""Customers' rows: which links work, how long an invitation may last, and which short names are taken."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from onboarding.models import Invitation, Service
from tests import factories

pytestmark = pytest.mark.django_db
PAST, FUTURE = timedelta(minutes=-1), timedelta(minutes=1)


@pytest.mark.parametrize(
    ("status", "ends_in", "works", "expired"),
    [
        ("draft", FUTURE, True, False),
        ("sent", FUTURE, True, False),
        ("sent", PAST, False, True),
        ("started", PAST, False, True),
        ("connecting", PAST, True, False),
        ("completed", FUTURE, False, False),
        ("completed", PAST, False, False),
        ("revoked", FUTURE, False, False),
    ],
)
def test_a_link_works_until_its_expiry_or_until_a_started_setup_ends(
    invitation: Invitation, status: str, ends_in: timedelta, works: bool, expired: bool
) -> None:
    now = timezone.now()
    Invitation.objects.update(status=status, expires_at=now + ends_in)
    assert Invitation.objects.usable(now).exists() is works
    assert Invitation.objects.get().is_expired is expired


def test_only_an_old_invitation_may_have_an_expiry_in_the_past(invitation: Invitation) -> None:
    invitation.expires_at = timezone.now() + PAST
    invitation.full_clean()
    invitation._state.adding = True
    with pytest.raises(ValidationError, match="Choose a time in the future"):
        invitation.clean()


def test_an_open_invitation_may_last_a_year_at_most(invitation: Invitation) -> None:
    invitation.expires_at = timezone.now() + Invitation.LONGEST + FUTURE
    with pytest.raises(ValidationError, match="within 365 days"):
        invitation.full_clean()
    invitation.status = Invitation.Status.COMPLETED
    invitation.full_clean()


def test_a_short_name_is_taken_on_its_instance_whatever_its_case() -> None:
    first = factories.make_service()
    values = {
        "customer": first.customer,
        "service_type": first.service_type,
        "full_name": "Two",
        "short_name": "CONTOSO1",
    }
    with pytest.raises(ValidationError, match="already has this short name"):
        Service(instance=first.instance, **values).full_clean()
    Service(instance=factories.make_instance(app_name="other"), **values).full_clean()
