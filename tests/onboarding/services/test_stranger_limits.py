"""What strangers may cause to be stored: hundreds of requests from many addresses, and the rows that they leave."""

from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone
from time_machine import TimeMachineFixture

from onboarding.models import Connection, Invitation, SignIn
from onboarding.services import existing_registration, invitations, sign_in_requests, stranger_limits
from registrations import request_limits
from registrations.models import AuditEvent, LoginAttempt, Operation, RequestWindow, UmpInstance
from registrations.request_limits import Limit
from tests.onboarding.browser import Browser, read
from tests.onboarding.conftest import OLGA
from tests.onboarding.existing import Own, bare, contoso, enter, own
from tests.onboarding.wizard import CARLA, history, refused, text

__all__ = ["bare", "contoso", "own"]  # fixtures
pytestmark = pytest.mark.django_db


def anybody(instance: UmpInstance) -> Client:
    return Client(headers={"host": instance.host})


def address(number: int) -> str:
    return f"10.{number // 250}.{number % 250}.9"  # each in a network of its own


def stored() -> dict[str, int]:
    kinds = (AuditEvent, SignIn, Session, Operation, LoginAttempt, RequestWindow)
    return {kind.__name__: kind.objects.count() for kind in kinds}


def test_forms_without_a_session_are_one_entry_and_one_counter(
    instance: UmpInstance, time_machine: TimeMachineFixture
) -> None:
    before = stored()
    for number in range(300):
        client = anybody(instance)
        client.cookies["__Host-session"] = "invented"
        answer = client.post("/authenticate/registration", {"name": "x"}, REMOTE_ADDR=address(number))
        assert answer.status_code == 403
    after = stored()
    assert after["AuditEvent"] - before["AuditEvent"] == 1
    assert after["RequestWindow"] == 1
    time_machine.move_to(timezone.now() + timedelta(days=2))
    request_limits.close_windows()
    assert AuditEvent.objects.latest("id").after["over_the_limit"] == 299
    assert not RequestWindow.objects.exists()


def test_new_browsers_with_one_link_are_stopped(instance: UmpInstance, invitation: Invitation, link: str) -> None:
    path = f"{urlsplit(link).path}/start"
    answers = [anybody(instance).post(path, {"way": "new"}, REMOTE_ADDR=address(number)) for number in range(200)]
    assert {answer.status_code for answer in answers[60:]} == {429}
    page = refused(answers[-1], "too_many_requests")
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 3600
    assert "then try again" in page
    assert SignIn.objects.count() <= 60
    assert history().count("invitation.started") <= 50
    assert RequestWindow.objects.count() <= 62  # 60 networks that the link let through, the link, the history's budget


@pytest.mark.parametrize(
    ("page", "form"), [("start", {"way": "bogus"}), ("existing", {}), ("existing", {"client_id": " "})]
)
@pytest.mark.parametrize("is_used", [False, True])
def test_forms_that_no_page_sends_are_counted_and_not_recorded(
    instance: UmpInstance, invitation: Invitation, link: str, page: str, form: dict[str, str], is_used: bool
) -> None:
    if is_used:
        Invitation.objects.update(expires_at=timezone.now())
    before = AuditEvent.objects.count()
    for number in range(20):
        answer = anybody(instance).post(f"{urlsplit(link).path}/{page}", form, REMOTE_ADDR=address(number))
        assert answer.status_code >= 400
    assert AuditEvent.objects.count() == before


def test_the_number_of_forms_that_no_page_sends_is_recorded_once(
    instance: UmpInstance, invitation: Invitation, link: str, time_machine: TimeMachineFixture
) -> None:
    for number in range(20):
        anybody(instance).post(f"{urlsplit(link).path}/start", {"way": "bogus"}, REMOTE_ADDR=address(number))
    time_machine.move_to(timezone.now() + timedelta(days=2))
    request_limits.close_windows()
    found = AuditEvent.objects.get(action="invitation.entries_counted").after
    assert (found["limit"], found["over_the_limit"]) == ("forms that no page sends", 19)


def test_a_refused_form_with_a_method_that_exists_is_an_act(
    instance: UmpInstance, invitation: Invitation, link: str
) -> None:
    Invitation.objects.update(expires_at=timezone.now())
    anybody(instance).post(f"{urlsplit(link).path}/start", {"way": "new"})
    assert history().count("invitation.refused") == 1


def test_one_browser_shares_its_open_sign_in(customer: Browser, link: str) -> None:
    first = customer.start(link)
    for _ in range(20):
        assert customer.start(link).request["PATH_INFO"] == first.request["PATH_INFO"]
    assert SignIn.objects.count() == 1
    assert history().count("invitation.started") == 1
    assert customer.sign_in(first, CARLA).status_code == 303


