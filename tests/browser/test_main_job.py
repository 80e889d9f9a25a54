"""The main job with real processes: Olga provisions and invites, Carla connects, Arthur reads the history."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.people import OPERATION_TIMEOUT_MS, Customer, StaffMember
from tests.stack.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def olga(browser: Browser, stack: Stack) -> Iterator[StaffMember]:
    """The operator."""
    person = StaffMember(browser, stack, "olga")
    person.sign_in()
    yield person
    person.close()


@pytest.fixture(scope="module")
def carla(browser: Browser, stack: Stack) -> Iterator[Customer]:
    """The customer's administrator."""
    person = Customer(browser, stack)
    yield person
    person.close()


@pytest.fixture
def arthur(browser: Browser, stack: Stack) -> Iterator[StaffMember]:
    """The auditor."""
    person = StaffMember(browser, stack, "arthur")
    person.sign_in()
    yield person
    person.close()


def test_an_operator_provisions_an_instance_and_watches_the_steps(olga: StaffMember) -> None:
    page, host = olga.page, olga.stack.host
    olga.take_screenshot("start-with-work")
    olga.open("UMP instances", host)
    page.get_by_role("link", name="Provision").click()
    expect(page.get_by_text("/authenticate/OAuth2Callback")).to_be_visible()
    olga.take_screenshot("provision-confirmation")
    page.get_by_role("button", name="Provision 1 instance").click()
    expect(page.get_by_role("region", name="Newest operation")).to_contain_text(
        "Succeeded", timeout=OPERATION_TIMEOUT_MS
    )
    olga.take_screenshot("instance-provisioned")
    olga.open("UMP instances")
    expect(page.get_by_role("row", name=host)).to_contain_text("Active")


def test_an_operator_adds_a_customer_and_a_service_and_sends_an_invitation(olga: StaffMember) -> None:
    customer, page = olga.stack.seed["customer"], olga.page

    def fill_customer(form: Page) -> None:
        form.get_by_label("Name", exact=False).first.fill(customer["name"])
        form.get_by_label("Microsoft 365 tenant ID").fill(customer["tenant_id"])

    def fill_service(form: Page) -> None:
        olga.take_screenshot("service-form")
        form.locator(".select2-selection").first.click()
        form.get_by_role("searchbox").fill(customer["name"])
        form.get_by_role("option", name=customer["name"]).click()
        form.get_by_label("UMP instance").select_option(label=olga.stack.host)
        form.get_by_label("Service type").select_option(label="Operator Connect: OC Pro")
        form.get_by_label("Full name").fill(customer["full_name"])
        form.get_by_label("Short name").fill(customer["short_name"])

    def fill_invitation(form: Page) -> None:
        form.get_by_label("Service").select_option(label=f"{customer['full_name']} ({customer['short_name']})")
        form.get_by_label("Invitation e-mail").fill(customer["it_admin_email"])
        form.get_by_label("M365 admin e-mail").fill(customer["admin_upn"])

    olga.add("Customers", fill_customer)
    olga.add("Services", fill_service)
    olga.add("Invitations", fill_invitation)
    olga.open("Invitations", customer["short_name"])
    page.get_by_role("link", name="Send", exact=False).click()
    page.get_by_role("button", name=re.compile("Send")).click()
    expect(page.get_by_role("region", name="Newest operation")).to_contain_text(
        "Succeeded", timeout=OPERATION_TIMEOUT_MS
    )
    olga.open("Invitations")
    expect(page.get_by_role("row", name=customer["short_name"])).to_contain_text("Sent")
    olga.take_screenshot("invitations-sent")


def test_a_declined_consent_explains_what_to_do(carla: Customer) -> None:
    carla.open_mail()
    expect(carla.page.get_by_role("heading", level=1)).to_contain_text("Finebak asks to connect Contoso")
    carla.check_accessibility()
    carla.take_screenshot("landing")
    with carla.page.expect_navigation():  # otherwise axe checks the old page
        carla.page.get_by_role("button", name="Start").click()
    carla.check_accessibility()
    carla.take_screenshot("sign-in")
    carla.sign_in_with_microsoft(consent=False)
    expect(carla.page.get_by_role("heading", name="What to do")).to_be_visible()
    carla.check_accessibility()
    carla.take_screenshot("consent-declined")


def test_a_customer_connects_the_organisation_and_watches_the_steps(carla: Customer) -> None:
    page = carla.page
    carla.open_mail()
    page.get_by_role("button", name="Start").click()
    carla.sign_in_with_microsoft()
    expect(page.get_by_role("heading", name="Name the registration")).to_be_visible()
    carla.check_accessibility()
    page.get_by_label("Name of the registration").fill("contoso-phone")
    carla.take_screenshot("registration")
    page.get_by_role("button", name="Sign in with Microsoft").click()
    page.get_by_role("button", name="Accept").click()  # the account is known: seven clicks from the mail to here
    expect(page.get_by_role("list", name="Steps of the setup")).to_be_visible()
    carla.check_accessibility()
    expect(page.get_by_role("heading", name="Contoso is connected")).to_be_visible(timeout=OPERATION_TIMEOUT_MS)
    expect(page.get_by_text("contoso-phone").first).to_be_visible()
    expect(page.get_by_text("The temporary permissions for the setup were revoked.")).to_be_visible()
    carla.check_accessibility()
    carla.take_screenshot("connected")
    assert carla.errors == []


def test_a_used_link_explains_that_it_was_used(carla: Customer) -> None:
    carla.open_mail()
    expect(carla.page.get_by_role("heading", level=1)).to_contain_text("used")
    carla.take_screenshot("used-link")


def test_staff_see_the_invitation_complete_and_the_history_in_order(olga: StaffMember) -> None:
    olga.open("Invitations")
    expect(olga.page.get_by_role("row", name="contoso1")).to_contain_text("Completed")
    olga.take_screenshot("invitations-complete")
    olga.open("History")
    newest_first = [text.strip() for text in olga.page.locator("tbody th").all_inner_texts()]
    entries = list(reversed(newest_first))
    expected = [
        r"Olga Operator .*umptoken",
        r"Worker .*umptoken",
        r"Olga Operator .*[Ii]nvitation of Contoso",
        r"Worker sent the invitation",
        r"Carla .*",
        r"Worker .*[Ii]nvitation of Contoso",
    ]
    position = 0
    for pattern in expected:
        found = [number for number, line in enumerate(entries) if number >= position and re.search(pattern, line)]
        assert found, f"After line {position} nothing matches {pattern!r} in:\n" + "\n".join(entries)
        position = found[0] + 1
    olga.take_screenshot("history")
    assert olga.errors == []


def test_an_auditor_can_read_everything_and_change_nothing(arthur: StaffMember) -> None:
    page = arthur.page
    arthur.open("UMP instances", arthur.stack.host)
    expect(page.get_by_role("region", name="Overview")).to_be_visible()
    for action in ("Provision", "Change address"):
        expect(page.get_by_role("link", name=action)).to_have_count(0)
    expect(page.get_by_role("button", name="Save")).to_have_count(0)
    arthur.open("Invitations", "contoso1")
    for action in ("Send", "Copy link", "New link", "Revoke"):
        expect(page.get_by_role("link", name=action, exact=True)).to_have_count(0)
    expect(page.get_by_role("button", name="Save")).to_have_count(0)
    arthur.open("History")
    expect(page.get_by_role("row", name="Worker").first).to_be_visible()
    assert arthur.errors == []
