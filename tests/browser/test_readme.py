"""README's first ten minutes, walked in a real Chromium as they are written.

The walker of each step is found by the step's own text: a step that is changed, added or left out fails until its walker is.
"""

import re
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from demo.seeding import STAFF
from demo.services import PROJECT
from tests.browser.people import OPERATION_TIMEOUT_MS, TIMEOUT_MS
from tests.stack.stack import Stack

HOST = "umptoken.finebak.localhost"
Walker = Callable[["Visitor"], None]
WALKERS: dict[str, Walker] = {}


def written_steps() -> list[str]:
    """The numbered steps of README's section, each as one line."""
    section = (PROJECT / "README.md").read_text().split("## The first ten minutes")[1].split("\n## ")[0]
    items = re.findall(r"^\d+\. (.*?)(?=^\d+\. |^\S|\Z)", section, re.MULTILINE | re.DOTALL)
    return [" ".join(item.split()) for item in items]


def walks(text: str) -> Callable[[Walker], Walker]:
    """The function carries out the step with exactly this text."""

    def remember(walker: Walker) -> Walker:
        WALKERS[" ".join(text.split())] = walker
        return walker

    return remember


class Visitor:
    """Somebody who has just started the demo: one window for the admin, one for the customer."""

    def __init__(self, browser: Browser, stack: Stack) -> None:
        self.stack = stack
        self.admin, self.customer = (self._window(browser) for _ in range(2))

    def _window(self, browser: Browser) -> Page:
        page = browser.new_context(reduced_motion="reduce").new_page()
        page.set_default_timeout(TIMEOUT_MS)
        return page

    def sign_in(self, name: str) -> None:
        """With the password that the demo printed."""
        self.admin.goto(self.stack.layout.admin_url)
        self.admin.get_by_label("Username").fill(name)
        self.admin.get_by_label("Password").fill(STAFF[name][2])
        self.admin.get_by_role("button", name="Log in").click()
        expect(self.admin.get_by_role("heading", name="Start")).to_be_visible()

    def menu(self, name: str, row: str = "") -> None:
        """Open a list by its name in the menu, and one of its rows."""
        with self.admin.expect_navigation():
            self.admin.get_by_role("navigation").get_by_role("link", name=name).click()
        if row:
            with self.admin.expect_navigation():
                self.admin.get_by_role("row", name=row).get_by_role("rowheader").get_by_role("link").click()

    def close(self) -> None:
        """Close both windows."""
        for page in (self.admin, self.customer):
            page.context.close()


@walks(
    "**Open the admin** and sign in as the operator. *Start* says what needs attention: nothing yet. Below it are the "
    "operations of the last 14 days."
)
def open_the_admin(visitor: Visitor) -> None:
    visitor.sign_in("olga")
    expect(visitor.admin.get_by_text("Nothing needs attention.")).to_be_visible()
    expect(visitor.admin.get_by_role("heading", name="Operations of the last 14 days")).to_be_visible()


@walks(
    "**UMP instances > umptoken.finebak.localhost.** The demo has provisioned it, so it is *Active*. Its host and both URLs "
    "are generated from app name and domain. Above them are the steps, what each did and how long it took."
)
def open_the_instance(visitor: Visitor) -> None:
    page = visitor.admin
    visitor.menu("UMP instances", HOST)
    expect(page.get_by_role("region", name="Overview")).to_contain_text("Active")
    generated = page.locator("fieldset", has_text="Generated values")
    for text in (HOST, "/authenticate/OAuth2Callback", "Customer Authentication Portal URL"):
        expect(generated).to_contain_text(text)
    steps = page.get_by_role("region", name="Newest operation").get_by_role("listitem")
    expect(steps).to_have_count(8)
    for step in steps.all():
        expect(step).to_contain_text(re.compile(r"Done\s*\d+(\.\d)? s"))
        expect(step.locator(".step-note")).not_to_be_empty()
    assert steps.first.bounding_box()["y"] < generated.bounding_box()["y"]  # type: ignore[index]


@walks(
    "Press **Provision**: the page says that according to SyncPortal's records, nothing changes, and that no new client "
    "secret is created. "
    "Press *Provision 1 instance*: each step finds what exists already, and nothing is created twice."
)
def provision_again(visitor: Visitor) -> None:
    page = visitor.admin
    before = _made(visitor)
    page.get_by_role("link", name="Provision").click()
    expect(page.get_by_text("According to SyncPortal's records, nothing changes.")).to_be_visible()
    expect(page.get_by_text("No new client secret is created")).to_be_visible()
    page.get_by_role("button", name="Provision 1 instance").click()
    newest = page.get_by_role("region", name="Newest operation")
    expect(newest).to_contain_text("Succeeded", timeout=OPERATION_TIMEOUT_MS)
    expect(newest).to_contain_text("The UMP holds these values already.")
    assert _made(visitor) == before == [(1, 1)]


