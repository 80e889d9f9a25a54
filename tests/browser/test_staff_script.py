"""The staff's script in a real Chromium: what an open page shows when its operation ends."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.urls import reverse
from playwright.sync_api import Browser, Page, expect

from registrations.models import Operation, UmpInstance
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
