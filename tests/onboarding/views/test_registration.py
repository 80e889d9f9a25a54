"""The form for the name of a new registration."""

from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import pytest
from django.utils.html import escape

from onboarding.models import Connection, Invitation
from onboarding.validators import NAME_RULE
from tests.onboarding.browser import Browser, microsoft_address, read
from tests.onboarding.wizard import CARLA, text

pytestmark = pytest.mark.django_db


def test_the_default_name_is_filled_in_and_follows_the_rules(customer: Browser, link: str) -> None:
    page = customer.identify(link)
    assert read(page.content.decode()).forms[0].fields["name"] == "contoso1-sync"
    assert "Not OK" not in text(page)


@pytest.mark.parametrize("name", ["", "ab", "a" * 16, "has blank", "has.dot", "a/b-c", "AUDIT", 'quo"te', "pipe|d"])
def test_a_name_that_breaks_a_rule_is_refused_beside_the_field(customer: Browser, link: str, name: str) -> None:
    answer = customer.press(customer.identify(link), name=name)
    assert answer.status_code == 422
    assert "The name cannot be used" in text(answer)
    assert text(answer).count(escape(NAME_RULE)) == 1  # in the error; the list of rules says the rest
    assert Connection.objects.get().registration_name == ""


def test_the_second_sign_in_asks_the_tenant_for_the_needed_scopes(
    customer: Browser, invitation: Invitation, link: str
) -> None:
    page = customer.press(customer.identify(link), name="Finebak-sync")
    way = microsoft_address(page)
    assert urlsplit(way).path == f"/{invitation.tenant_id}/oauth2/v2.0/authorize"
    asked = parse_qs(urlsplit(way).query)
    assert set(asked["scope"][0].split()) == {
        "openid",
        "profile",
        "Policy.Read.All",
        "Application.ReadWrite.All",
        "AppRoleAssignment.ReadWrite.All",
        "RoleManagement.ReadWrite.Directory",
        "DelegatedPermissionGrant.ReadWrite.All",
    }
    assert asked["login_hint"] == [CARLA]


def test_the_name_cannot_change_once_the_registration_exists(
    customer: Browser, link: str, run_worker: Callable[[], None]
) -> None:
    page = customer.identify(link)
    customer.authorise(page)
    assert customer.press(page, name="Another").headers["location"] == "/authenticate/progress"
    assert Connection.objects.get().registration_name == "Contoso-sync"


def test_each_tab_creates_the_registration_that_its_page_named(customer: Browser, link: str) -> None:
    form = customer.identify(link)
    first = customer.press(form, name="first-name")
    second = customer.press(form, name="second-name")
    assert "first-name" in customer.open(first.request["PATH_INFO"]).content.decode()
    assert "second-name" in second.content.decode()
    customer.sign_in(first, CARLA)
    assert Connection.objects.get().registration_name == "first-name"


def test_an_empty_name_breaks_one_rule_only(customer: Browser, link: str) -> None:
    refused = customer.press(customer.identify(link), name="")
    assert refused.status_code == 422
    assert refused.content.decode().count('class="broken"') == 1
