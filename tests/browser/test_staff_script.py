"""The staff's script in a real Chromium: what an open page shows when its operation ends."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.urls import reverse
from playwright.sync_api import Browser, Page, expect

from onboarding import validators
from registrations.models import Operation, UmpInstance
from tests import factories
from tests.browser.people import Scheme
from tests.browser.stage import Stage

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]


@pytest.fixture
def page(stage: Stage, browser: Browser) -> Iterator[Page]:
    """A page of a superuser at a desk."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    stage.sign_in_staff(context, "olga")
    yield context.new_page()
    context.close()


@contextmanager
def waiting_instance(stage: Stage, page: Page) -> Iterator[Operation]:
    """The open page of an instance whose provisioning waits; the rows are as before afterwards."""
    operation = Operation.objects.get(pk=stage.operations["instance-provisioning"].pk)
    found = UmpInstance.objects.filter(pk=operation.subject_id)
    before = found.values("status").get()
    page.goto(f"{stage.admin}{reverse('admin:registrations_umpinstance_change', args=[operation.subject_id])}")
    expect(page.get_by_text("Read only while an operation is running")).to_be_visible()
    expect(page.get_by_label("App name")).to_have_count(0)
    try:
        yield operation
    finally:
        operation.save()
        found.update(**before)


def fail(operation: Operation) -> None:
    Operation.objects.filter(pk=operation.pk).update(status="failed", message="The UMP is gone.", waits_for="")
    UmpInstance.objects.filter(pk=operation.subject_id).update(status="failed")


def test_an_open_page_has_the_form_of_its_instances_state_when_the_operation_fails(stage: Stage, page: Page) -> None:
    with waiting_instance(stage, page) as operation:
        fail(operation)
        expect(page.get_by_label("App name")).to_be_visible(timeout=15_000)
        expect(page.get_by_role("region", name="Overview")).to_contain_text("Failed")
        expect(page.get_by_text("The UMP is gone.")).to_be_visible()
        expect(page.get_by_role("link", name="Provision", exact=False).first).to_be_visible()


def test_what_somebody_typed_is_kept_when_the_operation_fails(stage: Stage, page: Page) -> None:
    with waiting_instance(stage, page) as operation:
        page.get_by_label("UMP API scope").fill("api://typed/.default")
        page.get_by_role("heading", level=2).first.click()
        fail(operation)
        reload = page.get_by_role("link", name="Reload the page")
        expect(reload).to_be_visible(timeout=15_000)
        expect(page.get_by_role("region", name="Overview")).to_contain_text("Failed")
        expect(page.get_by_label("UMP API scope")).to_have_value("api://typed/.default")
        expect(page.get_by_label("App name")).to_have_count(0)
        reload.click()
        expect(page.get_by_label("App name")).to_be_visible()


def test_an_open_page_says_at_once_that_the_operation_runs_again(stage: Stage, page: Page) -> None:
    with waiting_instance(stage, page) as operation:
        expect(page.get_by_role("region", name="Overview")).to_contain_text("Waiting")
        Operation.objects.filter(pk=operation.pk).update(status="running", waits_for="")
        expect(page.get_by_role("region", name="Overview")).to_contain_text("Running", timeout=15_000)


IS_DARK = "document.documentElement.classList.contains('dark')"


@pytest.mark.parametrize(("system", "chosen"), [("light", "dark"), ("dark", "light")])
def test_the_chosen_theme_survives_a_reload_and_another_page(
    stage: Stage, browser: Browser, system: Scheme, chosen: Scheme
) -> None:
    context = browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme=system)
    stage.sign_in_staff(context, "olga")
    page, errors = context.new_page(), []
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.goto(f"{stage.admin}{reverse('admin:index')}")
    assert page.evaluate(IS_DARK) is (system == "dark")
    page.get_by_text("Olga Operator", exact=True).first.click()
    page.get_by_text(f"{chosen}_mode", exact=True).first.click()
    page.wait_for_function(f"{IS_DARK} === {str(chosen == 'dark').lower()}")
    page.reload()
    assert page.evaluate(IS_DARK) is (chosen == "dark")
    page.goto(f"{stage.admin}{reverse('admin:registrations_umpinstance_changelist')}")
    assert page.evaluate(IS_DARK) is (chosen == "dark")
    assert errors == []
    context.close()


def test_choosing_a_service_whose_instance_is_not_active_shows_a_warning(stage: Stage, page: Page) -> None:
    draft = UmpInstance.objects.filter(status="draft").first()
    assert draft
    other = factories.make_service(instance=draft, short_name="not-active", full_name="Not active")
    try:
        page.goto(f"{stage.admin}{reverse('admin:onboarding_invitation_add')}")
        warning = page.get_by_text("a customer who opens the link reads that it is not ready yet")
        expect(warning).to_have_count(0)
        page.get_by_label("Service", exact=False).first.select_option(str(other.pk))
        expect(warning).to_be_visible()
        expect(page.get_by_label("Expected tenant ID")).to_have_value(other.customer.tenant_id)
        page.get_by_label("Service", exact=False).first.select_option(str(stage.invitations["sent"].service_id))
        expect(warning).to_have_count(0)
    finally:
        other.delete()


@pytest.mark.parametrize(("name", "kept"), [("Bad Name", False), ("-contoso", False), ("contoso-1", True)])
def test_the_checklist_of_a_short_name_agrees_with_the_server(stage: Stage, page: Page, name: str, kept: bool) -> None:
    page.goto(f"{stage.admin}{reverse('admin:onboarding_service_add')}")
    page.get_by_label("Short name", exact=False).fill(name)
    line = page.get_by_role("listitem").filter(has_text="letters, digits and hyphens only")
    expect(line).to_have_attribute("data-kept", str(kept).lower())
    assert bool(validators.DNS_SAFE.fullmatch(name)) is kept


def test_an_app_name_that_is_refused_has_no_generated_values(stage: Stage, page: Page) -> None:
    page.goto(f"{stage.admin}{reverse('admin:registrations_umpinstance_add')}")
    page.get_by_label("Service provider", exact=False).first.select_option(index=1)
    host = page.locator('[data-derived="host"]')
    for name, is_valid in (("umptoken9", True), ("Bad Name", False), ("-a", False)):
        page.get_by_label("App name", exact=False).fill(name)
        expect(host.locator("code")).to_have_text(re.compile(r"^umptoken9\." if is_valid else "^–$"))
        expect(host.get_by_role("button")).to_be_enabled(enabled=is_valid)


def test_the_active_menu_entry_has_the_dark_accent_in_dark_mode(stage: Stage, browser: Browser) -> None:
    context = browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme="dark")
    stage.sign_in_staff(context, "olga")
    page = context.new_page()
    page.goto(f"{stage.admin}{reverse('admin:registrations_umpinstance_changelist')}")
    active = page.locator("#nav-sidebar").get_by_role("link", name="UMP instances")
    expect(active).to_have_css("color", "rgb(71, 158, 245)")
    context.close()
