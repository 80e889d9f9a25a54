"""Microsoft's answer is accepted once, on its host, in its browser."""

import math
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.utils import timezone

from onboarding.models import Connection, Invitation, SignIn
from onboarding.services import invitations, sign_in_requests
from registrations.clients.discovery_cache import DiscoveryCache
from registrations.models import UmpInstance
from tests.onboarding.browser import Browser, read
from tests.onboarding.conftest import OLGA
from tests.onboarding.wizard import CARLA, history, last_refusal, refused, text

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


# --- A GET says what happened, and does nothing ---


def told_by_get(customer: Browser, **query: str) -> Any:
    before = (list(SignIn.objects.values_list("pk", "redeemed_at")), history())
    answer = customer.open("/authenticate/OAuth2Callback", query_params=query)
    assert (list(SignIn.objects.values_list("pk", "redeemed_at")), history()) == before
    return answer


@pytest.mark.parametrize(
    ("query", "key", "words"),
    [
        (
            {"error": "access_denied", "error_description": "AADSTS65004: User declined", "admin_consent": "True"},
            "consent_declined",
            "Cancel was chosen",
        ),
        ({"error": "access_denied"}, "consent_declined", "Cancel was chosen"),
        ({"error": "permission_denied", "admin_consent": "True"}, "consent_declined", "Cancel was chosen"),
        ({"error": "consent_required"}, "microsoft_error", "has accepted the permissions yet"),
        ({"error": "login_required"}, "microsoft_error", "no account that is signed in"),
        ({"error": "interaction_required"}, "microsoft_error", "needs another step"),
        ({"error": "temporarily_unavailable"}, "microsoft_error", "having problems at the moment"),
        (
            {"error": "invalid_request", "error_description": "AADSTS900561: The endpoint only accepts POST"},
            "microsoft_error",
            "Back button",
        ),
    ],
)
def test_a_get_with_an_error_explains_it(
    customer: Browser, link: str, query: dict[str, str], key: str, words: str
) -> None:
    customer.start(link)
    page = refused(told_by_get(customer, **query), key)
    assert words in page
    assert f'href="{link}"' in page  # the browser began there


@pytest.mark.parametrize("admin_consent", ["False", "false", "0"])
def test_a_get_without_an_admin_consent_does_not_say_that_there_is_one(customer: Browser, admin_consent: str) -> None:
    page = text(told_by_get(customer, admin_consent=admin_consent))
    assert "No consent given" in page
    assert "an administrator has accepted" not in page


@pytest.mark.parametrize(
    "query", [{"error": "x", "error_description": "AADSTS1: New."}, {"error": "new"}, {"error_description": "New."}]
)
def test_a_get_does_not_say_that_the_provider_can_see_what_nobody_recorded(
    customer: Browser, query: dict[str, str]
) -> None:
    page = refused(told_by_get(customer, **query), "microsoft_error")
    assert "can see this refusal" not in page
    assert "send the details below to your contact" in page


@pytest.mark.parametrize("part", ["@", "a@", '"', "+", " ", "\t", "\xa0", "a\\", "eyJ-", "secret ", "'("])
def test_no_address_keeps_a_process_busy(customer: Browser, part: str) -> None:
    started = time.process_time()
    told_by_get(customer, error="a", error_description=f"x{part * (3500 // len(part))}y")
    assert time.process_time() - started < 0.5


def test_a_get_shows_nothing_that_its_sender_wrote(customer: Browser, link: str) -> None:
    lure = "AADSTS1: Call 0800 1234 now. Correlation ID: 11111111-2222-4333-8444-555555555555"
    page = refused(told_by_get(customer, error="<b>call</b>", error_description=lure), "microsoft_error")
    assert "0800" not in page
    assert "call</b>" not in page
    assert link not in page


def test_a_get_after_an_admin_consent_says_how_to_continue(customer: Browser, link: str) -> None:
    customer.start(link)
    page = text(told_by_get(customer, admin_consent="True", tenant="9d576dc4-b85d-4571-880e-4c6ed4c08c31", state="x"))
    assert "an administrator has accepted the permissions" in page
    assert "9d576dc4" not in page  # nobody has verified it
    assert f'href="{link}"' in page


