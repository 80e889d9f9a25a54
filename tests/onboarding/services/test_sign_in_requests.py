"""Sign-in requests: what is deleted after they expire."""

from datetime import timedelta

import pytest
from django.utils import timezone

from onboarding.models import SignIn
from onboarding.services import sign_in_requests
from tests.onboarding.browser import Browser

pytestmark = pytest.mark.django_db


def test_the_flows_of_expired_sign_ins_are_deleted(customer: Browser, link: str) -> None:
    customer.start(link)
    assert sign_in_requests.delete_expired_flows() == 0
    SignIn.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert sign_in_requests.delete_expired_flows() == 1
    assert SignIn.objects.get().flow_envelope == ""
