"""The invitation's page: the choice is near, and nothing that is folded is lost."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from onboarding import methods, requirements
from tests.browser.gallery import link
from tests.browser.stage import Stage

pytestmark = pytest.mark.browser
WIDTH, HEIGHT = 360, 800  # of a phone
TOKEN = methods.CHOICES[2]


@pytest.fixture
def landing(stage: Stage, browser: Browser) -> Iterator[Page]:
    """The page on a phone."""
    context = browser.new_context(viewport={"width": WIDTH, "height": HEIGHT}, reduced_motion="reduce")
    page = context.new_page()
    link("sent")(stage, page)
    yield page
    context.close()


def test_start_is_within_about_two_screens_of_a_phone_after_the_facts(landing: Page) -> None:
    facts, start = landing.locator(".strip").bounding_box(), landing.get_by_role("button", name="Start").bounding_box()
    assert facts is not None
    assert start is not None
    assert start["y"] - (facts["y"] + facts["height"]) < 2.5 * HEIGHT


def test_a_method_says_what_it_needs_once_it_is_chosen(landing: Page) -> None:
    needed, ends = landing.get_by_text(TOKEN.needs), landing.get_by_text("What can end the token")
    expect(needed).to_be_hidden()
    landing.get_by_role("radio", name=re.compile(TOKEN.title)).check()
    expect(needed).to_be_visible()
    for block in ("What you need", "How to undo it"):
        told = landing.locator(f"h2:text-is('{block}') ~ .of-way:visible").first
        expect(told).to_contain_text("With a delegated token: ")
    expect(landing.locator(".of-new:visible, .of-existing:visible")).to_have_count(0)
    ends.click()
    expect(landing.get_by_text(TOKEN.warning)).to_be_visible()


def test_print_shows_every_method_and_every_reason(landing: Page) -> None:
    landing.emulate_media(media="print")
    for choice in methods.CHOICES:
        expect(landing.get_by_text(choice.needs)).to_be_visible()
    expect(landing.get_by_text(TOKEN.warning)).to_be_visible()
    expect(landing.locator(".of-way:visible")).to_have_count(12)
    for scope in requirements.SCOPES:
        expect(landing.get_by_text(scope.value, exact=True).last).to_be_visible()
