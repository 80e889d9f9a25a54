"""The page that leads to Microsoft, and its cookie."""

from urllib.parse import parse_qs, urlsplit

import pytest
from django.utils import timezone

from onboarding.models import Invitation, SignIn
from registrations.models import AuditEvent
from tests.onboarding.browser import Browser, microsoft_address, read
from tests.onboarding.wizard import CARLA, history

pytestmark = pytest.mark.django_db


def test_start_leads_to_a_page_with_a_link_to_microsoft(customer: Browser, invitation: Invitation, link: str) -> None:
    answer = customer.start(link)
    assert answer.status_code == 200
    button = next(found for found in read(answer.content.decode()).links if found.get("class") == "microsoft")
    assert button["rel"] == "noreferrer"
    way = urlsplit(button["href"])
    assert f"{way.scheme}://{way.netloc}" == customer.sandbox.people_url
    assert way.path == "/organizations/oauth2/v2.0/authorize"
    asked = {name: values[0] for name, values in parse_qs(way.query).items()}
    assert asked["response_mode"] == "form_post"
    assert asked["code_challenge_method"] == "S256"
    assert asked["redirect_uri"] == invitation.service.instance.redirect_uri
    assert set(asked["scope"].split()) == {"User.Read", "openid", "profile"}
    assert asked["nonce"]
    assert asked["state"]
    assert link.rpartition("/")[2] not in button["href"]


def test_the_sign_in_cookie_is_host_only_secure_and_lasts_a_day(customer: Browser, link: str) -> None:
    customer.start(link)
    cookie = customer.client.cookies["__Host-signin"]
    assert cookie["secure"]
    assert cookie["httponly"]
    assert (cookie["samesite"], cookie["path"], cookie["domain"], cookie["max-age"]) == ("None", "/", "", 24 * 3600)


def test_each_start_is_in_the_history(customer: Browser, link: str) -> None:
    customer.start(link)
    customer.start(link)
    assert history().count("invitation.started") == 1  # the same sign-in, because it has not come back
    customer.start(link, way="token")
    assert history().count("invitation.started") == 2
    assert AuditEvent.objects.filter(action="invitation.started").first().ip_address == "127.0.0.1"  # type: ignore[union-attr]


def test_two_tabs_share_the_cookie_and_both_can_finish(customer: Browser, link: str) -> None:
    first = customer.start(link)
    cookie = customer.client.cookies["__Host-signin"].value
    second = customer.start(link)
    assert customer.client.cookies["__Host-signin"].value == cookie
    assert customer.sign_in(first, CARLA).status_code == 303
    assert customer.sign_in(second, CARLA).status_code == 303


def test_neither_state_nor_verifier_is_stored_in_clear(customer: Browser, link: str) -> None:
    answer = customer.start(link)
    way = microsoft_address(answer)
    state = parse_qs(urlsplit(way).query)["state"][0]
    row = SignIn.objects.values().get()
    assert state not in str(row)
    assert customer.client.cookies["__Host-signin"].value not in str(row)
    assert "code_verifier" not in row["flow_envelope"]


def test_back_from_microsoft_shows_the_button_again(customer: Browser, link: str) -> None:
    page = customer.start(link)
    address = page.request["PATH_INFO"]
    assert read(customer.open(address).content.decode()).links == read(page.content.decode()).links
    another = Browser(customer.sandbox, customer.host)
    assert another.open(address).status_code == 400  # only the browser that started the sign-in
    customer.sign_in(page, CARLA)
    assert customer.open(address).headers["location"] == "/authenticate/progress"


def test_an_expired_sign_in_shows_no_button_to_microsoft(customer: Browser, link: str) -> None:
    page = customer.start(link)
    SignIn.objects.update(expires_at=timezone.now())
    answer = customer.open(page.request["PATH_INFO"])
    assert answer.status_code == 400
    assert "microsoft" not in [found.get("class") for found in read(answer.content.decode()).links]
    assert link.rpartition("/")[2] in answer.content.decode()  # the way back to the invitation
