"""The chosen method is named on every page that follows, and can be changed until the setup starts."""

from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings

from onboarding import requirements
from onboarding.models import Invitation
from onboarding.services import delegated_token
from sandbox.entra.sign_in import describe
from sandbox.model import Tenant
from tests.onboarding.browser import Browser, read
from tests.onboarding.delegated import TILDA, authorise, contoso, provisioned
from tests.onboarding.wizard import CARLA, text

pytestmark = pytest.mark.django_db
__all__ = ["contoso", "provisioned"]  # fixtures
TESSA = "tessa@contoso.example"


def leads_to_the_choice(page: Any, link: str) -> bool:
    return f"{link}#connect" in [found["href"] for found in read(page.content.decode()).links]


def test_every_page_of_a_token_names_it(customer: Browser, link: str) -> None:
    page = customer.start(link, way="token")
    assert "Step 1 of 3 · Delegated token" in text(page)
    assert "the phone service will act as the account that signs in now" in text(page)
    assert requirements.NEEDED_FOR_TOKEN_SENTENCE in text(page)
    allow = customer.open(customer.sign_in(page, TILDA).headers["location"], follow=True)
    second = customer.press(allow)
    assert "Step 2 of 3 · Delegated token" in text(allow)
    assert "Step 2 of 3 · Delegated token" in text(second)
    progress = customer.open(customer.sign_in(second, TILDA).headers["location"])
    assert "Step 3 of 3 · Delegated token" in text(progress)


def test_a_new_registration_is_named_without_the_words_for_a_token(customer: Browser, link: str) -> None:
    page = customer.start(link)
    assert "Step 1 of 3 · New app registration" in text(page)
    assert "delegated token" not in text(page)


def test_the_pages_before_the_setup_lead_back_to_the_choice(customer: Browser, link: str) -> None:
    by_token = customer.start(link, way="token")
    allow = customer.open(customer.sign_in(by_token, TILDA).headers["location"], follow=True)
    registration = customer.identify(link, CARLA)
    existing = customer.open(f"{urlsplit(link).path}/existing")
    assert all(leads_to_the_choice(page, link) for page in (by_token, allow, registration))
    assert f"{urlsplit(link).path}#connect" in [found["href"] for found in read(existing.content.decode()).links]
    assert "A name that you changed here is not saved" in text(registration)
    assert "Values that you entered here are not kept" in text(existing)


def test_a_setup_that_has_started_does_not_lead_back_to_the_choice(customer: Browser, link: str) -> None:
    page = customer.start(link)
    registration = customer.identify(link, CARLA)
    Invitation.objects.update(status=Invitation.Status.CONNECTING)
    pages = [
        customer.open(page.request["PATH_INFO"]),
        customer.open("/authenticate/registration"),
        customer.start(link),
    ]
    assert leads_to_the_choice(registration, link)
    assert not any(leads_to_the_choice(each, link) for each in pages)


def test_the_demos_account_for_a_token_holds_its_roles(customer: Browser, link: str, contoso: Tenant) -> None:
    shown = describe(contoso, contoso.user(TESSA))
    assert all(role.name in shown for role in requirements.TOKEN_ROLES)
    assert authorise(customer, link, TESSA).kind == delegated_token.KIND
    assert TESSA in (settings.BASE_DIR / "README.md").read_text()