def test_a_sign_in_that_is_about_to_expire_is_not_reused(customer: Browser, link: str) -> None:
    customer.start(link)
    SignIn.objects.update(expires_at=timezone.now() + timedelta(minutes=4))
    customer.start(link)
    assert SignIn.objects.count() == 2


def test_another_method_or_another_browser_gets_its_own_sign_in(customer: Browser, link: str) -> None:
    customer.start(link)
    customer.start(link, way="token")
    Browser(customer.sandbox, customer.host).start(link)
    assert SignIn.objects.count() == 3


def test_replays_of_one_state_are_recorded_once(customer: Browser, link: str) -> None:
    answer = customer.visit_microsoft(customer.start(link), CARLA)
    assert customer.come_back(answer).status_code == 303
    before = AuditEvent.objects.count()
    for _ in range(100):
        refused(customer.come_back(answer), "state_lost")
    assert AuditEvent.objects.count() == before + 1


@pytest.mark.parametrize("scope", ["FORMS_BY_LINK", "FORMS_BY_BROWSER", "FORMS_BY_NETWORK"])
def test_each_scope_has_its_limit(customer: Browser, link: str, scope: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stranger_limits, scope, Limit(scope, 2, timedelta(hours=1)))
    page = customer.choose(link)
    answers = [customer.press(page, way="new") for _ in range(4)]
    assert answers[0].status_code == 200
    assert answers[-1].status_code == 429, text(answers[-1])
    assert link in answers[-1].content.decode()  # the way back


# --- Signed-in administrators ---


