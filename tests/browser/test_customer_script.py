"""The wizard's script in a real Chromium, with our templates on a fake site: no other process runs."""

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import settings
from django.template.loader import render_to_string
from django.urls import set_urlconf
from playwright.sync_api import Browser, Page, Route, expect

from onboarding.forms import RegistrationForm
from onboarding.validators import rule_results
from onboarding.views import assets

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]
SITE = "https://umptoken.finebak.example"
PROGRESS = f"{SITE}/authenticate/progress"
FRAME = {
    "instance": {"host": "umptoken.finebak.example", "app_name": "umptoken"},
    "provider": {"name": "Finebak"},
    "stylesheet": "/portal.css",
    "script": "/portal.js",
    "icon": "data:,",
}


def answering(
    body: str | bytes, *, kind: str = "text/html; charset=utf-8", status: int = 200
) -> Callable[[Route], None]:
    """An answer of the fake site."""

    def answer(route: Route) -> None:
        route.fulfill(body=body, content_type=kind, status=status)

    return answer


class Site:
    """A fake site. It answers requests for the progress page in the given order and repeats the last answer."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.answers: list[Callable[[Route], None]] = []
        for name in ("portal.css", "portal.js"):
            page.route(f"{SITE}/{name}", answering(assets.content(name)[0], kind=assets.TYPES[name]))
        page.route(PROGRESS, self._answer)

    def _answer(self, route: Route) -> None:
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        answer(route)

    def answers_with(self, *answers: Callable[[Route], None]) -> None:
        """Set the answers from now on."""
        self.answers = list(answers)


@pytest.fixture(autouse=True)
def urls_of_an_instance() -> Iterator[None]:
    """Resolve the templates' URLs as on an instance's host; the middleware does this otherwise."""
    set_urlconf(settings.INSTANCE_URLCONF)
    yield
    set_urlconf(None)


@pytest.fixture
def site(browser: Browser) -> Iterator[Site]:
    """A page; the test fails if its script raises an error."""
    script_errors: list[str] = []
    context = browser.new_context()
    page = context.new_page()
    page.on("pageerror", lambda error: script_errors.append(str(error)))
    yield Site(page)
    context.close()
    assert script_errors == []


def steps(first: str, word: str, *, situation: str = "working") -> Callable[[Route], None]:
    """The progress page with one step in this state."""
    context: dict[str, Any] = {
        **FRAME,
        "customer_name": "Contoso",
        "situation": situation,
        "refresh": 1,
        "connection": SimpleNamespace(customer_part_done_at=situation == "provider", grant_removed=None),
        "operation": SimpleNamespace(pk="1", error_code=""),
        "steps": [SimpleNamespace(title="Create the registration", state=first, word=word, note="")],
    }
    html = render_to_string("onboarding/progress.html", context)
    return answering(html)


def reset_connection(route: Route) -> None:
    route.abort("connectionreset")


def test_only_the_changed_step_is_announced(site: Site) -> None:
    site.answers_with(steps("running", "Running"), steps("done", "Done"))
    site.page.goto(PROGRESS)
    expect(site.page.get_by_role("status")).to_have_text("Create the registration: Done")
    expect(site.page.get_by_role("list", name="Steps of the setup")).to_contain_text("Done")


@pytest.mark.parametrize("failure", [reset_connection, answering("Bad gateway", status=502)])
def test_a_network_failure_is_announced_and_the_page_recovers(site: Site, failure: Callable[[Route], None]) -> None:
    site.answers_with(steps("running", "Running"), failure)
    site.page.goto(PROGRESS)
    notice = site.page.locator("#unreachable")
    expect(notice).to_be_visible()
    expect(site.page.get_by_role("status")).to_contain_text("cannot reach umptoken.finebak.example")
    expect(site.page.get_by_role("heading", level=1)).to_have_text("Setting up Contoso")
    site.answers_with(steps("done", "Done"))
    expect(site.page.get_by_role("list", name="Steps of the setup")).to_contain_text("Done", timeout=15_000)
    expect(notice).to_be_hidden()


def test_an_expired_session_shows_the_refusal(site: Site) -> None:
    site.answers_with(steps("running", "Running"), answering("<h1>Sign in to see this page</h1>", status=403))
    site.page.goto(PROGRESS)
    expect(site.page.get_by_role("heading", level=1)).to_have_text("Sign in to see this page")


def test_a_new_situation_moves_the_focus_only_from_inside(site: Site) -> None:
    waiting, provider = steps("running", "Running"), steps("waiting", "Waiting", situation="provider")
    site.answers_with(waiting)
    site.page.goto(PROGRESS)
    site.page.evaluate("document.querySelector('#live .stage').tabIndex = -1")
    site.page.evaluate("document.querySelector('#live .stage').focus()")
    site.answers_with(provider)
    heading = site.page.get_by_role("heading", level=1)
    expect(heading).to_have_text("Your part is done")
    expect(heading).to_be_focused()
    expect(site.page.get_by_role("status")).to_contain_text("Your part is done")
    site.page.get_by_text("Privacy").focus()
    site.answers_with(waiting)
    expect(heading).to_have_text("Setting up Contoso")
    expect(heading).not_to_be_focused()


def test_copying_is_announced(site: Site) -> None:
    site.page.context.grant_permissions(["clipboard-write"], origin=SITE)
    site.answers_with(steps("waiting", "Waiting", situation="provider"))
    site.page.goto(PROGRESS)
    site.page.get_by_text("Details for support").click()
    site.page.get_by_role("button", name="Copy all").click()
    expect(site.page.get_by_role("status")).to_have_text("Copied.")


def test_the_naming_rules_are_announced_after_typing_pauses(site: Site, settings: Any) -> None:
    settings.ROOT_URLCONF = settings.INSTANCE_URLCONF
    form = RegistrationForm({"name": "a b"})
    rules = {"min": 3, "max": 15, "forbidden": " .", "reserved": "audit"}
    connection = {"admin_name": "Carla", "admin_username": "carla@contoso.example"}
    context = {**FRAME, "form": form, "rules": rule_results("a b"), "name_rules": rules, "connection": connection}
    assert not form.is_valid()
    html = render_to_string("onboarding/registration.html", context)
    site.answers_with(answering(html))
    site.page.goto(PROGRESS)
    expect(site.page.get_by_role("alert")).to_be_focused()
    field = site.page.get_by_role("textbox")
    expect(field).to_have_attribute("aria-describedby", "name-error name-hint rules")
    for name in ("name-error", "name-hint", "rules"):
        expect(site.page.locator(f"#{name}")).to_be_visible()
    field.press_sequentially("c")
    expect(site.page.get_by_role("status")).to_have_text(
        r"Not OK: without spaces, dots and \ / : * ? \" < > |".replace(r"\"", '"')
    )
    field.fill("abc")
    expect(site.page.get_by_role("status")).to_have_text("The name follows every rule.")
