"""`make screenshots`: every page in three widths, light and dark. It checks nothing."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from demo.services import PROJECT
from tests.browser.gallery import CUSTOMER, STAFF, PageState
from tests.browser.people import SCHEMES, SCREENSHOTS, Scheme
from tests.browser.stage import Stage

WIDTHS = {360: 800, 768: 1024, 1440: 900}
README = PROJECT / "docs" / "screenshots"
README_WIDTH = 1100
# The height after the next layout.
LAID_OUT = """() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(
  () => done(document.documentElement.scrollHeight))))"""


@pytest.fixture(scope="module", params=SCHEMES)
def context(request: pytest.FixtureRequest, browser: Browser) -> Iterator[BrowserContext]:
    """A browser for light and one for dark."""
    made = browser.new_context(color_scheme=request.param, reduced_motion="reduce")
    made.set_default_timeout(15_000)
    yield made
    made.close()


@pytest.mark.parametrize("page_state", [*CUSTOMER, *STAFF], ids=lambda page_state: str(page_state.name))
def test_take_screenshots(
    page_state: PageState, context: BrowserContext, stage: Stage, request: pytest.FixtureRequest
) -> None:
    scheme: Scheme = request.node.callspec.params["context"]
    context.clear_cookies()
    page = context.new_page()
    page.set_viewport_size({"width": 1440, "height": 900})
    page_state.open(stage, page)
    SCREENSHOTS.mkdir(exist_ok=True)
    for width, height in WIDTHS.items():
        take(page, SCREENSHOTS / f"{page_state.name}-{width}-{scheme}.png", width, height)
    page.close()


@pytest.mark.parametrize("name", ["instance", "landing"])
def test_take_screenshots_for_the_readme(name: str, browser: Browser, stage: Stage) -> None:
    """Slightly smaller, because these are committed."""
    page_state = next(page_state for page_state in [*CUSTOMER, *STAFF] if page_state.name == name)
    context = browser.new_context(device_scale_factor=0.8, reduced_motion="reduce")
    page = context.new_page()
    page.set_viewport_size({"width": README_WIDTH, "height": 900})
    page_state.open(stage, page)
    README.mkdir(parents=True, exist_ok=True)
    take(page, README / f"{name}.png", README_WIDTH, 900)
    context.close()


def take(page: Page, path: Path, width: int, height: int) -> None:
    """Take the whole page in one window, so that sticky bars cover nothing."""
    page.set_viewport_size({"width": width, "height": height})
    whole = int(page.evaluate(LAID_OUT))
    page.set_viewport_size({"width": width, "height": max(height, whole)})
    page.screenshot(path=path, animations="disabled")
