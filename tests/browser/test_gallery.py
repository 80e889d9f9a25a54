"""Every page in every state: axe, sideways scrolling, size, keyboard, and which hosts a page requests."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect

from registrations.models import Operation
from tests.browser.gallery import CUSTOMER, STAFF, PageState
from tests.browser.people import SCHEMES, Scheme
from tests.browser.stage import Stage

pytestmark = pytest.mark.browser
NARROWEST, ZOOMED_DESK, DESK = 360, 720, 1440  # CSS pixels; 1440 at 200 % zoom are 720
FIRST_PAGE_BYTES = 60_000


@dataclass
class OpenedPage:
    """An open page, the URLs that it requested, and the errors in its console."""

    page: Page
    page_state: PageState
    requested: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def contexts(browser: Browser) -> Iterator[dict[Scheme, BrowserContext]]:
    """A browser for light and one for dark."""
    made = {
        scheme: browser.new_context(
            viewport={"width": NARROWEST, "height": 800}, reduced_motion="reduce", color_scheme=scheme
        )
        for scheme in SCHEMES
    }
    yield made
    for context in made.values():
        context.close()


def open_page(stage: Stage, page_state: PageState, context: BrowserContext) -> Iterator[OpenedPage]:
    context.clear_cookies()
    found = OpenedPage(context.new_page(), page_state)
    found.page.on("request", lambda request: found.requested.append(request.url))
    found.page.on("pageerror", lambda error: found.errors.append(str(error)))
    found.page.on("console", lambda message: _collect_error(found, message))
    page_state.open(stage, found.page)
    yield found
    found.page.close()


def _collect_error(found: OpenedPage, message: Any) -> None:
    # Refusals have a 4xx or 5xx status by design, which Chromium reports as an error.
    if message.type == "error" and not (" status of " in message.text and message.location["url"] == found.page.url):
        found.errors.append(message.text)


@pytest.fixture(scope="module", params=CUSTOMER, ids=lambda page_state: str(page_state.name))
def customer_page(request: Any, stage: Stage, contexts: dict[Scheme, BrowserContext]) -> Iterator[OpenedPage]:
    """Each page for customers."""
    yield from open_page(stage, request.param, contexts["light"])


@pytest.fixture(
    scope="module",
    params=[(page_state, scheme) for page_state in STAFF for scheme in SCHEMES],
    ids=lambda pair: f"{pair[0].name}-{pair[1]}",
)
def staff_page(request: Any, stage: Stage, contexts: dict[Scheme, BrowserContext]) -> Iterator[OpenedPage]:
    """Each page for staff, in both schemes: the admin reads the system's scheme when a page loads."""
    page_state, scheme = request.param
    yield from open_page(stage, page_state, contexts[scheme])


def violations(page: Page) -> list[dict[str, Any]]:
    """Violations that axe finds, best practices included, with their elements."""
    found: list[dict[str, Any]] = Axe().run(page).response["violations"]
    return found


def described(found: list[dict[str, Any]]) -> str:
    """The violations as text, with what is needed to fix them."""
    return json.dumps(
        [
            {
                "rule": each["id"],
                "impact": each["impact"],
                "nodes": [node["html"][:200] for node in each["nodes"]],
                "why": [node["failureSummary"][:300] for node in each["nodes"]][:3],
            }
            for each in found
        ],
        indent=1,
    )


@pytest.mark.parametrize("scheme", SCHEMES)
def test_axe_finds_nothing_on_customer_pages(customer_page: OpenedPage, scheme: Scheme) -> None:
    customer_page.page.emulate_media(color_scheme=scheme)
    # A mail has no landmarks of its own: the mail program provides them.
    found = [
        each
        for each in violations(customer_page.page)
        if customer_page.page_state.name != "mail" or each["impact"] != "moderate"
    ]
    assert not found, described(found)


@pytest.mark.parametrize("width", [NARROWEST, ZOOMED_DESK, DESK])
def test_customer_pages_do_not_scroll_sideways(customer_page: OpenedPage, width: int) -> None:
    assert not overflowing(customer_page.page, width)


def test_customer_pages_request_only_their_own_host(customer_page: OpenedPage, stage: Stage) -> None:
    foreign = [url for url in customer_page.requested if urlsplit(url).netloc != urlsplit(stage.portal).netloc]
    assert foreign == []


def test_customer_pages_have_no_console_errors(customer_page: OpenedPage) -> None:
    assert customer_page.errors == []


def test_axe_finds_nothing_serious_on_staff_pages(staff_page: OpenedPage) -> None:
    found = [each for each in violations(staff_page.page) if each["impact"] in ("serious", "critical")]
    assert not found, described(found)


@pytest.mark.parametrize("width", [NARROWEST, ZOOMED_DESK, DESK])
def test_staff_pages_do_not_scroll_sideways(staff_page: OpenedPage, width: int) -> None:
    assert not overflowing(staff_page.page, width)


