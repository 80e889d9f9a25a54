"""The progress page speaks to the customer: the operation's sentences are for staff and stay in the admin."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from onboarding.models import Connection
from onboarding.services import new_registration
from registrations import audit
from registrations.engine import queue
from registrations.models import Operation, UmpInstance
from sandbox.app import Sandbox
from tests.onboarding.browser import Browser
from tests.onboarding.wizard import CARLA, finish, text

pytestmark = pytest.mark.django_db
RunWorker = Callable[[], None]
FOR_STAFF = ("then resume", "Resume", "SyncPortal", "UMP", "The log has it")


def shown(customer: Browser, expected: str) -> str:
    """The progress page, after checking that it holds the expected text and none for staff."""
    page = text(customer.open("/authenticate/progress")).partition("<main")[2].partition("</main>")[0]
    assert expected in page
    for words in FOR_STAFF:
        assert words not in page
    return page


def failed_setup(customer: Browser, link: str, run_worker: RunWorker) -> Operation:
    customer.authorise(customer.identify(link))
    finish(run_worker)
    return Operation.objects.get(kind=new_registration.KIND)


def test_a_policy_that_forbids_secrets_is_explained_with_a_remedy(
    customer: Browser, link: str, sandbox: Sandbox, run_worker: RunWorker
) -> None:
    sandbox.world.tenant(sandbox.seed.customer.tenant_id).secret_policy.secrets_forbidden = True
    operation = failed_setup(customer, link, run_worker)
    page = shown(customer, "A policy of your organisation does not allow the secret")
    app = UmpInstance.objects.get().app_name
    assert "to exclude your account, or to allow client secrets" in page
    assert "Nothing was created" not in page
    assert f"No registration was created. Microsoft may list {app} under Enterprise applications." in page
    assert "Completed steps are kept" not in page
    assert operation.message not in page
    assert "were revoked" in page


def test_a_refused_step_asks_about_the_role(
    customer: Browser, link: str, sandbox: Sandbox, run_worker: RunWorker
) -> None:
    body = {"error": {"code": "Authorization_RequestDenied", "message": "Insufficient privileges"}}
    sandbox.faults.add("graph", "status", method="POST", path="/roleAssignments", status=403, body=body, times=99)
    customer.authorise(customer.identify(link))
    run_worker()
    operation = Operation.objects.get(kind=new_registration.KIND)
    for step in operation.steps:
        step.refused_at = timezone.now() - timedelta(minutes=6)  # longer than a grant is copied
    Operation.objects.update(next_attempt_at=timezone.now(), steps=operation.steps)
    run_worker()
    shown(customer, "lacks a role or permission")


def test_any_other_failure_names_the_step_and_no_more(
    customer: Browser, link: str, sandbox: Sandbox, run_worker: RunWorker
) -> None:
    body = {"error": {"code": "Request_BadRequest", "message": "Made up."}}
    sandbox.faults.add("graph", "status", method="PATCH", path="/applications", status=400, body=body)
    failed_setup(customer, link, run_worker)
    page = shown(customer, "The step “Create the registration” failed")
    assert "If it fails again, send the details below" in page


def test_a_full_directory_is_explained_with_what_makes_room(
    customer: Browser, link: str, sandbox: Sandbox, run_worker: RunWorker
) -> None:
    words = "The directory object quota limit for the Principal has been exceeded."
    body = {"error": {"code": "Directory_QuotaExceeded", "message": words}}
    sandbox.faults.add("graph", "status", method="PATCH", path="/applications", status=403, body=body, times=99)
    operation = failed_setup(customer, link, run_worker)
    assert (operation.status, operation.error_code) == ("failed", "Directory_QuotaExceeded")
    page = shown(customer, "the account that signed in has created as many objects as Microsoft allows")
    assert "permanently delete those that nobody needs" in page


def test_a_setup_cancelled_by_staff_says_who_cancelled_it(customer: Browser, link: str) -> None:
    customer.authorise(customer.identify(link))
    queue.cancel(Operation.objects.get(kind=new_registration.KIND), actor=audit.SYSTEM)
    assert "could not be revoked" in shown(customer, "Finebak has cancelled the setup")


def test_an_expired_permission_is_explained_in_one_sentence(
    customer: Browser, link: str, run_worker: RunWorker
) -> None:
    customer.authorise(customer.identify(link))
    Operation.objects.update(credential_envelope="")
    run_worker()
    shown(customer, "permission for the setup has expired")


def test_a_waiting_step_says_why_without_naming_permissions(
    customer: Browser, link: str, sandbox: Sandbox, run_worker: RunWorker
) -> None:
    sandbox.world.lag["consent"] = 3600
    operation = failed_setup(customer, link, run_worker)
    assert (operation.status, operation.waits_for) == ("waiting", "")
    page = shown(customer, "Microsoft is still replicating the permissions and roles")
    assert "tokens lack" not in page


def test_the_ump_errors_are_not_shown_to_the_customer(
    customer: Browser, link: str, sandbox: Sandbox, run_worker: RunWorker
) -> None:
    sandbox.faults.add(
        "ump",
        "status",
        method="GET",
        path="/api/v2/task/",
        status=200,
        body={
            "id": "1",
            "status": "Failed",
            "executionMessages": [{"level": "error", "message": "AADSTS53003: No licence."}],
        },
    )
    failed_setup(customer, link, run_worker)
    page = shown(customer, "Your part is done")
    assert "No licence" not in page
    assert Connection.objects.get().admin_username == CARLA


def test_a_steps_sentence_for_the_customer_is_shown_unchanged(customer: Browser, link: str) -> None:
    customer.authorise(customer.identify(link))
    asked = "tilda lacks: Teams Administrator {role}. Give or activate the role, then sign in again."
    Operation.objects.update(status="waiting", waits_for="customer", error_code="roles_missing", message=asked)
    shown(customer, asked)
