"""Microsoft's answer is accepted once, on its host, in its browser."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from onboarding.models import Connection, Invitation, SignIn
from onboarding.services import invitations
from registrations.models import UmpInstance
from tests.onboarding.browser import Browser
from tests.onboarding.conftest import OLGA
from tests.onboarding.wizard import CARLA, last_refusal, refused, text

pytestmark = pytest.mark.django_db


def test_a_get_on_the_callback_does_nothing(customer: Browser, link: str) -> None:
    answer = customer.visit_microsoft(customer.start(link), CARLA)
    page = customer.open("/authenticate/OAuth2Callback", query_params=answer)
    assert page.status_code == 200
    assert "Open the link in your email" in text(page)
    assert SignIn.objects.get().redeemed_at is None
    assert customer.come_back(answer).status_code == 303


def test_an_answer_is_accepted_once(customer: Browser, link: str) -> None:
    answer = customer.visit_microsoft(customer.start(link), CARLA)
    assert customer.come_back(answer).status_code == 303
    refused(customer.come_back(answer), "state_lost")
    assert SignIn.objects.get().outcome == SignIn.Outcome.SUCCEEDED
    assert last_refusal()["refusal"] == "state_lost"


def test_another_browser_cannot_submit_the_answer(customer: Browser, link: str) -> None:
    answer = customer.visit_microsoft(customer.start(link), CARLA)
    thief = Browser(customer.sandbox, customer.host)
    assert link not in refused(thief.come_back(answer), "state_lost")
    thief.start(link)  # a cookie of its own does not help either
    refused(thief.come_back(answer), "state_lost")
    assert "__Host-session" not in thief.client.cookies
    assert customer.come_back(answer).status_code == 303


@pytest.mark.parametrize("answer", [{}, {"state": ""}, {"state": "made-up", "code": "x"}, {"code": "x"}])
def test_an_answer_without_a_known_state_is_refused(customer: Browser, link: str, answer: dict[str, str]) -> None:
    customer.start(link)
    refused(customer.come_back(answer), "state_lost")
    assert SignIn.objects.get().redeemed_at is None


def test_an_answer_after_15_minutes_is_refused(customer: Browser, link: str) -> None:
    answer = customer.visit_microsoft(customer.start(link), CARLA)
    SignIn.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    refused(customer.come_back(answer), "state_lost")


def test_an_answer_on_another_instances_host_is_refused(
    customer: Browser, link: str, make_active_instance: Callable[..., UmpInstance]
) -> None:
    answer = customer.visit_microsoft(customer.start(link), CARLA)
    other = Browser(customer.sandbox, make_active_instance(app_name="other").host)
    other.client.cookies["__Host-signin"] = customer.client.cookies["__Host-signin"].value
    refused(other.come_back(answer), "state_lost")


def test_an_invitation_revoked_during_the_sign_in_is_refused(
    customer: Browser, invitation: Invitation, link: str
) -> None:
    answer = customer.visit_microsoft(customer.start(link), CARLA)
    invitations.revoke(invitation, actor=OLGA)
    page = refused(customer.come_back(answer), "revoked_link")
    assert link not in page
    assert not Connection.objects.exists()


def test_a_code_from_another_sign_in_is_refused(customer: Browser, link: str) -> None:
    """Login CSRF: an attacker's code with the victim's state fails at PKCE."""
    attacker = Browser(customer.sandbox, customer.host)
    stolen = attacker.visit_microsoft(attacker.start(link), "paul@contoso.example")
    own = customer.visit_microsoft(customer.start(link), CARLA)
    refused(customer.come_back({**own, "code": stolen["code"]}), "microsoft_error")
    assert not Connection.objects.exists()
