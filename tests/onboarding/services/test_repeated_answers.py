"""The same answer of Microsoft, sent twice while the first request redeems it: a reload, or a double click."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.utils import timezone

from onboarding.errors import RefusedError
from onboarding.models import Connection, SignIn
from onboarding.services import redemption, repeated_answers, sign_in_callback, sign_in_requests
from registrations import audit
from registrations.models import Operation
from tests.onboarding.browser import SIGN_IN_COOKIE, Browser, read
from tests.onboarding.wizard import CARLA, history, refused, text

pytestmark = pytest.mark.django_db
SOMEBODY = audit.Actor.customer("Somebody")


def claimed(browser: Browser, answer: dict[str, str]) -> SignIn:
    """What the first request does before it asks Microsoft: the browser drops its response later."""
    instance = SignIn.objects.latest("created_at").invitation.service.instance
    cookie = browser.client.cookies[SIGN_IN_COOKIE].value
    found = sign_in_requests.claim(answer["state"], cookie, instance, actor=SOMEBODY, code=answer["code"])
    assert found.is_mine
    return found.sign_in


def waits(browser: Browser, answer: Any) -> Any:
    """The page that waits for the first request, after checking that it continues by itself with a form."""
    assert answer.status_code == 303, text(answer)
    page = browser.open(answer.headers["location"])
    assert "Your sign-in is being completed" in text(page)
    assert 'data-submit-after="2"' in page.content.decode()
    return page


def press(browser: Browser, page: Any) -> Any:
    """Send the page's form: the response itself, not the page it leads to."""
    form = read(page.content.decode()).forms[0]
    return browser.client.post(form.action, form.fields, headers={"origin": f"http://{browser.host}"})


def test_the_first_sign_in_waits_for_the_first_request_and_gets_its_session(customer: Browser, link: str) -> None:
    answer = customer.visit_microsoft(customer.start(link), CARLA)
    first = claimed(customer, answer)
    before = history()
    page = waits(customer, customer.come_back(answer))
    page = waits(customer, press(customer, page))  # the first request has not ended
    assert history() == before
    sign_in_callback.identify(first, answer, ip_address=None)
    assert press(customer, page).headers["location"] == "/authenticate/registration"
    assert CARLA in text(customer.open("/authenticate/registration"))
    assert history().count("invitation.authenticated") == 1
    assert "invitation.sign_in_refused" not in history()


def test_the_second_sign_in_gets_the_setup_that_the_first_request_started(customer: Browser, link: str) -> None:
    page = customer.press(customer.identify(link), name="Contoso-sync")
    answer = customer.visit_microsoft(page, CARLA)
    first = claimed(customer, answer)
    page = waits(customer, customer.come_back(answer))
    sign_in_callback.authorise(first, answer, ip_address=None)
    del customer.client.cookies["__Host-session"]  # the first response, with the new session, was dropped
    assert press(customer, page).headers["location"] == "/authenticate/progress"
    assert "Setting up Contoso" in text(customer.open("/authenticate/progress"))
    assert Operation.objects.count() == 1


def test_a_refusal_is_told_to_the_second_request_with_all_it_says(customer: Browser, link: str) -> None:
    answer = customer.visit_microsoft(customer.start(link), "nora@contoso.example")
    first = claimed(customer, answer)
    page = waits(customer, customer.come_back(answer))
    with pytest.raises(RefusedError):
        sign_in_callback.identify(first, answer, ip_address=None)
    before = history()
    told = press(customer, page)
    assert "Nora (nora@contoso.example)" in refused(told, "not_an_administrator")
    assert history() == before
    assert customer.sign_in(told, CARLA).headers["location"] == "/authenticate/registration"


def test_without_scripts_the_page_waits_on_until_its_button_is_pressed(customer: Browser, link: str) -> None:
    answer = customer.visit_microsoft(customer.start(link), CARLA)
    first = claimed(customer, answer)
    address = customer.come_back(answer).headers["location"]
    sign_in_callback.identify(first, answer, ip_address=None)
    page = customer.open(address)
    assert "Your sign-in is being completed" in text(page)  # a GET opens no session
    assert press(customer, page).headers["location"] == "/authenticate/registration"


def test_a_second_tab_of_the_first_sign_in_waits_too(customer: Browser, link: str) -> None:
    page = customer.start(link)
    first, second = customer.visit_microsoft(page, CARLA), customer.visit_microsoft(page, CARLA)
    claimed(customer, first)
    waits(customer, customer.come_back(second))


def test_another_code_of_the_second_sign_in_waits_too_and_what_it_accepted_is_noted(
    customer: Browser, link: str
) -> None:
    page = customer.press(customer.identify(link), name="Contoso-sync")
    answer, second = customer.visit_microsoft(page, CARLA), customer.visit_microsoft(page, CARLA)
    first = claimed(customer, answer)
    page = waits(customer, customer.come_back(second))
    assert Connection.objects.get().grant_removed is False
    sign_in_callback.authorise(first, answer, ip_address=None)
    assert press(customer, page).headers["location"] == "/authenticate/progress"


def test_another_browser_neither_waits_nor_gets_the_session(customer: Browser, link: str) -> None:
    answer = customer.visit_microsoft(customer.start(link), CARLA)
    first = claimed(customer, answer)
    page = waits(customer, customer.come_back(answer))
    thief = Browser(customer.sandbox, customer.host)
    own = read(thief.start(link).content.decode())
    assert own.links
    refused(thief.come_back(answer), "state_lost")
    sign_in_callback.identify(first, answer, ip_address=None)
    form = read(page.content.decode()).forms[0]
    token = read(thief.choose(link).content.decode()).forms[0].fields["csrfmiddlewaretoken"]
    taken = thief.client.post(form.action, {"csrfmiddlewaretoken": token}, headers={"origin": f"http://{thief.host}"})
    refused(taken, "state_lost")


@pytest.mark.parametrize("ended", [False, True])
def test_after_a_while_the_answer_is_as_lost_as_any_other(customer: Browser, link: str, ended: bool) -> None:
    answer = customer.visit_microsoft(customer.start(link), CARLA)
    first = claimed(customer, answer)
    page = waits(customer, customer.come_back(answer))
    if ended:
        sign_in_callback.identify(first, answer, ip_address=None)
    SignIn.objects.update(redeemed_at=timezone.now() - repeated_answers.KEPT_FOR - timedelta(seconds=1))
    refused(customer.come_back(answer), "state_lost")
    assert customer.open(press(customer, page).headers["location"]).status_code in {302, 400}
    assert "__Host-session" not in customer.client.cookies


def test_the_outcome_is_told_a_few_times_only(customer: Browser, link: str) -> None:
    answer = customer.visit_microsoft(customer.start(link), CARLA)
    first = claimed(customer, answer)
    page = waits(customer, customer.come_back(answer))
    sign_in_callback.identify(first, answer, ip_address=None)
    for _ in range(redemption.MOST_TRIES + 3):
        customer.client.cookies.pop("__Host-session", None)
        press(customer, page)
    assert Session.objects.count() == redemption.MOST_TRIES


def test_what_is_kept_for_the_second_request_is_encrypted_and_deleted(customer: Browser, link: str) -> None:
    customer.identify(link)
    row = SignIn.objects.get()
    assert row.result_envelope
    assert "carla" not in str(SignIn.objects.values())
    SignIn.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    sign_in_requests.delete_expired_flows()
    assert SignIn.objects.get().result_envelope == ""
