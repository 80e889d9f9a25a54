"""The sessions of customers: what they open, and when they end."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.utils import timezone

from onboarding.models import Invitation
from onboarding.services import invitations
from registrations.models import Operation, UmpInstance
from tests.onboarding.browser import Browser
from tests.onboarding.conftest import OLGA
from tests.onboarding.wizard import CARLA, finish, text

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("page", ["registration", "progress", "done"])
def test_the_pages_behind_the_sign_in_need_the_session(customer: Browser, link: str, page: str) -> None:
    answer = customer.open(f"/authenticate/{page}")
    assert answer.status_code == 403
    assert "Sign in to see this page" in text(answer)


def test_a_session_of_another_instance_opens_nothing(
    customer: Browser, link: str, make_active_instance: Callable[..., UmpInstance]
) -> None:
    customer.identify(link)
    other = Browser(customer.sandbox, make_active_instance(app_name="other").host)
    other.client.cookies["__Host-session"] = customer.client.cookies["__Host-session"].value
    assert other.open("/authenticate/registration").status_code == 403


def test_a_session_ends_after_two_hours(customer: Browser, link: str) -> None:
    customer.identify(link)
    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))
    assert customer.open("/authenticate/registration").status_code == 403


def test_a_revoked_invitation_ends_the_session_with_the_next_click(
    customer: Browser, invitation: Invitation, link: str
) -> None:
    page = customer.identify(link)
    invitations.revoke(invitation, actor=OLGA)
    for answer in (customer.open("/authenticate/registration"), customer.press(page, name="Finebak-sync")):
        assert answer.status_code == 410
        assert "This invitation was withdrawn" in text(answer)


def test_an_invitation_that_expires_meanwhile_ends_the_session_too(
    customer: Browser, invitation: Invitation, link: str
) -> None:
    customer.identify(link)
    Invitation.objects.update(expires_at=timezone.now())
    assert customer.open("/authenticate/registration").status_code == 410


def test_a_setup_started_in_time_may_be_completed(customer: Browser, link: str, run_worker: Callable[[], None]) -> None:
    customer.authorise(customer.identify(link))
    Invitation.objects.update(expires_at=timezone.now())
    Operation.objects.update(credential_envelope="")
    run_worker()
    answer = customer.sign_in(customer.press(customer.open("/authenticate/progress")), CARLA)
    assert answer.headers["location"] == "/authenticate/progress"
    finish(run_worker)
    assert Invitation.objects.get().status == Invitation.Status.COMPLETED
