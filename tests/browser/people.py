"""The people of the main job, each with a browser of their own, and screenshots."""

import re
from collections.abc import Callable
from typing import Any, Literal

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, ViewportSize, expect

from demo.seeding import STAFF
from demo.services import PROJECT
from tests.stack.stack import Stack

SCREENSHOTS = PROJECT / "screenshots"
DESK, PHONE = ViewportSize(width=1440, height=900), ViewportSize(width=390, height=844)
Scheme = Literal["light", "dark"]
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
TIMEOUT_MS = 15_000
OPERATION_TIMEOUT_MS = 60_000


class Person:
    """A person with a browser of their own. `errors` collects what its console reports."""

    def __init__(self, browser: Browser, stack: Stack, viewport: ViewportSize) -> None:
        self.stack, self.viewport = stack, viewport
        self.errors: list[str] = []
        self.context = browser.new_context(viewport=viewport, reduced_motion="reduce")
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(TIMEOUT_MS)
        self.page.on("console", self._collect_error)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))

    def _collect_error(self, message: ConsoleMessage) -> None:
        # Refusals have a 4xx status by design, which Chromium reports as an error.
        refusal = "status of 4" in message.text and message.location["url"] == self.page.url
        if message.type == "error" and not refusal:
            self.errors.append(f"{message.text} ({self.page.url})")

    def close(self) -> None:
        """Close the browser."""
        self.context.close()

    def take_screenshot(self, name: str) -> None:
        """Take screenshots of the page, wide and narrow, light and dark."""
        SCREENSHOTS.mkdir(exist_ok=True)
        for scheme in SCHEMES:
            self.change_scheme(scheme)
            for size in (DESK, PHONE):
                self.page.set_viewport_size(size)
                path = SCREENSHOTS / f"{name}-{size['width']}-{scheme}.png"
                self.page.screenshot(path=path, full_page=True, animations="disabled")
                self._assert_no_sideways_scrolling(size["width"], name)
        self.page.set_viewport_size(self.viewport)
        self.change_scheme("light")

    def change_scheme(self, scheme: Scheme) -> None:
        """Switch the system's color scheme."""
        self.page.emulate_media(color_scheme=scheme)

    def _assert_no_sideways_scrolling(self, width: int, name: str) -> None:
        needed = self.page.evaluate("document.documentElement.scrollWidth")
        assert needed <= width, f"{name} is {needed} pixels wide and has to be scrolled sideways at {width}"

    def check_accessibility(self) -> None:
        """Assert that axe finds no violation of WCAG 2.2 A and AA."""
        tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
        results = Axe().run(self.page, options={"runOnly": {"type": "tag", "values": tags}})
        assert results.violations_count == 0, results.generate_report()


class StaffMember(Person):
    """Olga or Arthur, with a wide window."""

    def __init__(self, browser: Browser, stack: Stack, name: str) -> None:
        super().__init__(browser, stack, DESK)
        self.name, self.password = name, STAFF[name][2]

    def sign_in(self) -> None:
        """Sign in to the admin and wait for the start page."""
        self.page.goto(self.stack.layout.admin_url)
        self.page.get_by_label("Username").fill(self.name)
        self.page.get_by_label("Password").fill(self.password)
        self.page.keyboard.press("Enter")
        expect(self.page.get_by_role("heading", name="Start")).to_be_visible()

    def change_scheme(self, scheme: Scheme) -> None:
        """Reload too: the admin reads the system's scheme when a page loads."""
        super().change_scheme(scheme)
        self.page.reload()

    def open(self, menu: str, row: str = "") -> None:
        """Open a list by its name in the menu, and optionally one of its rows. Returns once the page has loaded."""
        with self.page.expect_navigation():
            self.page.get_by_role("navigation").get_by_role("link", name=menu).click()
        if row:
            with self.page.expect_navigation():
                self.page.get_by_role("row", name=row).get_by_role("rowheader").get_by_role("link").click()

    def add(self, menu: str, fill: Callable[[Page], Any]) -> None:
        """Add an object: fill the form and save it."""
        self.open(menu)
        self.page.locator("a.addlink, a[href$='/add/']").first.click()
        fill(self.page)
        self.page.get_by_role("button", name="Save", exact=True).click()
        expect(self.page.get_by_text(re.compile(r"is added|^\s*Added\b"))).to_be_visible()


class Customer(Person):
    """Carla, with a phone."""

    def __init__(self, browser: Browser, stack: Stack) -> None:
        super().__init__(browser, stack, PHONE)
        self.account = stack.seed["customer"]["admin_upn"]

    def open_mail(self) -> None:
        """Find the invitation in the mailbox and open its link."""
        self.page.goto(f"{self.stack.layout.people_url}/mailbox/")
        self.page.get_by_role("link", name="Finebak invites Contoso").click()
        self.page.get_by_role("listitem").get_by_role("link", name="/authenticate/").click()

    def sign_in_with_microsoft(self, *, consent: bool = True) -> None:
        """Choose the account on the sandbox's page, then accept or cancel the consent."""
        self.page.get_by_role("link", name="Sign in with Microsoft").click()
        self.page.get_by_role("button", name=self.account).click()
        self.page.get_by_role("button", name="Accept" if consent else "Cancel").click()
