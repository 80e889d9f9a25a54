"""An answer of Microsoft that cannot be redeemed yet is redeemed again, by itself and for a limited time."""

import re
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.utils import timezone

from onboarding.models import Connection, SignIn
from onboarding.services import redemption, sign_in_exchange, sign_in_requests
from registrations.models import ClientSecret, Operation
from sandbox import directory
from sandbox.catalogue import GLOBAL_ADMINISTRATOR
from tests.onboarding.browser import Browser, read
from tests.onboarding.wizard import CARLA, history, refused, text

pytestmark = pytest.mark.django_db
BUSY = {"status": 429, "headers": {"Retry-After": "1"}}


def answers(browser: Browser, code: int, error: str = "invalid_grant", times: int = 1) -> None:
    """The next answers of the token endpoint are this error."""
    body = {"error": error, "error_description": f"AADSTS{code}: Not yet.", "error_codes": [code]}
    browser.sandbox.faults.add("entra", "status", method="POST", path="/token", status=400, body=body, times=times)


def waiting_page(browser: Browser, answer: Any) -> Any:
    """The page to which the callback leads while Microsoft's answer waits."""
    assert answer.status_code == 303, text(answer)
    page = browser.open(answer.headers["location"])
    form = read(page.content.decode()).forms[0]
    assert form.action.endswith("/again"), text(page)
    return page


def let_time_pass() -> None:
    SignIn.objects.exclude(retry_at=None).update(retry_at=timezone.now())


@pytest.mark.parametrize("code", [65001, 650051, 7000229, 500011])
def test_a_consent_that_is_not_copied_yet_is_redeemed_again(customer: Browser, link: str, code: int) -> None:
    page = customer.press(customer.identify(link), name="Contoso-sync")
    answers(customer, code)
    page = waiting_page(customer, customer.sign_in(page, CARLA))
    assert "Microsoft is still applying your consent" in text(page)
    assert re.search(r'data-submit-after="[1-5]"', page.content.decode())
    assert not Operation.objects.exists()
    early = customer.press(page)  # before its time the page only waits on
    assert "Microsoft is still applying your consent" in text(early)
    let_time_pass()
    assert customer.press(page).headers["location"] == "/authenticate/progress"
    assert Operation.objects.get().kind == "connect"
    assert "invitation.sign_in_refused" not in history()


def test_the_first_sign_in_waits_too_and_opens_a_session(customer: Browser, link: str) -> None:
    page = customer.start(link)
    answers(customer, 65001)
    page = waiting_page(customer, customer.sign_in(page, CARLA))
    let_time_pass()
    answer = customer.press(page)
    assert answer.headers["location"] == "/authenticate/registration"
    assert "Name the registration" in text(customer.open("/authenticate/registration"))


def test_opening_the_waiting_page_redeems_nothing(customer: Browser, link: str) -> None:
    page = customer.start(link)
    answers(customer, 65001)
    answer = customer.sign_in(page, CARLA)
    let_time_pass()
    waiting_page(customer, answer)
    assert SignIn.objects.get().outcome == SignIn.Outcome.STARTED
    assert not Connection.objects.exists()


@pytest.mark.parametrize("step", ["identify", "authorise"])
def test_an_answer_that_is_sent_again_while_it_waits_leads_to_its_page(customer: Browser, link: str, step: str) -> None:
    page = customer.start(link) if step == "identify" else customer.press(customer.identify(link), name="Contoso-sync")
    answer = customer.visit_microsoft(page, CARLA)
    answers(customer, 65001)
    waiting_page(customer, customer.come_back(answer))
    before = history()
    page = waiting_page(customer, customer.come_back(answer))
    assert history() == before
    let_time_pass()
    assert customer.press(page).status_code == 303
    assert SignIn.objects.get(purpose=step).outcome == SignIn.Outcome.SUCCEEDED


def test_a_second_tab_waits_with_the_first(customer: Browser, link: str) -> None:
    page = customer.start(link)
    first, second = customer.visit_microsoft(page, CARLA), customer.visit_microsoft(page, CARLA)
    answers(customer, 65001)
    waiting_page(customer, customer.come_back(first))
    waiting_page(customer, customer.come_back(second))
    assert "invitation.sign_in_refused" not in history()