def overflowing(page: Page, width: int) -> list[str]:
    """Elements that overflow the page at this width; none if the page does not scroll sideways."""
    page.set_viewport_size({"width": width, "height": 800})
    if page.evaluate("document.documentElement.scrollWidth") <= width:
        return []
    found: list[str] = page.evaluate(
        """width => [...document.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > width + 0.5)
        .map(e => e.outerHTML.slice(0, 120))"""
    )
    return found[-3:] or ["the page itself"]


@pytest.mark.parametrize(
    "page_state",
    [page_state for page_state in CUSTOMER if not page_state.name.startswith("refusal-")],
    ids=lambda page_state: str(page_state.name),
)
def test_long_names_do_not_make_customer_pages_scroll_sideways(
    page_state: PageState, stage: Stage, contexts: dict[Scheme, BrowserContext]
) -> None:
    with stage.long_names():
        for found in open_page(stage, page_state, contexts["light"]):
            assert not overflowing(found.page, NARROWEST)


# Closed details have a size even where their content is skipped.
PRINTED = "e => e.checkVisibility({contentVisibilityAuto: true}) && e.getBoundingClientRect().height > 0"


@pytest.mark.parametrize("name", ["landing", "done"])
def test_a_printed_page_has_its_sender_host_and_closed_details(
    name: str, stage: Stage, contexts: dict[Scheme, BrowserContext]
) -> None:
    page_state = next(page_state for page_state in CUSTOMER if page_state.name == name)
    for found in open_page(stage, page_state, contexts["light"]):
        found.page.emulate_media(media="print")
        expect(found.page.locator("header")).to_be_visible()
        expect(found.page.locator("footer").get_by_text(str(urlsplit(found.page.url).hostname)).first).to_be_visible()
        closed = found.page.locator("details")
        assert closed.count() > 1
        expect(found.page.get_by_text("What is kept, why, and for how long")).to_be_visible()
        expect(found.page.locator("#privacy > summary")).to_be_visible()
        for content in closed.locator("> :not(summary, .copy)").all():
            assert content.evaluate(PRINTED), content.text_content()
        expect(found.page.get_by_role("button", name="Print this page")).to_be_hidden()


def test_the_landing_page_is_small(stage: Stage, browser: Browser) -> None:
    context = browser.new_context()
    page, sizes = context.new_page(), {}
    page.on("response", lambda response: sizes.update({response.url: len(response.body())}))
    page.goto(stage.link("sent"), wait_until="networkidle")
    context.close()
    assert len(sizes) >= 3, sizes
    assert sum(sizes.values()) < FIRST_PAGE_BYTES, sizes


# --- Keyboard ---------------------------------------------------------------------------------------------------------
FOCUS = """() => {
  const element = document.activeElement, style = getComputedStyle(element), box = element.getBoundingClientRect();
  return {
    name: (element.innerText || element.getAttribute("aria-label") || element.name || "").trim().split("\\n")[0],
    tag: element.tagName,
    visible: box.width > 0 && box.height > 0 && box.right > 0 && box.bottom > 0,
    marked: style.outlineStyle !== "none" || style.boxShadow !== "none",
    top: box.top + window.scrollY,
  };
}"""


def tab_stops(page: Page, stops: int) -> list[dict[str, Any]]:
    """The elements that get the focus by the Tab key, until the end of the page."""
    found: list[dict[str, Any]] = []
    for _ in range(stops):
        page.keyboard.press("Tab")
        here = page.evaluate(FOCUS)
        if here["tag"] == "BODY":
            break
        found.append(here)
    return found


@pytest.mark.parametrize("name", ["landing", "registration", "existing", "progress-failed", "done"])
def test_tab_stops_on_customer_pages_are_visible_and_top_down(
    name: str, stage: Stage, contexts: dict[Scheme, BrowserContext]
) -> None:
    page_state = next(page_state for page_state in CUSTOMER if page_state.name == name)
    for found in open_page(stage, page_state, contexts["light"]):
        stops = tab_stops(found.page, 40)
        assert len(stops) > 3
        assert stops[0]["name"] == "Skip to content"
        assert all(stop["visible"] and stop["marked"] for stop in stops), stops
        tops = [stop["top"] for stop in stops[1:]]
        assert tops == sorted(tops)


@pytest.mark.parametrize("name", ["landing", "instances"])
def test_the_skip_link_leads_to_the_content(name: str, stage: Stage, contexts: dict[Scheme, BrowserContext]) -> None:
    page_state = next(page_state for page_state in [*CUSTOMER, *STAFF] if page_state.name == name)
    for found in open_page(stage, page_state, contexts["light"]):
        found.page.set_viewport_size({"width": DESK, "height": 800})
        (skip,) = tab_stops(found.page, 1)
        assert (skip["name"], skip["visible"]) == ("Skip to content", True)
        found.page.keyboard.press("Enter")
        found.page.keyboard.press("Tab")
        assert found.page.evaluate("document.activeElement.closest('main, [role=main]') !== null")


