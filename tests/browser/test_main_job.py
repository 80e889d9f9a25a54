"""The whole job as two people do it: Olga provisions and invites, Carla connects, Arthur reads what happened."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.people import WORK_MS, Customer, StaffMember
from tests.stack.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def olga(browser: Browser, stack: Stack) -> Iterator[StaffMember]:
    """The operator."""
    person = StaffMember(browser, stack, "olga")
    person.sign_in()
    yield person
    person.go_home()


@pytest.fixture(scope="module")
def carla(browser: Browser, stack: Stack) -> Iterator[Customer]:
    """The customer's administrator."""
    person = Customer(browser, stack)
    yield person
    person.go_home()


@pytest.fixture
def arthur(browser: Browser, stack: Stack) -> Iterator[StaffMember]:
    """The auditor."""
    person = StaffMember(browser, stack, "arthur")
    person.sign_in()
    yield person
    person.go_home()


def test_an_operator_provisions_an_instance_and_watches_the_steps(olga: StaffMember) -> None:
    page, host = olga.page, olga.stack.host
    olga.take_picture("start-with-work")
    olga.open("UMP instances", host)
    page.get_by_role("link", name="Provision").click()
    expect(page.get_by_text("/authenticate/OAuth2Callback")).to_be_visible()
    olga.take_picture("provision-confirmation")
    page.get_by_role("button", name="Provision 1 instance").click()
    expect(page.get_by_role("region", name="Newest operation")).to_contain_text("Succeeded", timeout=WORK_MS)
    olga.take_picture("instance-provisioned")
    olga.open("UMP instances")
    expect(page.get_by_role("row", name=host)).to_contain_text("Active")


def test_an_operator_adds_a_customer_and_a_service_and_sends_an_invitation(olga: StaffMember) -> None:
    customer, page = olga.stack.seed["customer"], olga.page

    def fill_customer(form: Page) -> None:
        form.get_by_label("Name", exact=False).first.fill(customer["name"])
        form.get_by_label("Microsoft 365 tenant ID").fill(customer["tenant_id"])

    def fill_service(form: Page) -> None:
        olga.take_picture("service-form")
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
    expect(page.get_by_role("region", name="Newest operation")).to_contain_text("Succeeded", timeout=WORK_MS)
    olga.open("Invitations")
    expect(page.get_by_role("row", name=customer["short_name"])).to_contain_text("Sent")
    olga.take_picture("invitations-sent")


def test_a_customer_who_declines_is_told_what_to_do_and_can_start_again(carla: Customer) -> None:
    carla.open_mail()
    expect(carla.page.get_by_role("heading", level=1)).to_contain_text("Finebak asks to connect Contoso")
    carla.check_accessibility()
    carla.take_picture("landing")
    with carla.page.expect_navigation():  # or the page that is about to go is looked at
        carla.page.get_by_role("button", name="Start").click()
    carla.check_accessibility()
    carla.take_picture("choose")
    with carla.page.expect_navigation():
        carla.page.get_by_role("button", name="Continue").click()
    carla.check_accessibility()
    carla.take_picture("sign-in")
    carla.sign_in_with_microsoft(consent=False)
    expect(carla.page.get_by_role("heading", name="What to do")).to_be_visible()
    carla.check_accessibility()
    carla.take_picture("consent-declined")


def test_a_customer_connects_the_organisation_and_watches_the_steps(carla: Customer) -> None:
    page = carla.page
    carla.open_mail()
    page.get_by_role("button", name="Start").click()
    page.get_by_role("button", name="Continue").click()
    carla.sign_in_with_microsoft()
    expect(page.get_by_role("heading", name="Name the registration")).to_be_visible()
    carla.check_accessibility()
    page.get_by_label("Name of the registration").fill("contoso-phone")
    carla.take_picture("registration")
    page.get_by_role("button", name="Continue").click()
    carla.check_accessibility()
    carla.sign_in_with_microsoft()
    expect(page.get_by_role("list", name="Steps of the setup")).to_be_visible()
    carla.check_accessibility()
    expect(page.get_by_role("heading", name="Contoso is connected")).to_be_visible(timeout=WORK_MS)
    expect(page.get_by_text("contoso-phone").first).to_be_visible()
    expect(page.get_by_text("The temporary permissions for the setup were revoked.")).to_be_visible()
    carla.check_accessibility()
    carla.take_picture("connected")
    assert carla.complaints == []


def test_a_used_link_says_so(carla: Customer) -> None:
    carla.open_mail()
    expect(carla.page.get_by_role("heading", level=1)).to_contain_text("used")
    carla.take_picture("used-link")


def test_staff_see_the_invitation_complete_and_the_history_in_order(olga: StaffMember) -> None:
    olga.open("Invitations")
    expect(olga.page.get_by_role("row", name="contoso1")).to_contain_text("Completed")
    olga.take_picture("invitations-complete")
    olga.open("History")
    told = [text.strip() for text in olga.page.locator("tbody th").all_inner_texts()]
    story = list(reversed(told))  # the list shows the newest first
    chapters = [
        r"Olga Operator .*umptoken",
        r"Worker .*umptoken",
        r"Olga Operator .*[Ii]nvitation of Contoso",
        r"Worker mailed the invitation",
        r"Carla .*",
        r"Worker .*[Ii]nvitation of Contoso",
    ]
    position = 0
    for chapter in chapters:
        found = [number for number, line in enumerate(story) if number >= position and re.search(chapter, line)]
        assert found, f"After line {position} nothing fits {chapter!r} in:\n" + "\n".join(story)
        position = found[0] + 1
    olga.take_picture("history")
    assert olga.complaints == []


def test_an_auditor_reads_everything_and_can_do_nothing(arthur: StaffMember) -> None:
    page = arthur.page
    arthur.open("UMP instances", arthur.stack.host)
    expect(page.get_by_role("region", name="Overview")).to_be_visible()
    for act in ("Provision", "Change address"):
        expect(page.get_by_role("link", name=act)).to_have_count(0)
    expect(page.get_by_role("button", name="Save")).to_have_count(0)
    arthur.open("Invitations", "contoso1")
    for act in ("Send", "Copy link", "New link", "Revoke"):
        expect(page.get_by_role("link", name=act, exact=True)).to_have_count(0)
    expect(page.get_by_role("button", name="Save")).to_have_count(0)
    arthur.open("History")
    expect(page.get_by_role("row", name="Worker").first).to_be_visible()
    assert arthur.complaints == []