def test_another_browser_does_not_wait_with_the_first(customer: Browser, link: str) -> None:
    page = customer.start(link)
    answer = customer.visit_microsoft(page, CARLA)
    answers(customer, 65001)
    waiting_page(customer, customer.come_back(answer))
    thief = Browser(customer.sandbox, customer.host)
    thief.start(link)
    refused(thief.come_back(answer), "state_lost")


def test_another_browser_cannot_redeem_the_answer(customer: Browser, link: str) -> None:
    page = customer.start(link)
    answers(customer, 65001)
    page = waiting_page(customer, customer.sign_in(page, CARLA))
    let_time_pass()
    thief = Browser(customer.sandbox, customer.host)
    thief.start(link)
    form = read(page.content.decode()).forms[0]
    own = read(thief.choose(link).content.decode()).forms[0].fields["csrfmiddlewaretoken"]
    answer = thief.client.post(form.action, {"csrfmiddlewaretoken": own}, headers={"origin": f"http://{customer.host}"})
    refused(answer, "state_lost")
    assert SignIn.objects.exclude(retry_at=None).count() == 1


def test_a_code_that_stays_refused_is_explained_after_the_last_try(
    customer: Browser, link: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redemption, "MOST_TRIES", 3)
    page = customer.press(customer.identify(link), name="Contoso-sync")
    answers(customer, 65001, times=99)
    page = waiting_page(customer, customer.sign_in(page, CARLA))
    for _ in range(2):
        let_time_pass()
        answer = customer.press(page)
    said = refused(answer, "microsoft_error")
    assert "choose Accept" in said
    assert "they may still be in place" in said  # nobody knows what became of the grant
    sign_in = SignIn.objects.get(purpose="authorise")
    assert (sign_in.outcome, sign_in.answer_envelope, sign_in.retry_at) == ("refused", "", None)


def test_no_answer_is_put_off_beyond_the_lifetime_of_its_code(customer: Browser, link: str) -> None:
    page = customer.start(link)
    answers(customer, 65001, times=99)
    page = waiting_page(customer, customer.sign_in(page, CARLA))
    long_ago = timezone.now() - redemption.CODE_LIFETIME
    SignIn.objects.update(redeemed_at=long_ago, retry_at=timezone.now())
    refused(customer.press(page), "microsoft_error")


def test_an_answer_whose_process_died_is_redeemed_once_more(customer: Browser, link: str) -> None:
    page = customer.press(customer.identify(link), name="Contoso-sync")
    answers(customer, 65001)
    page = waiting_page(customer, customer.sign_in(page, CARLA))
    let_time_pass()
    taken = SignIn.objects.get(purpose="authorise")
    assert redemption.take(taken) is not None
    assert redemption.take(SignIn.objects.get(pk=taken.pk)) is None  # while it may still be redeemed
    assert "Microsoft is still applying your consent" in text(customer.press(page))
    let_time_pass()
    assert customer.press(page).headers["location"] == "/authenticate/progress"
    assert Operation.objects.get().kind == "connect"


def test_two_tries_are_put_off_one_after_the_other(customer: Browser, link: str) -> None:
    page = customer.start(link)
    answers(customer, 65001, times=3)
    page = waiting_page(customer, customer.sign_in(page, CARLA))
    for tries in (2, 3):
        let_time_pass()
        assert "Microsoft is still applying" in text(customer.press(page))
        assert SignIn.objects.get().tries == tries
    let_time_pass()
    assert customer.press(page).headers["location"] == "/authenticate/registration"


def test_the_stored_answer_is_encrypted_and_deleted(customer: Browser, link: str) -> None:
    page = customer.start(link)
    answers(customer, 65001)
    answer = customer.visit_microsoft(page, CARLA)
    customer.come_back(answer)
    row = SignIn.objects.get()
    assert row.answer_envelope
    assert answer["code"] not in str(SignIn.objects.values())
    SignIn.objects.update(expires_at=timezone.now() - timedelta(seconds=1), flow_envelope="")
    assert sign_in_requests.delete_expired_flows() == 1
    assert SignIn.objects.get().answer_envelope == ""


