"""Every page in every state: axe, sideways scrolling, weight, and whom a page asks for what."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect

from registrations.models import Operation
from tests.browser.gallery import CUSTOMER, STAFF, Scene
from tests.browser.people import SCHEMES, Scheme
from tests.browser.stage import Stage

pytestmark = pytest.mark.browser
NARROWEST, ZOOMED_DESK, DESK = 360, 720, 1440  # CSS pixels; 1440 at 200 % zoom are 720
FIRST_PAGE_BYTES = 60_000


@dataclass
class Opened:
    """A page that stands open, what it asked for on the way, and what it complained about."""

    page: Page
    scene: Scene
    asked: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


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


def opened(stage: Stage, scene: Scene, context: BrowserContext) -> Iterator[Opened]:
    context.clear_cookies()
    found = Opened(context.new_page(), scene)
    found.page.on("request", lambda request: found.asked.append(request.url))
    found.page.on("pageerror", lambda error: found.complaints.append(str(error)))
    found.page.on("console", lambda message: _listen(found, message))
    scene.open(stage, found.page)
    yield found
    found.page.close()


def _listen(found: Opened, message: Any) -> None:
    # A refusal is a page with a 4xx or 5xx status, by design; Chromium reports it like a missing picture.
    if message.type == "error" and not (" status of " in message.text and message.location["url"] == found.page.url):
        found.complaints.append(message.text)


@pytest.fixture(scope="module", params=CUSTOMER, ids=lambda scene: str(scene.name))
def customer_page(request: Any, stage: Stage, contexts: dict[Scheme, BrowserContext]) -> Iterator[Opened]:
    """Each page that customers see."""
    yield from opened(stage, request.param, contexts["light"])


@pytest.fixture(
    scope="module",
    params=[(scene, scheme) for scene in STAFF for scheme in SCHEMES],
    ids=lambda pair: f"{pair[0].name}-{pair[1]}",
)
def staff_page(request: Any, stage: Stage, contexts: dict[Scheme, BrowserContext]) -> Iterator[Opened]:
    """Each page that staff see; the admin looks at the system's scheme when a page is loaded."""
    scene, scheme = request.param
    yield from opened(stage, scene, contexts[scheme])


def violations(page: Page) -> list[dict[str, Any]]:
    """What axe finds, best practices included, with the elements it means."""
    found: list[dict[str, Any]] = Axe().run(page).response["violations"]
    return found


def told(found: list[dict[str, Any]]) -> str:
    """The findings for whoever has to mend them."""
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
def test_axe_finds_nothing_on_a_customers_page(customer_page: Opened, scheme: Scheme) -> None:
    customer_page.page.emulate_media(color_scheme=scheme)
    # A mail has no landmarks: the mail program's own page has them.
    found = [
        each
        for each in violations(customer_page.page)
        if customer_page.scene.name != "mail" or each["impact"] != "moderate"
    ]
    assert not found, told(found)


@pytest.mark.parametrize("width", [NARROWEST, ZOOMED_DESK, DESK])
def test_no_customers_page_is_scrolled_sideways(customer_page: Opened, width: int) -> None:
    assert not overhanging(customer_page.page, width)


def test_a_customers_page_asks_nobody_but_its_own_host(customer_page: Opened, stage: Stage) -> None:
    foreign = [url for url in customer_page.asked if urlsplit(url).netloc != urlsplit(stage.portal).netloc]
    assert foreign == []


def test_a_customers_page_does_not_complain(customer_page: Opened) -> None:
    assert customer_page.complaints == []


def test_axe_finds_nothing_serious_on_a_page_of_the_staff(staff_page: Opened) -> None:
    found = [each for each in violations(staff_page.page) if each["impact"] in ("serious", "critical")]
    assert not found, told(found)


@pytest.mark.parametrize("width", [NARROWEST, ZOOMED_DESK, DESK])
def test_no_page_of_the_staff_is_scrolled_sideways(staff_page: Opened, width: int) -> None:
    assert not overhanging(staff_page.page, width)


def overhanging(page: Page, width: int) -> list[str]:
    """What sticks out of the page at this width; nothing where the page need not be scrolled sideways."""
    page.set_viewport_size({"width": width, "height": 800})
    if page.evaluate("document.documentElement.scrollWidth") <= width:
        return []
    found: list[str] = page.evaluate(
        """width => [...document.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > width + 0.5)
        .map(e => e.outerHTML.slice(0, 120))"""
    )
    return found[-3:] or ["the page itself"]


@pytest.mark.parametrize(
    "scene", [scene for scene in CUSTOMER if not scene.name.startswith("refusal-")], ids=lambda scene: str(scene.name)
)
def test_long_names_do_not_push_a_customers_page_sideways(
    scene: Scene, stage: Stage, contexts: dict[Scheme, BrowserContext]
) -> None:
    with stage.long_names():
        for found in opened(stage, scene, contexts["light"]):
            assert not overhanging(found.page, NARROWEST)