@walks(
    "**Invitations**: one is *Sent*. *Copy* in its line shows its link; on its own page these are *Copy link* and *Show link*. "
    "The history records that you saw it."
)
def copy_the_link(visitor: Visitor) -> None:
    page = visitor.admin
    visitor.menu("Invitations")
    row = page.locator("#result_list tbody tr")
    expect(row).to_have_count(1)
    expect(row).to_contain_text("Sent")
    copy = row.get_by_role("button", name="Copy link")
    expect(copy).to_contain_text("Copy")
    copy.click()
    expect(page.get_by_text(f"http://{HOST}")).to_be_visible()
    visitor.menu("Invitations", "contoso1")
    page.get_by_role("link", name="Copy link").click()
    page.get_by_role("button", name="Show link").click()
    expect(page.get_by_text(f"http://{HOST}")).to_be_visible()
    visitor.menu("History")
    expect(page.locator("#result_list tbody tr").first).to_contain_text("Olga Operator")
    expect(page.locator("#result_list tbody tr").first).to_contain_text("link")


@walks("**Open the mailbox** (its address was printed) and the mail in it. Follow the link as the customer would.")
def open_the_mail(visitor: Visitor) -> None:
    page = visitor.customer
    page.goto(f"{visitor.stack.layout.people_url}/mailbox/")
    page.get_by_role("link", name="Finebak invites Contoso").click()
    page.get_by_role("listitem").get_by_role("link", name="/authenticate/").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Finebak asks to connect Contoso")


@walks(
    "Keep the recommended method, press **Start**, and press *Sign in with Microsoft*. The page that follows is the sandbox's. "
    "Pick `carla@contoso.example` and accept."
)
def sign_in_as_carla(visitor: Visitor) -> None:
    page = visitor.customer
    page.get_by_role("button", name="Start").click()
    page.get_by_role("link", name="Sign in with Microsoft").click()
    assert urlsplit(page.url).port == visitor.stack.layout.ports.sandbox_http, "This is not the sandbox's page."
    page.get_by_role("button", name="carla@contoso.example").click()
    page.get_by_role("button", name="Accept").click()
    expect(page.get_by_role("heading", name="Name the registration")).to_be_visible()


@walks(
    "**Name the registration**, press *Sign in with Microsoft*, and accept what the setup needs. Watch the steps until *Contoso "
    "is connected*."
)
def name_the_registration(visitor: Visitor) -> None:
    page = visitor.customer
    page.get_by_label("Name of the registration").fill("contoso-phone")
    page.get_by_role("button", name="Sign in with Microsoft").click()
    page.get_by_role("button", name="Accept").click()
    expect(page.get_by_role("list", name="Steps of the setup")).to_be_visible()
    expect(page.get_by_role("heading", name="Contoso is connected")).to_be_visible(timeout=OPERATION_TIMEOUT_MS)


@walks("Back in the admin the invitation is *Completed*. **Activity > History** shows who did what, the newest first.")
def read_the_history(visitor: Visitor) -> None:
    page = visitor.admin
    visitor.menu("Invitations")
    expect(page.locator("#result_list tbody tr")).to_contain_text("Completed")
    expect(page.get_by_role("navigation").get_by_text("Activity")).to_be_visible()
    visitor.menu("History")
    entries = page.locator("#result_list tbody th")
    told = [" ".join(text.split()) for text in entries.all_inner_texts()]
    last, first = (
        next(place for place, text in enumerate(told) if name in text) for name in ("Worker", "Olga Operator")
    )
    assert last < first, told


@walks(
    "Log out and **sign in as the auditor**: everything can be read but the links of invitations, and nothing can be changed."
)
def read_as_the_auditor(visitor: Visitor) -> None:
    page = visitor.admin
    with page.expect_navigation():
        page.locator("form[action$='/logout/']").first.evaluate("form => form.submit()")
    visitor.sign_in("arthur")
    for name in page.get_by_role("navigation").get_by_role("link").all_inner_texts():
        title = name.split("\n")[-1].strip()
        if title and title != "Start":
            visitor.menu(title)
            expect(page.get_by_role("button", name="Copy link")).to_have_count(0)
            expect(page.locator("a[href$='/add/'], select[name=action]")).to_have_count(0)
    visitor.menu("UMP instances", HOST)
    expect(page.get_by_role("region", name="Overview")).to_be_visible()
    expect(page.get_by_role("button", name="Save")).to_have_count(0)
    expect(page.get_by_role("link", name="Provision")).to_have_count(0)


def _made(visitor: Visitor) -> list[tuple[int, ...]]:
    """How many registrations there are, and how many secrets."""
    return visitor.stack.query(
        "select (select count(*) from registrations_appregistration), (select count(*) from registrations_clientsecret)"
    )


def test_each_step_of_the_readme_has_its_walker() -> None:
    assert written_steps() == list(WALKERS)


@pytest.fixture(scope="module")
def visitor(browser: Browser, stack: Stack) -> Iterator[Visitor]:
    """Somebody in front of what `make demo` has made."""
    stack.seeding.provision()
    stack.seeding.invite()
    person = Visitor(browser, stack)
    yield person
    person.close()


@pytest.mark.browser
@pytest.mark.timeout(240)
@pytest.mark.parametrize("text", written_steps(), ids=lambda text: text[:30])
def test_the_first_ten_minutes_are_as_the_readme_says(visitor: Visitor, text: str) -> None:
    WALKERS[text](visitor)