def test_a_short_retry_after_is_waited_for_within_the_request(customer: Browser, link: str) -> None:
    page = customer.start(link)
    customer.sandbox.faults.add("entra", "status", method="POST", path="/token", **BUSY)
    assert customer.sign_in(page, CARLA).headers["location"] == "/authenticate/registration"


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that requests waited; they do not really wait."""
    pauses: list[float] = []
    monkeypatch.setattr(redemption, "time", SimpleNamespace(sleep=pauses.append))
    return pauses


def busy_for(browser: Browser, where: str, seconds: int, times: int = 1) -> None:
    service, method, path = {
        "token": ("entra", "POST", "/token"),
        "roles": ("graph", "GET", "/transitiveMemberOf"),
    }[where]
    headers = {"Retry-After": str(seconds)}
    browser.sandbox.faults.add(service, "status", method=method, path=path, status=429, headers=headers, times=times)


def test_redeeming_and_roles_share_the_ten_seconds_of_a_request(
    customer: Browser, link: str, slept: list[float]
) -> None:
    page = customer.start(link)
    busy_for(customer, "token", 6)
    busy_for(customer, "roles", 5)
    answer = customer.sign_in(page, CARLA)
    assert "Wait 5 seconds and try again" in refused(answer, "remote_unavailable")
    assert answer.headers["Retry-After"] == "5"
    assert slept == [6]


def test_short_waits_within_the_ten_seconds_are_waited_for(customer: Browser, link: str) -> None:
    page = customer.start(link)
    busy_for(customer, "token", 1)
    busy_for(customer, "roles", 1)
    assert customer.sign_in(page, CARLA).headers["location"] == "/authenticate/registration"


def test_the_second_look_at_roles_is_within_the_ten_seconds_too(
    customer: Browser, link: str, slept: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sign_in_exchange, "ROLE_INDEX_PAUSE", timedelta(seconds=3))
    page = customer.start(link)
    busy_for(customer, "token", 9)
    refused(customer.sign_in(page, "nora@contoso.example"), "not_an_administrator")
    assert slept == [9]
    assert len([call for call in customer.sandbox.calls if "transitiveMemberOf" in call.path]) == 2


def test_a_third_request_does_not_wait_within_the_request(customer: Browser, link: str, slept: list[float]) -> None:
    page = customer.start(link)
    others = [redemption._slots.acquire(blocking=False) for _ in range(redemption.MOST_WAITING)]
    assert all(others)
    try:
        busy_for(customer, "token", 1)
        waiting_page(customer, customer.sign_in(page, CARLA))
    finally:
        redemption._slots.release(redemption.MOST_WAITING)
    assert slept == []


def test_a_request_that_has_waited_lets_the_next_one_wait(slept: list[float]) -> None:
    for _ in range(5):
        assert redemption.Patience().wait(timedelta(seconds=10))
    assert not redemption.Patience().wait(timedelta(seconds=11))


def test_a_long_retry_after_is_named_and_waited_for_by_the_page(customer: Browser, link: str) -> None:
    page = customer.start(link)
    headers = {"Retry-After": "40"}
    customer.sandbox.faults.add("entra", "status", method="POST", path="/token", status=429, headers=headers)
    page = waiting_page(customer, customer.sign_in(page, CARLA))
    assert re.search(r"in <strong>(39|40) seconds</strong>", text(page))
    assert "Microsoft is busy" in text(page)
    let_time_pass()
    assert customer.press(page).headers["location"] == "/authenticate/registration"


@pytest.mark.parametrize(("age", "waits"), [(timedelta(minutes=1), True), (timedelta(hours=1), False)])
def test_only_a_new_secret_of_the_sync_app_is_waited_for(
    customer: Browser, link: str, age: timedelta, waits: bool
) -> None:
    ClientSecret.objects.update(stored_at=timezone.now() - age)
    page = customer.start(link)
    answers(customer, 7000215, "invalid_client")
    answer = customer.sign_in(page, CARLA)
    if waits:
        waiting_page(customer, answer)
    else:
        refused(answer, "microsoft_error")


def test_a_role_that_the_index_does_not_show_yet_is_looked_for_once_more(
    customer: Browser, link: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = customer.sandbox.world
    contoso = world.tenant(customer.sandbox.seed.customer.tenant_id)
    nora = contoso.user("nora@contoso.example")
    page = customer.start(link)
    answer = customer.visit_microsoft(page, nora.upn)
    monkeypatch.setattr(sign_in_exchange, "ROLE_INDEX_PAUSE", timedelta(seconds=2))
    world.lag["role_index"] = 1.5
    directory.assign_role(contoso, nora.id, GLOBAL_ADMINISTRATOR, world.clock.now())
    assert customer.come_back(answer).headers["location"] == "/authenticate/registration"
    asked = [call for call in customer.sandbox.calls if "transitiveMemberOf" in call.path]
    assert len(asked) == 2