def test_the_first_customers_page_is_light(stage: Stage, browser: Browser) -> None:
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
    seen: box.width > 0 && box.height > 0 && box.right > 0 && box.bottom > 0,
    marked: style.outlineStyle !== "none" || style.boxShadow !== "none",
    top: box.top + window.scrollY,
  };
}"""


def walked(page: Page, stops: int) -> list[dict[str, Any]]:
    """Where the Tab key leads, to the end of the page at most."""
    found: list[dict[str, Any]] = []
    for _ in range(stops):
        page.keyboard.press("Tab")
        here = page.evaluate(FOCUS)
        if here["tag"] == "BODY":
            break
        found.append(here)
    return found


@pytest.mark.parametrize("name", ["landing", "choose", "registration", "existing", "progress-failed", "done"])
def test_the_tab_key_leads_down_a_customers_page_and_is_always_seen(
    name: str, stage: Stage, contexts: dict[Scheme, BrowserContext]
) -> None:
    scene = next(scene for scene in CUSTOMER if scene.name == name)
    for found in opened(stage, scene, contexts["light"]):
        way = walked(found.page, 40)
        assert len(way) > 3
        assert way[0]["name"] == "Skip to the content"
        assert all(stop["seen"] and stop["marked"] for stop in way), way
        tops = [stop["top"] for stop in way[1:]]
        assert tops == sorted(tops)


@pytest.mark.parametrize("name", ["landing", "instances"])
def test_the_skip_link_leads_past_the_frame(name: str, stage: Stage, contexts: dict[Scheme, BrowserContext]) -> None:
    scene = next(scene for scene in [*CUSTOMER, *STAFF] if scene.name == name)
    for found in opened(stage, scene, contexts["light"]):
        found.page.set_viewport_size({"width": DESK, "height": 800})
        (skip,) = walked(found.page, 1)
        assert (skip["name"], skip["seen"]) == ("Skip to the content", True)
        found.page.keyboard.press("Enter")
        found.page.keyboard.press("Tab")
        assert found.page.evaluate("document.activeElement.closest('main, [role=main]') !== null")


@pytest.mark.parametrize("name", ["staff-sign-in", "start", "instances", "instance", "provision", "instance-add"])
def test_the_keyboards_place_is_always_seen_on_a_page_of_the_staff(
    name: str, stage: Stage, contexts: dict[Scheme, BrowserContext]
) -> None:
    scene = next(scene for scene in STAFF if scene.name == name)
    for found in opened(stage, scene, contexts["light"]):
        found.page.set_viewport_size({"width": DESK, "height": 800})
        lost = [stop for stop in walked(found.page, 25) if not (stop["seen"] and stop["marked"])]
        assert not lost, lost


def test_what_the_script_says_instead_of_put_first_does_not_touch_the_buttons(
    stage: Stage, contexts: dict[Scheme, BrowserContext]
) -> None:
    scene = next(scene for scene in STAFF if scene.name == "operation-in-line")
    Operation.objects.filter(pk=stage.operations["in-line"].pk).update(priority=Operation.Priority.BULK)
    for found in opened(stage, scene, contexts["light"]):
        said = found.page.get_by_text("You look at it, so it goes before the rest").bounding_box()
        button = found.page.get_by_role("link", name="Cancel").bounding_box()
        assert said
        assert button
        assert said["y"] - (button["y"] + button["height"]) >= 12


def test_the_code_goes_when_the_operation_goes_on_while_somebody_looks(
    stage: Stage, contexts: dict[Scheme, BrowserContext]
) -> None:
    scene = next(scene for scene in STAFF if scene.name == "operation-waiting")
    waiting = Operation.objects.filter(pk=stage.operations["instance-provisioning"].pk)
    before = waiting.values("status", "waits_for").get()
    for found in opened(stage, scene, contexts["light"]):
        expect(found.page.get_by_text("It waits for staff.")).to_be_visible()
        expect(found.page.get_by_text("handover", exact=True)).to_be_visible()
        waiting.update(status="running", waits_for="")
        try:
            expect(found.page.get_by_text("handover", exact=True)).to_be_hidden()
            expect(found.page.get_by_text("It waits for staff.")).to_be_hidden()
        finally:
            waiting.update(**before)


def test_no_address_of_the_invitations_list_breaks_within_a_word(
    stage: Stage, contexts: dict[Scheme, BrowserContext]
) -> None:
    scene = next(scene for scene in STAFF if scene.name == "invitations")
    for found in opened(stage, scene, contexts["light"]):
        found.page.set_viewport_size({"width": DESK, "height": 800})
        broken = found.page.evaluate(
            """() => [...document.querySelectorAll("#result_list :is(.field-invitation_email, .field-m365_email)")]
            .flatMap(cell => [...cell.childNodes].filter(node => node.nodeType === Node.TEXT_NODE))
            .filter(node => !node.textContent.includes("-"))  // a break behind a hyphen is a good one
            .filter(node => { const range = document.createRange(); range.selectNodeContents(node);
              return new Set([...range.getClientRects()].map(box => box.top)).size > 1; })
            .map(node => node.textContent)"""
        )
        assert broken == []
