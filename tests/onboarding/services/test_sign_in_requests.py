"""Sign-in requests: tabs that share one, and what is deleted after they expire."""

from datetime import timedelta

import pytest
from django.utils import timezone

from onboarding.models import Invitation, SignIn
from onboarding.services import invitations, sign_in_requests
from tests.onboarding.browser import Browser
from tests.onboarding.conftest import OLGA
from tests.onboarding.wizard import CARLA, history, refused

pytestmark = pytest.mark.django_db
FRED = "fred@fabrikam.example"


def test_the_flows_of_expired_sign_ins_are_deleted(customer: Browser, link: str) -> None:
    customer.start(link)
    assert sign_in_requests.delete_expired_flows() == 0
    SignIn.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert sign_in_requests.delete_expired_flows() == 1
    assert SignIn.objects.get().flow_envelope == ""


@pytest.mark.parametrize("first", [FRED, "declined"])
def test_the_second_tab_of_a_refused_sign_in_leads_to_the_invitation(customer: Browser, link: str, first: str) -> None:
    page = customer.start(link)
    wrong = customer.visit_microsoft(page, *((CARLA, "decline") if first == "declined" else (first,)))
    right = customer.visit_microsoft(page, CARLA)
    assert customer.come_back(wrong).status_code in {400, 403}
    before = history()
    answer = customer.come_back(right)
    assert (answer.status_code, answer.headers["location"]) == (303, link)
    assert history() == before
    assert customer.identify(link).status_code == 200


def test_a_refused_answer_that_is_sent_again_stays_refused(customer: Browser, link: str) -> None:
    answer = customer.visit_microsoft(customer.start(link), FRED)
    refused(customer.come_back(answer), "another_organisation")
    refused(customer.come_back(answer), "state_lost")


def test_the_second_tab_of_an_old_link_does_not_learn_the_new_one(
    customer: Browser, invitation: Invitation, link: str
) -> None:
    page = customer.start(link)
    wrong, right = customer.visit_microsoft(page, FRED), customer.visit_microsoft(page, CARLA)
    refused(customer.come_back(wrong), "another_organisation")
    invitations.new_link(invitation, actor=OLGA)
    new = invitations.link_of(invitation)
    assert new not in refused(customer.come_back(right), "state_lost")


def test_another_browser_with_a_refused_state_gets_no_link(customer: Browser, link: str) -> None:
    page = customer.start(link)
    wrong, right = customer.visit_microsoft(page, FRED), customer.visit_microsoft(page, CARLA)
    customer.come_back(wrong)
    other = Browser(customer.sandbox, customer.host)
    assert link not in refused(other.come_back(right), "state_lost")
