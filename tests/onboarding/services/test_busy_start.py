"""Microsoft is busy when a sign-in begins: the page says when to press again, and sends the same form by itself."""

from typing import Any
from urllib.parse import urlsplit

import pytest

from onboarding.models import SignIn
from onboarding.views import error_pages
from registrations.clients.discovery_cache import DiscoveryCache
from tests.onboarding.browser import Browser, read
from tests.onboarding.delegated import TILDA, contoso, provisioned
from tests.onboarding.wizard import CARLA, history, refused, text

pytestmark = pytest.mark.django_db
__all__ = ["contoso", "provisioned"]  # fixtures


def busy(browser: Browser, wait: str = "40", times: int = 1) -> None:
    """Microsoft refuses the next requests that begin a sign-in; without `wait` it does not say for how long."""
    DiscoveryCache.forget()
    headers = {"Retry-After": wait} if wait else {}
    browser.sandbox.faults.add("entra", "status", path=".well-known", status=429, headers=headers, times=times)


def waits(page: Any) -> str:
    """The seconds after which the page sends its form; "" if only the button does."""
    [form] = [values for tag, values in read(page.content.decode()).tags if tag == "form"]
    return form.get("data-submit-after", "")


def test_the_page_of_a_first_sign_in_names_the_time_and_sends_the_same_choice(customer: Browser, link: str) -> None:
    page = customer.choose(link)
    busy(customer)
    page = customer.press(page, way="token")
    said = refused(page, "remote_unavailable")
    assert "Wait 40 seconds and try again" in said
    assert "tries again by itself in <strong>40 seconds</strong>" in said
    assert waits(page) == page.headers["Retry-After"] == "40"
    assert urlsplit(link).path in [urlsplit(found["href"]).path for found in read(page.content.decode()).links]
    assert not SignIn.objects.exists()
    again = customer.press(page)
    assert "Step 1 of 3 · Delegated token" in text(again)
    assert customer.sign_in(again, TILDA).status_code == 303


def test_the_second_sign_in_keeps_the_entered_name(customer: Browser, link: str) -> None:
    form = customer.identify(link)
    busy(customer)
    page = customer.press(form, name="my-own-name")
    assert "Wait 40 seconds" in refused(page, "remote_unavailable")
    again = customer.press(page)
    assert "my-own-name" in text(again)
    assert customer.sign_in(again, CARLA).headers["location"] == "/authenticate/progress"


def test_without_a_time_only_the_button_tries_again(customer: Browser, link: str) -> None:
    page = customer.choose(link)
    busy(customer, "")
    page = customer.press(page, way="new")
    assert "Wait a minute and try again" in refused(page, "remote_unavailable")
    assert waits(page) == ""
    assert "Sign in with Microsoft" in text(customer.press(page))


def test_a_long_time_is_named_in_minutes_and_not_waited_for(customer: Browser, link: str) -> None:
    page = customer.choose(link)
    busy(customer, "1500")
    page = customer.press(page, way="new")
    assert "Wait 25 minutes and try again" in refused(page, "remote_unavailable")
    assert waits(page) == ""


def test_the_page_tries_by_itself_a_few_times_only(customer: Browser, link: str) -> None:
    page = customer.choose(link)
    busy(customer, "1", times=20)
    seen = []
    for _ in range(error_pages.MOST_TRIES_BY_ITSELF + 1):
        page = customer.press(page)
        refused(page, "remote_unavailable")
        seen.append(waits(page))
    assert seen == ["1"] * error_pages.MOST_TRIES_BY_ITSELF + [""]
    assert history().count("invitation.refused") == 1
    customer.sandbox.faults.clear()
    assert "Sign in with Microsoft" in text(customer.press(page))


def test_a_counter_that_is_no_number_counts_as_none(customer: Browser, link: str) -> None:
    page = customer.choose(link)
    busy(customer)
    page = customer.press(page, way="new", tries="<b>9")
    assert "<b>9" not in page.content.decode()
    assert read(page.content.decode()).forms[0].fields["tries"] == "1"
    assert history().count("invitation.refused") == 1