# --- A returning browser ---


@pytest.mark.parametrize("path", ["/authenticate", "/authenticate/OAuth2Callback"])
def test_a_returning_browser_gets_its_invitation_back(customer: Browser, link: str, path: str) -> None:
    assert link not in text(customer.open(path))
    customer.start(link)
    assert f'href="{link}"' in text(customer.open(path))
    assert link not in text(Browser(customer.sandbox, customer.host).open(path))


@pytest.mark.parametrize("change", ["new link", "another host", "a day later"])
def test_a_browser_gets_no_invitation_that_is_not_its_own(
    customer: Browser,
    invitation: Invitation,
    link: str,
    make_active_instance: Callable[..., UmpInstance],
    change: str,
) -> None:
    customer.start(link)
    if change == "new link":
        invitations.new_link(invitation, actor=OLGA)
    elif change == "a day later":
        SignIn.objects.update(created_at=timezone.now() - timedelta(hours=25))
    else:
        other = Browser(customer.sandbox, make_active_instance(app_name="other").host)
        other.client.cookies["__Host-signin"] = customer.client.cookies["__Host-signin"].value
        customer = other
    assert "Back to the invitation" not in text(customer.open("/authenticate"))


# --- Another account ---


def test_use_another_account_leads_straight_to_the_account_picker(customer: Browser, link: str) -> None:
    page = customer.sign_in(customer.start(link), "nora@contoso.example")
    [button] = [found for found in read(page.content.decode()).links if found.get("class") == "microsoft"]
    query = parse_qs(urlsplit(button["href"]).query)
    assert query["prompt"] == ["select_account"]
    assert "login_hint" not in query  # the page suggests no account
    assert f'href="{link}/forward"' in text(page)
    assert f'<a href="{link}">Back to the invitation</a>' in text(page)
    assert history().count("invitation.started") == 1  # an offer is no act
    assert customer.sign_in(page, CARLA).headers["location"] == "/authenticate/registration"


def test_offers_of_another_account_are_limited(customer: Browser, link: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sign_in_requests, "MOST_OFFERS", 2)
    page = customer.sign_in(customer.start(link), "nora@contoso.example")
    for _ in range(2):
        assert "Use another account" in text(page)
        page = customer.sign_in(page, "nora@contoso.example")
    said = refused(page, "not_an_administrator")
    assert "Use another account" not in said
    assert f'href="{link}"' in said
    assert SignIn.objects.filter(is_offer=True).count() == 2


def test_without_microsoft_the_refusal_leads_to_the_invitation(customer: Browser, link: str) -> None:
    answer = customer.visit_microsoft(customer.start(link), "nora@contoso.example")
    DiscoveryCache.forget()
    customer.sandbox.faults.add("entra", "status", path="organizations/v2.0/.well-known", status=503, times=1, skip=1)
    page = customer.come_back(answer)
    assert page.status_code in {403, 503}
    assert f'href="{link}"' in text(page)


def backdate_secrets(customer: Browser) -> None:
    """The sandbox made its secrets a moment ago: they would not be valid yet once its clock is set back."""
    for tenant in customer.sandbox.world.state.tenants.values():
        for application in tenant.applications.values():
            for password in application.passwords:
                password.start, password.created_at = "2026-01-01T00:00:00Z", 0.0


@pytest.mark.parametrize("minutes_ahead", [-50, -6, 6, 10])
def test_clocks_that_differ_are_named_as_that(customer: Browser, link: str, minutes_ahead: int) -> None:
    page = customer.start(link)
    backdate_secrets(customer)
    customer.sandbox.world.clock.skew = minutes_ahead * 60
    said = refused(customer.sign_in(page, CARLA), "clock_skew")
    assert "more than five minutes apart" in said
    assert SignIn.objects.get(is_offer=False).for_staff
    customer.sandbox.world.clock.skew = math.copysign(4 * 60, minutes_ahead)
    assert customer.identify(link).status_code == 200