@pytest.fixture
def _few_forms(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FORMS_BY_LINK", "FORMS_BY_SESSION", "FORMS_BY_BROWSER", "FORMS_BY_NETWORK"):
        limit = getattr(stranger_limits, name)
        monkeypatch.setattr(stranger_limits, name, Limit(limit.scope, 6, timedelta(hours=1)))


def press_until_refused(browser: Browser, path: str, page: Any) -> Any:
    """Send a form with a page's CSRF token until a limit refuses it."""
    token = read(page.content.decode()).forms[0].fields["csrfmiddlewaretoken"]
    for _ in range(12):
        answer = browser.client.post(path, {"csrfmiddlewaretoken": token}, headers={"origin": f"http://{browser.host}"})
        if answer.status_code == 429:
            break
    return answer


@pytest.mark.usefixtures("_few_forms")
def test_a_watching_session_cannot_lock_out_the_administrator(customer: Browser, link: str, own: Own) -> None:
    page = customer.identify(link)
    watcher = Browser(customer.sandbox, customer.host)
    form = watcher.open(f"{urlsplit(link).path}/existing")
    assert watcher.press(form, **own.values).status_code == 303
    assert press_until_refused(watcher, "/authenticate/progress/look-again", form).status_code == 429
    assert customer.press(page, name="Contoso-sync").status_code == 200


@pytest.mark.usefixtures("_few_forms")
def test_an_old_session_cannot_lock_out_the_administrator(
    customer: Browser, invitation: Invitation, link: str, own: Own
) -> None:
    watcher = Browser(customer.sandbox, customer.host)
    form = watcher.open(f"{urlsplit(link).path}/existing")
    assert watcher.press(form, **own.values).status_code == 303
    invitations.new_link(invitation, actor=OLGA)
    page = customer.identify(invitations.link_of(invitation))
    refused(press_until_refused(watcher, "/authenticate/progress/look-again", form), "replaced_link")
    assert customer.press(page, name="Contoso-sync").status_code == 200


@pytest.mark.usefixtures("_few_forms")
def test_another_administrators_forms_are_counted_apart(customer: Browser, link: str) -> None:
    other = Browser(customer.sandbox, customer.host)
    form = other.identify(link, "paul@contoso.example")
    assert press_until_refused(other, "/authenticate/registration", form).status_code == 429
    assert customer.press(customer.identify(link), name="Contoso-sync").status_code == 200


@pytest.mark.usefixtures("_few_forms")
def test_a_busy_network_does_not_lock_out_the_administrator(customer: Browser, link: str) -> None:
    page = customer.identify(link)
    neighbour = Browser(customer.sandbox, customer.host)
    form = neighbour.choose(link)
    assert press_until_refused(neighbour, f"{urlsplit(link).path}/start", form).status_code == 429
    assert customer.press(page, name="Contoso-sync").status_code == 200


@pytest.mark.usefixtures("_few_forms")
def test_a_signed_in_person_has_one_limit_in_all_browsers(customer: Browser, link: str) -> None:
    page = customer.identify(link)
    second = Browser(customer.sandbox, customer.host)
    form = second.identify(link)
    assert press_until_refused(second, "/authenticate/registration", form).status_code == 429
    refused(customer.press(page, name="Contoso-sync"), "too_many_requests")


@pytest.mark.usefixtures("_few_forms")
def test_an_answer_that_waits_is_redeemed_over_every_limit(customer: Browser, link: str) -> None:
    page = customer.press(customer.identify(link), name="Contoso-sync")
    body = {"error": "invalid_grant", "error_description": "AADSTS65001: Not yet.", "error_codes": [65001]}
    customer.sandbox.faults.add("entra", "status", method="POST", path="/token", status=400, body=body)
    page = customer.open(customer.sign_in(page, CARLA).headers["location"])
    for _ in range(12):
        assert customer.press(page).status_code == 200  # before its time: the waiting page again
    SignIn.objects.exclude(retry_at=None).update(retry_at=timezone.now())
    assert customer.press(page).headers["location"] == "/authenticate/progress"
    assert Operation.objects.get().kind == "connect"


def test_sign_ins_that_ended_are_kept_up_to_a_number(
    customer: Browser, link: str, invitation: Invitation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sign_in_requests, "KEPT", 3)
    for _ in range(6):
        answer = customer.visit_microsoft(customer.start(link), CARLA, consent="decline")
        assert customer.come_back(answer).status_code == 403
    assert SignIn.objects.count() == 3
    invitation.refresh_from_db()
    assert invitation.older_sign_ins == 3


def test_unknown_links_hosts_and_states_store_nothing(instance: UmpInstance, invitation: Invitation) -> None:
    before = stored()
    client = anybody(instance)
    requests: list[tuple[str, dict[str, Any]]] = [
        ("/authenticate/" + "A" * 43 + "/start", {"way": "new"}),
        ("/authenticate/" + "A" * 43 + "/existing", {"client_secret": "x"}),
        ("/authenticate/OAuth2Callback", {"state": "invented", "code": "x"}),
        ("/authenticate/OAuth2Callback", {"error": "access_denied"}),
        ("/authenticate/progress/look-again", {}),
    ]
    for number in range(60):
        for path, form in requests:
            assert client.post(path, form, REMOTE_ADDR=address(number)).status_code in {400, 403, 404}
        assert Client(headers={"host": f"h{number}.example"}).post("/authenticate/registration").status_code == 404
    assert stored() == before


def test_opening_pages_of_a_link_stores_nothing(instance: UmpInstance, invitation: Invitation, link: str) -> None:
    before = stored()
    path = urlsplit(link).path
    for number in range(30):
        for page in ("", "/choose", "/start", "/forward", "/security", "/existing"):
            anybody(instance).get(path + page, REMOTE_ADDR=address(number))
    assert stored() == before


def test_checks_of_invented_values_are_limited_by_day(
    instance: UmpInstance, invitation: Invitation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stranger_limits, "CHECKS_BY_LINK", Limit("checks", 2, timedelta(days=1)))
    assert stranger_limits.refusal_of_check(invitation) is None
    assert stranger_limits.refusal_of_check(invitation) is None
    refusal = stranger_limits.refusal_of_check(invitation)
    assert refusal is not None
    assert refusal.page.key == "too_many_requests"


def checks_counted() -> list[tuple[int, int]]:
    """The checks of values that were counted, and those over the limit."""
    return list(RequestWindow.objects.filter(scope="checks of values by link").values_list("count", "refused"))


def test_values_over_the_limit_of_a_day_start_nothing_and_are_counted(
    customer: Browser, link: str, own: Own, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stranger_limits, "CHECKS_BY_LINK", Limit("checks of values by link", 1, timedelta(days=1)))
    assert enter(customer, link, own.values).status_code == 303
    page = refused(enter(customer, link, own.values), "too_many_requests")
    assert "hours" in page
    assert checks_counted() == [(1, 1)]
    assert Operation.objects.get().is_live


@pytest.mark.parametrize("reason", ["too many tries", "a worker runs the first", "the setup has started"])
def test_values_that_start_no_check_do_not_use_up_the_checks(
    customer: Browser, link: str, own: Own, reason: str
) -> None:
    tries = existing_registration.MAX_ATTEMPTS if reason == "too many tries" else 1
    for _ in range(tries):
        assert enter(customer, link, own.values).status_code == 303
    if reason == "a worker runs the first":
        Operation.objects.update(status="running", lease="x", leased_until=timezone.now() + timedelta(minutes=1))
    elif reason == "the setup has started":
        Connection.objects.update(status=Connection.Status.CONNECTING)
    for _ in range(3):
        refused(enter(customer, link, own.values), "too_many_tries" if reason == "too many tries" else "under_way")
    assert checks_counted() == [(tries, 0)]
