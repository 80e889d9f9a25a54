"""Sign-in requests: tabs that share one, and what is deleted after they expire."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from onboarding.models import Connection, Invitation, SignIn
from onboarding.services import invitations, sign_in_requests
from tests.onboarding.browser import Browser, microsoft_address
from tests.onboarding.conftest import OLGA
from tests.onboarding.wizard import CARLA, finish, history, refused

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


def second_sign_ins() -> int:
    return SignIn.objects.filter(purpose=SignIn.Purpose.AUTHORISE).count()


def test_a_second_sign_in_that_is_begun_again_is_one_row(customer: Browser, link: str) -> None:
    page = customer.identify(link)
    first, again = customer.press(page, name="Contoso-sync"), customer.press(page, name="Contoso-sync")
    assert second_sign_ins() == 1
    assert microsoft_address(again) == microsoft_address(first)
    assert history().count("invitation.consent_begun") == 1
    assert customer.sign_in(again, CARLA).status_code == 303


def test_a_second_sign_in_begins_although_the_row_of_the_first_is_deleted(customer: Browser, link: str) -> None:
    page = customer.identify(link)
    SignIn.objects.filter(purpose=SignIn.Purpose.IDENTIFY).delete()
    for _ in range(2):
        customer.press(page, name="Contoso-sync")
    assert second_sign_ins() == 1


def test_another_name_or_another_person_begins_another_second_sign_in(customer: Browser, link: str) -> None:
    page = customer.identify(link)
    customer.press(page, name="Contoso-sync")
    customer.press(page, name="Contoso-app")
    assert second_sign_ins() == 2
    page = customer.identify(link)
    customer.press(page, name="Contoso-app")
    assert second_sign_ins() == 3


def test_the_second_tab_of_a_second_sign_in_goes_on_and_what_it_accepted_is_noted(
    customer: Browser, link: str, run_worker: Callable[[], None]
) -> None:
    page = customer.press(customer.identify(link), name="Contoso-sync")
    first, other = customer.visit_microsoft(page, CARLA), customer.visit_microsoft(page, CARLA)
    assert customer.come_back(first).status_code == 303
    finish(run_worker)
    assert Connection.objects.get().grant_removed is True
    assert customer.come_back(other).headers["location"] == "/authenticate/progress"
    assert Connection.objects.get().grant_removed is False
    assert "grant.left" in history()


def test_an_answer_that_was_sent_twice_does_not_hide_what_a_later_one_accepted(
    customer: Browser, link: str, run_worker: Callable[[], None]
) -> None:
    page = customer.press(customer.identify(link), name="Contoso-sync")
    first, other = customer.visit_microsoft(page, CARLA), customer.visit_microsoft(page, CARLA)
    customer.come_back(first)
    finish(run_worker)
    for _ in range(3):
        customer.come_back(first)
    assert Connection.objects.get().grant_removed is True
    for _ in range(3):
        customer.come_back(other)
    assert Connection.objects.get().grant_removed is False
    assert history().count("grant.left") == 1


def test_a_second_tab_that_comes_while_the_setup_uses_the_permissions_notes_nothing(
    customer: Browser, link: str
) -> None:
    page = customer.press(customer.identify(link), name="Contoso-sync")
    first, other = customer.visit_microsoft(page, CARLA), customer.visit_microsoft(page, CARLA)
    for answer in (first, other):
        assert customer.come_back(answer).headers["location"] == "/authenticate/progress"
    assert Connection.objects.get().grant_removed is None
    assert "grant.left" not in history()
