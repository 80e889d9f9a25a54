"""Each page names the roles that its own method needs, and speaks only of methods that can be chosen."""

import html
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.utils.html import strip_tags

from onboarding import emails, requirements
from onboarding.models import Connection, Invitation
from registrations.models import Operation, UmpInstance
from tests.onboarding.browser import Browser
from tests.onboarding.delegated import TILDA, authorise, contoso, provisioned
from tests.onboarding.wizard import CARLA, text
from tests.registrations.runs import run_until_settled

pytestmark = pytest.mark.django_db
__all__ = ["contoso", "provisioned"]  # fixtures

NEW, TOKEN = requirements.NEEDED_ROLE_SENTENCE, requirements.NEEDED_FOR_TOKEN_SENTENCE
STRAIGHT = re.compile(r"[A-Za-z]'")
SCOPES = [*requirements.SCOPES_FIRST_SIGN_IN, *requirements.SCOPES]
SCOPES += [*requirements.TOKEN_SCOPES, *requirements.TOKEN_SCOPES_ELSEWHERE]
# Microsoft's own names stay as Microsoft writes them.
OF_MICROSOFT = [each.display_name for each in SCOPES] + [each.display_name for each in requirements.PERMISSIONS]


def page_of(customer: Browser, link: str, name: str = "") -> str:
    """What a person reads there."""
    return " ".join(html.unescape(strip_tags(text(customer.open(urlsplit(link).path + name)))).split())


@pytest.mark.parametrize("name", ["", "/forward", "/security"])
def test_a_colleague_is_told_what_each_method_needs(customer: Browser, link: str, name: str) -> None:
    page = page_of(customer, link, name)
    assert NEW in page
    assert TOKEN in page
    assert "xisting" in page


@pytest.mark.parametrize("name", ["", "/forward", "/security"])
def test_a_method_that_is_not_offered_is_not_spoken_of(customer: Browser, link: str, name: str) -> None:
    UmpInstance.objects.update(delivery=UmpInstance.Delivery.HANDOVER)
    page = page_of(customer, link, name)
    for words in ("elegated token", "DELEGATED TOKEN", "A token acts for one person", TOKEN, "user_impersonation"):
        assert words not in page


def test_what_will_happen_is_told_for_every_method(customer: Browser, link: str) -> None:
    told = page_of(customer, link).partition("What will happen")[2].partition("will be able to do")[0]
    for words in (
        "New registration: you sign in with Microsoft as an administrator",
        "Existing registration: you enter its values. You do not sign in.",
        "Delegated token: you sign in with the account that the phone service will act as",
        "What you chose is set up and checked",
    ):
        assert words in told
    assert "The registration is created" not in told


def test_a_started_setup_offers_no_choice_and_names_the_role_that_continues_it(customer: Browser, link: str) -> None:
    customer.authorise(customer.identify(link), CARLA)
    other = Browser(customer.sandbox, customer.host)
    for page in (page_of(other, link), page_of(other, link, "/forward")):
        assert "choose how to connect" not in page
        assert NEW in page
        assert TOKEN not in page


def test_a_started_token_names_the_roles_that_continue_it(customer: Browser, link: str) -> None:
    authorise(customer, link)
    other = Browser(customer.sandbox, customer.host)
    for page in (page_of(other, link), page_of(other, link, "/forward")):
        assert TOKEN in page
        assert NEW not in page


def test_whoever_has_the_roles_that_a_used_invitation_names_sees_the_result(
    customer: Browser, link: str, run_worker: Callable[[], None], contoso: Any
) -> None:
    run_until_settled(authorise(customer, link), run_worker)
    assert Operation.objects.get().status == "succeeded"
    assert Invitation.objects.get().status == Invitation.Status.COMPLETED
    later = Browser(customer.sandbox, customer.host)
    page = page_of(later, link)
    assert f"Required role: {requirements.TOKEN_ROLES_SENTENCE}." in page
    roles = [role.template_id for role in requirements.TOKEN_ROLES]
    customer.sandbox.world.add_user(contoso, "Viola", "viola@contoso.example", roles)
    answer = later.sign_in(later.press(later.open(urlsplit(link).path)), "viola@contoso.example")
    assert (answer.status_code, answer.headers["location"]) == (303, "/authenticate/progress")
    assert Connection.objects.get().admin_username == TILDA


def test_one_apostrophe_stands_in_all_that_customers_read(customer: Browser, invitation: Invitation, link: str) -> None:
    mail = emails.invitation_message(invitation, link)
    told = [page_of(customer, link, name) for name in ("", "/forward", "/security", "/existing")]
    told += [" ".join(str(mail.body).split()), strip_tags(str(mail.alternatives[0][0]))]
    names = re.compile("|".join(map(re.escape, OF_MICROSOFT)))
    for page in told:
        assert STRAIGHT.findall(names.sub("", html.unescape(page))) == []
