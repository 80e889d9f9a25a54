"""The page behind the link: what it says, and which links it refuses."""

import html
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from django.contrib.sessions.models import Session
from django.utils import timezone
from django.utils.html import strip_tags

from onboarding import requirements
from onboarding.models import Connection, Invitation, SignIn
from onboarding.services import invitations
from registrations.models import AuditEvent, ClientSecret, UmpInstance
from tests.onboarding.browser import Browser, microsoft_address, read
from tests.onboarding.conftest import OLGA
from tests.onboarding.wizard import CARLA, history, refused, text

pytestmark = pytest.mark.django_db


def test_opening_the_link_changes_nothing(customer: Browser, invitation: Invitation, link: str) -> None:
    before = (history(), Invitation.objects.values().get())
    for method in (customer.client.get, customer.client.head, customer.client.options):
        method(urlsplit(link).path)
    assert (history(), Invitation.objects.values().get()) == before
    assert not SignIn.objects.exists()
    assert not Session.objects.exists()
    assert not customer.sandbox.calls


def test_the_landing_page_names_sender_service_expiry_and_permissions(customer: Browser, link: str) -> None:
    page = text(customer.open(urlsplit(link).path))
    assert "Finebak asks to connect Contoso’s Microsoft 365 to its phone service" in page
    for expected in (
        "Contoso Ltd",
        "contoso1",
        "Direct Routing: Hosted Pro",
        "valid until",
        "Organization.Read.All",
        "application_access",
        "Teams Administrator",
        "Global Administrator",
        "How to undo it",
        "RoleManagement.ReadWrite.Directory",
    ):
        assert expected in page, expected


def test_a_get_on_start_leads_back_to_the_invitation(customer: Browser, link: str) -> None:
    path = urlsplit(link).path
    answer = customer.open(path + "/start")
    assert (answer.status_code, answer.headers["location"]) == (302, path)
    assert not SignIn.objects.exists()


def test_two_instances_of_one_provider_do_not_know_each_others_links(
    customer: Browser, link: str, make_active_instance: Callable[..., UmpInstance]
) -> None:
    other = Browser(customer.sandbox, make_active_instance(app_name="other").host)
    assert other.open(urlsplit(link).path).status_code == 404


def test_the_link_leads_back_to_the_progress_page(customer: Browser, link: str) -> None:
    customer.authorise(customer.identify(link))
    other = Browser(customer.sandbox, customer.host)
    assert "Sign in to see the progress" in text(other.open(urlsplit(link).path))
    answer = other.sign_in(other.start(link), "paul@contoso.example")
    assert answer.headers["location"] == "/authenticate/progress"
    assert Connection.objects.get().admin_username == CARLA  # a worker uses Carla's permission at this moment


@pytest.mark.parametrize("path", ["A" * 43, "A" * 42, "A" * 44, "nonsense", "OAuth2Callback/x", "A" * 43 + "/start"])
def test_an_unknown_link_says_to_copy_the_whole_link(customer: Browser, path: str) -> None:
    assert "Copy the whole link" in refused(customer.open(f"/authenticate/{path}", follow=True), "unknown_link")


def test_an_expired_link_is_refused_on_opening_and_on_start(
    customer: Browser, invitation: Invitation, link: str
) -> None:
    page = customer.choose(link)
    Invitation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    refused(customer.open(urlsplit(link).path), "expired_link")
    refused(customer.press(page), "expired_link")
    assert not SignIn.objects.exists()


def test_a_revoked_link_is_refused_on_opening_and_on_start(
    customer: Browser, invitation: Invitation, link: str
) -> None:
    page = customer.choose(link)
    invitations.revoke(invitation, actor=OLGA)
    refused(customer.open(urlsplit(link).path), "revoked_link")
    refused(customer.press(page), "revoked_link")


def test_a_link_that_was_replaced_is_unknown(customer: Browser, invitation: Invitation, link: str) -> None:
    invitations.new_link(invitation, actor=OLGA)
    refused(customer.open(urlsplit(link).path), "unknown_link")
    assert customer.open(urlsplit(invitations.link_of(invitation)).path).status_code == 200


