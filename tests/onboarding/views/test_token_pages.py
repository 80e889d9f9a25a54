"""What the wizard says to a customer who connects with a delegated token, which creates no registration."""

import pytest

from onboarding.models import Connection
from sandbox.app import Sandbox
from tests.onboarding.browser import Browser
from tests.onboarding.delegated import RunWorker, authorise, contoso, provisioned
from tests.onboarding.wizard import refused, text
from tests.registrations.runs import run_until_settled

pytestmark = pytest.mark.django_db
__all__ = ["contoso", "provisioned"]  # fixtures


def test_a_token_that_waits_for_the_service_says_what_is_stored_and_who_acts(
    customer: Browser, link: str, run_worker: RunWorker, sandbox: Sandbox
) -> None:
    sandbox.world.ump("finebak").customers.clear()
    assert run_until_settled(authorise(customer, link), run_worker).waits_for == "staff"
    page = text(customer.open("/authenticate/progress"))
    assert "Your sign-in is stored and checked. Finebak now completes the phone service." in page
    assert "is created and verified" not in page
    step = page.partition(">Find the phone service<")[2].partition("</li>")[0]
    assert "Finebak still has to create the service. You do not need to wait." in step


def test_an_account_without_roles_is_told_that_nothing_was_connected(customer: Browser, link: str) -> None:
    answer = customer.sign_in(customer.start(link, way="token"), "nora@contoso.example")
    page = refused(answer, "roles_missing")
    assert "Nothing was connected. Microsoft may now list" in page
    assert "No registration was created" not in page
    assert not Connection.objects.exists()