@pytest.mark.parametrize("name", ["staff-sign-in", "start", "instances", "instance", "provision", "instance-add"])
def test_the_keyboard_focus_is_visible_on_staff_pages(
    name: str, stage: Stage, contexts: dict[Scheme, BrowserContext]
) -> None:
    page_state = next(page_state for page_state in STAFF if page_state.name == name)
    for found in open_page(stage, page_state, contexts["light"]):
        found.page.set_viewport_size({"width": DESK, "height": 800})
        lost = [stop for stop in tab_stops(found.page, 25) if not (stop["visible"] and stop["marked"])]
        assert not lost, lost


def test_the_message_about_priority_does_not_touch_the_buttons(
    stage: Stage, contexts: dict[Scheme, BrowserContext]
) -> None:
    page_state = next(page_state for page_state in STAFF if page_state.name == "operation-waiting-for-quota")
    Operation.objects.filter(pk=stage.operations["bulk-waiting"].pk).update(priority=Operation.Priority.BULK)
    for found in open_page(stage, page_state, contexts["light"]):
        message = found.page.get_by_text("Prioritised, because you opened this page").bounding_box()
        button = found.page.get_by_role("link", name="Cancel").bounding_box()
        assert message
        assert button
        assert message["y"] - (button["y"] + button["height"]) >= 12


def test_the_error_code_disappears_when_the_operation_resumes(
    stage: Stage, contexts: dict[Scheme, BrowserContext]
) -> None:
    page_state = next(page_state for page_state in STAFF if page_state.name == "operation-waiting")
    waiting = Operation.objects.filter(pk=stage.operations["instance-provisioning"].pk)
    before = waiting.values("status", "waits_for").get()
    for found in open_page(stage, page_state, contexts["light"]):
        expect(found.page.get_by_text("Waiting for staff.")).to_be_visible()
        expect(found.page.get_by_text("handover", exact=True)).to_be_visible()
        waiting.update(status="running", waits_for="")
        try:
            expect(found.page.get_by_text("handover", exact=True)).to_be_hidden()
            expect(found.page.get_by_text("Waiting for staff.")).to_be_hidden()
        finally:
            waiting.update(**before)


def test_addresses_in_the_invitations_list_do_not_break_inside_words(
    stage: Stage, contexts: dict[Scheme, BrowserContext]
) -> None:
    page_state = next(page_state for page_state in STAFF if page_state.name == "invitations")
    for found in open_page(stage, page_state, contexts["light"]):
        found.page.set_viewport_size({"width": DESK, "height": 800})
        broken = found.page.evaluate(
            """() => [...document.querySelectorAll("#result_list :is(.field-invitation_email, .field-started)")]
            .flatMap(cell => {
              const texts = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT), found = [];
              while (texts.nextNode()) if (texts.currentNode.textContent.trim()) found.push(texts.currentNode);
              return found; })
            .filter(node => !node.parentElement.closest("time"))
            .filter(node => !node.textContent.includes("-"))  // a break after a hyphen is fine
            .filter(node => { const range = document.createRange(); range.selectNodeContents(node);
              return new Set([...range.getClientRects()].map(box => box.top)).size > 1; })
            .map(node => node.textContent)"""
        )
        assert broken == []


BROKEN_GUIDS = """table => [...table.querySelectorAll("td, td span")]
  .filter(node => !node.children.length && /^[0-9a-f-]{36}$/.test(node.textContent.trim()))
  .filter(node => { const range = document.createRange(); range.selectNodeContents(node);
    return new Set([...range.getClientRects()].map(box => box.top)).size > 1; }).length"""
LISTS = [
    "instances",
    "providers",
    "tenants",
    "invitations",
    "services",
    "customers",
    "operations",
    "bulk-jobs",
    "registrations",
    "registrations-of-customers",
    "secrets",
    "connections",
    "history",
    "people",
]


@pytest.mark.parametrize("name", LISTS)
def test_a_list_has_all_columns_in_sight_at_1280_pixels(
    name: str, stage: Stage, contexts: dict[Scheme, BrowserContext]
) -> None:
    page_state = next(page_state for page_state in STAFF if page_state.name == name)
    for found in open_page(stage, page_state, contexts["light"]):
        found.page.set_viewport_size({"width": 1280, "height": 800})
        # The table's own container would scroll, not the page.
        right = found.page.locator("#result_list").evaluate("table => table.getBoundingClientRect().right")
        container = found.page.locator("#result_list").locator(
            "xpath=ancestor::*[contains(@class, 'simplebar-content-wrapper')]"
        )
        assert container.evaluate("box => box.scrollWidth <= box.clientWidth")
        assert right <= 1280
        assert found.page.locator("#result_list").evaluate(BROKEN_GUIDS) == 0