@pytest.mark.parametrize("status", ["draft", "provisioning", "failed", "retired"])
def test_an_instance_that_is_not_active_says_not_ready(customer: Browser, link: str, status: str) -> None:
    UmpInstance.objects.update(status=status)
    refused(customer.open(urlsplit(link).path), "instance_not_active")
    assert customer.open("/authenticate").status_code == 200


def test_an_instance_without_a_secret_says_not_ready_on_start(customer: Browser, link: str) -> None:
    ClientSecret.objects.all().delete()
    refused(customer.start(link), "instance_not_active")


def test_the_methods_are_in_the_documented_order_with_the_reason(customer: Browser, link: str) -> None:
    page = text(customer.choose(link))
    assert page.index("Create a new app registration") < page.index("Use an existing app registration")
    assert "The recommended option comes first" in page
    assert page.count(" checked>") == 1
    assert 'value="new" checked' in page


def test_choosing_changes_nothing_until_it_is_sent(customer: Browser, link: str) -> None:
    before = AuditEvent.objects.count()
    customer.choose(link)
    assert AuditEvent.objects.count() == before


def words(answer: Any) -> str:
    """What a person reads on the page."""
    return " ".join(html.unescape(strip_tags(answer.content.decode())).split())


def test_each_permission_shows_microsofts_name_and_its_reason(customer: Browser, link: str) -> None:
    page = words(customer.open(urlsplit(link).path))
    scopes = requirements.SCOPES + requirements.SCOPES_FIRST_SIGN_IN + requirements.TOKEN_SCOPES
    for scope in scopes:
        assert f"“{scope.display_name}”, permission {scope.value}" in page
        assert scope.reason in page
    for permission in requirements.PERMISSIONS:
        assert f"“{permission.display_name}”, permission {permission.value}" in page


def test_the_power_of_the_temporary_permissions_is_said_openly(customer: Browser, link: str) -> None:
    page = words(customer.open(urlsplit(link).path))
    assert "RoleManagement.ReadWrite.Directory alone allows making anyone a Global Administrator" in page
    assert "the last page says whether Microsoft confirmed that" in page


def test_the_privacy_text_names_what_is_really_kept(customer: Browser, link: str) -> None:
    page = words(customer.open(urlsplit(link).path))
    for kept in (
        "IP address",
        "email addresses",
        "secret",
        "token",
        "cannot be changed and is not deleted",
        "Three cookies",
    ):
        assert kept in page
    assert "onboarding@finebak.example" in page


def test_the_privacy_text_counts_the_cookies_that_are_really_set(customer: Browser, link: str) -> None:
    page = words(customer.open(urlsplit(link).path))
    customer.authorise(customer.identify(link))
    customer.open("/authenticate/progress")
    lives = {name: morsel["max-age"] for name, morsel in customer.client.cookies.items()}
    assert lives == {"__Host-signin": 24 * 3600, "__Host-session": 2 * 3600, "__Host-csrf": ""}
    assert "Three cookies" in page
    for life in ("returns from Microsoft (a day)", "the session (two hours)", "forms (until you close the browser)"):
        assert life in page


def test_every_page_says_whom_to_ask(customer: Browser, link: str) -> None:
    for path in (urlsplit(link).path, "/authenticate", "/authenticate/nothing-here"):
        page = words(customer.open(path))
        assert "Questions? Ask the Finebak onboarding team: onboarding@finebak.example, +44 20 7946 0000." in page


@pytest.mark.parametrize("page", ["", "/choose", "/start", "/forward", "/security", "/existing"])
@pytest.mark.parametrize("query", ["?q=%00", "?x=(", "?p=abc", "?error=%00", "?next=%ED%A0%80", f"?n={'9' * 40}"])
def test_no_query_string_breaks_a_page_of_the_wizard(customer: Browser, link: str, page: str, query: str) -> None:
    for path in (urlsplit(link).path + page, "/authenticate/progress", "/authenticate/OAuth2Callback"):
        assert customer.client.get(path + query).status_code < 500


@pytest.mark.parametrize(
    "path", ["%00", "sign-in/%00", "sign-in/abc", "assets/%00", "assets/..%2f", "\u202e", "%ED%A0%80"]
)
def test_no_path_breaks_the_wizard(customer: Browser, path: str) -> None:
    assert 400 <= customer.client.get(f"/authenticate/{path}").status_code < 500


@pytest.mark.parametrize("value", ["\0", "a\0b", "(", "9" * 40, "\u202e", "x" * 5000])
def test_no_value_breaks_a_form_of_the_wizard(customer: Browser, link: str, value: str) -> None:
    for page in ("/start", "/existing"):
        given = dict.fromkeys(("way", "tenant", "client_id", "client_secret"), value)
        assert customer.client.post(urlsplit(link).path + page, given).status_code < 500
    answer = dict.fromkeys(("state", "code", "error", "error_description", "error_codes", "id_token"), value)
    assert customer.client.post("/authenticate/OAuth2Callback", answer).status_code < 500


def test_a_refusal_of_microsoft_with_a_nul_is_kept_without_it(customer: Browser, link: str) -> None:
    page = customer.start(link).content.decode()
    state = next(
        parse_qs(urlsplit(each["href"]).query)["state"][0] for each in read(page).links if "state=" in each["href"]
    )
    given = {"state": state, "error": "access_denied\0", "error_description": "AADSTS65004: no\0\u202e."}
    assert 400 <= customer.client.post("/authenticate/OAuth2Callback", given).status_code < 500
    kept = SignIn.objects.get()
    assert kept.outcome == SignIn.Outcome.REFUSED
    assert "\0" not in f"{kept.microsoft_code}{kept.refusal}{list(AuditEvent.objects.values())}"


def test_the_choice_of_earlier_versions_leads_to_the_invitation(customer: Browser, link: str) -> None:
    path = urlsplit(link).path
    assert customer.open(f"{path}/choose").headers["location"] == f"{path}#connect"


def test_seven_clicks_lead_from_the_mail_to_the_setup(customer: Browser, link: str) -> None:
    """Link, Start, Microsoft's button, account, Accept; the second time the button and Accept, for Microsoft knows the person."""
    microsoft = requests.Session()
    microsoft.trust_env = False
    landing = customer.open(urlsplit(link).path)  # 1: the link in the mail
    sign_in = customer.press(landing)  # 2: Start
    customer.come_back(clicks_through(customer, microsoft, sign_in, ["user", "consent"]))  # 3 to 5
    allow = customer.press(customer.open("/authenticate/registration"))  # 6: leads on by itself
    assert 'http-equiv="refresh"' in allow.content.decode()
    answer = customer.come_back(clicks_through(customer, microsoft, allow, ["consent"]))  # 7: Accept
    assert answer.headers["location"] == "/authenticate/progress"


def clicks_through(customer: Browser, microsoft: requests.Session, page: Any, buttons: list[str]) -> dict[str, str]:
    """Microsoft's answer after exactly these buttons of its pages."""
    way = microsoft_address(page)
    answer = microsoft.get(way, timeout=10)
    wanted = {"user": customer._person_id(CARLA), "consent": "accept"}
    for button in buttons:
        form = read(answer.text).forms[0]
        assert button in {name for name, _ in form.buttons}, answer.text
        answer = microsoft.post(answer.url, data={**form.fields, button: wanted[button]}, timeout=10)
    return read(answer.text).forms[0].fields


def test_what_is_allowed_needed_and_undone_is_said_for_every_method(customer: Browser, link: str) -> None:
    page = text(customer.open(urlsplit(link).path))
    for permission in requirements.PERMISSIONS:
        assert f"<li>{permission.sentence}</li>" in page
    for block in ("What you need", "How to undo it"):
        said = page.partition(f">{block}</h2>")[2].partition("<h2")[0]
        for method in ("new registration", "existing registration", "delegated token"):
            assert f"With a{'n' * (method[0] == 'e')} {method}: " in said
    assert requirements.NEEDED_FOR_TOKEN_SENTENCE in page.partition(">What you need</h2>")[2]


def test_a_phone_service_without_tokens_says_nothing_about_them(customer: Browser, link: str) -> None:
    UmpInstance.objects.update(delivery=UmpInstance.Delivery.HANDOVER)
    page = text(customer.open(urlsplit(link).path)).partition("<main")[2].partition("</main>")[0]
    assert "elegated token" not in page
