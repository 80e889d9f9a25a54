"""Connect with an existing registration: check, compare, store, and never change it."""

from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.utils import timezone

from onboarding.models import Connection, Invitation
from onboarding.services import existing_registration, invitations
from registrations import audit
from registrations.applications import client_secrets, secret_cleanup
from registrations.engine import checkpoints
from registrations.errors import WrongStateError
from registrations.models import AppRegistration, AuditEvent, Operation
from registrations.models.steps import reset_steps
from sandbox.app import Sandbox
from tests.onboarding.browser import Browser
from tests.onboarding.conftest import OLGA
from tests.onboarding.existing import Own, RunWorker, bare, contoso, enter, own, run_newest_check
from tests.onboarding.wizard import refused, text

pytestmark = pytest.mark.django_db


__all__ = ["bare", "contoso", "own"]  # fixtures


def test_an_existing_registration_connects_without_a_sign_in(
    customer: Browser, link: str, own: Own, run_worker: RunWorker, sandbox: Sandbox
) -> None:
    assert enter(customer, link, own.values).headers["location"] == "/authenticate/progress"
    operation = run_newest_check(run_worker)
    assert operation.status == "succeeded", operation.message
    connection = Connection.objects.get()
    assert (connection.status, connection.way, connection.admin_object_id) == ("connected", "existing", "")
    assert Invitation.objects.get().status == "completed"
    held = next(iter(sandbox.world.ump("finebak").customers.values())).connection
    assert (held.client_id, held.client_secret) == (own.values["client_id"], own.values["client_secret"])
    page = text(customer.open("/authenticate/progress", follow=True))
    assert "Contoso is connected" in page
    assert "Contoso telephony" in page


def test_a_domain_is_resolved_to_the_invited_organisation(
    customer: Browser, link: str, own: Own, run_worker: RunWorker
) -> None:
    enter(customer, link, {**own.values, "tenant": "Contoso.example"})
    assert run_newest_check(run_worker).status == "succeeded"


def test_the_customers_registration_is_never_changed(
    customer: Browser, link: str, own: Own, run_worker: RunWorker, sandbox: Sandbox
) -> None:
    before = (dict(own.application.properties), [p.key_id for p in own.application.passwords])
    sandbox.log.clear()
    enter(customer, link, own.values)
    operation = run_newest_check(run_worker)
    assert (own.application.properties, [p.key_id for p in own.application.passwords]) == before
    assert not [call for call in sandbox.calls if call.service == "graph"]
    registration = AppRegistration.objects.get(managed=False)
    graph: Any = None  # refused before any call
    for act in (
        lambda: client_secrets.ensure_secret(graph, registration, operation),
        lambda: secret_cleanup.remove_orphans(graph, registration, operation),
        lambda: secret_cleanup.remove_superseded(graph, registration, operation),
        lambda: client_secrets.replace(registration, actor=audit.SYSTEM, operation=operation),
    ):
        with pytest.raises(WrongStateError, match="customer's own"):
            act()


def test_entered_values_are_deleted_after_a_day(customer: Browser, link: str, bare: Own, run_worker: RunWorker) -> None:
    enter(customer, link, bare.values)
    waiting = run_newest_check(run_worker)
    Operation.objects.filter(pk=waiting.pk).update(credential_expires_at=timezone.now(), next_attempt_at=timezone.now())
    checkpoints.delete_expired_credentials()
    assert (run_newest_check(run_worker).status, run_newest_check(run_worker).error_code) == (
        "failed",
        "values_forgotten",
    )
    assert "Enter the values again" in text(customer.open("/authenticate/progress"))


WRONG = "Xy8Q~wrong-value-of-a-secret-0123456789"


def keeps_microsofts_answer(operation: Operation) -> None:
    """What support needs: Microsoft's sentence, both IDs, each under its own name, and the time."""
    step = operation.current_step
    assert step is not None
    assert "Invalid client secret" in step.says
    assert step.request_id
    assert step.correlation_id
    assert step.request_id != step.correlation_id
    assert step.answered_at


def test_a_wrong_secret_is_reported_at_once_and_deleted_after_a_minute(
    customer: Browser, link: str, own: Own, run_worker: RunWorker
) -> None:
    enter(customer, link, {**own.values, "client_secret": WRONG})
    run_worker()
    operation = Operation.objects.get(kind=existing_registration.KIND)
    assert (operation.status, operation.error_code) == ("waiting", "AADSTS7000215")
    keeps_microsofts_answer(operation)
    page = text(customer.open("/authenticate/progress"))
    assert "Copy the secret’s value, not its ID" in page
    assert f'href="{link}/existing"' in page
    assert "replicating" not in page
    long_ago = timezone.now() - timedelta(minutes=2)
    Operation.objects.filter(pk=operation.pk).update(created_at=long_ago)
    operation = run_newest_check(run_worker)
    assert (operation.status, operation.error_code, operation.credential_envelope) == ("failed", "AADSTS7000215", "")
    keeps_microsofts_answer(operation)
    page = text(customer.open("/authenticate/progress"))
    assert "Copy the secret’s value, not its ID" in page
    assert f'href="{link}/existing"' in page
    assert AuditEvent.objects.filter(action="connect_existing.failed", after__code="AADSTS7000215").exists()
    assert enter(customer, link, own.values).status_code == 303
    assert run_newest_check(run_worker).status == "succeeded"


def test_an_expired_secret_and_an_unknown_application_read_differently(
    customer: Browser, link: str, own: Own, run_worker: RunWorker, sandbox: Sandbox
) -> None:
    expired = sandbox.world.add_secret(own.application, "old", days=-1)
    enter(customer, link, {**own.values, "client_secret": expired.secret})
    assert "The secret has expired" in run_newest_check(run_worker).message
    Operation.objects.update(created_at=timezone.now() - timedelta(minutes=2))
    enter(customer, link, {**own.values, "client_id": "9d576dc4-b85d-4571-880e-4c6ed4c08c31"})
    Operation.objects.live().update(created_at=timezone.now() - timedelta(seconds=90))
    assert "no such application" in run_newest_check(run_worker).message


@pytest.mark.parametrize("domain", ["fabrikam.example", "nobody.example"])
def test_a_domain_of_another_organisation_never_sees_the_secret(
    customer: Browser, link: str, own: Own, run_worker: RunWorker, domain: str
) -> None:
    customer.sandbox.log.clear()
    enter(customer, link, {**own.values, "tenant": domain})
    assert run_newest_check(run_worker).status == "failed"
    assert not [call for call in customer.sandbox.calls if call.path.endswith("/token")]


def test_guessing_is_stopped_after_five_tries(customer: Browser, link: str, own: Own, run_worker: RunWorker) -> None:
    for number in range(existing_registration.MAX_ATTEMPTS):
        enter(customer, link, {**own.values, "client_secret": f"Xy8Q~wrong-value-of-a-secret-{number}"})
        Operation.objects.update(created_at=timezone.now() - timedelta(minutes=2))
        assert run_newest_check(run_worker).status == "failed"
    page = refused(enter(customer, link, own.values), "too_many_tries")
    assert f'href="{link}"' in page
    assert AuditEvent.objects.get(action="invitation.refused").after == {"refusal": "too_many_tries"}
    Operation.objects.update(created_at=timezone.now() - existing_registration.ATTEMPTS_WINDOW)
    assert enter(customer, link, own.values).status_code == 303


def test_a_second_check_is_refused_while_a_worker_runs_the_first(customer: Browser, link: str, own: Own) -> None:
    enter(customer, link, own.values)
    Operation.objects.update(status="running", lease="x", leased_until=timezone.now() + timedelta(minutes=1))
    other = Browser(customer.sandbox, customer.host)
    refused(enter(other, link, own.values), "under_way")


def test_a_colleagues_values_replace_the_first_ones(
    customer: Browser, link: str, own: Own, run_worker: RunWorker
) -> None:
    enter(customer, link, {**own.values, "client_secret": WRONG})
    run_worker()  # the first check waits for its second try
    colleague = Browser(customer.sandbox, customer.host)
    assert enter(colleague, link, own.values).status_code == 303
    first = Operation.objects.earliest("created_at")
    assert (first.status, first.credential_envelope) == ("cancelled", "")
    assert "other values were entered" in text(customer.open("/authenticate/progress"))
    assert run_newest_check(run_worker).status == "succeeded"
    assert "Contoso is connected" in text(colleague.open("/authenticate/progress", follow=True))


def test_a_sign_in_starts_a_setup_while_wrong_values_are_checked(
    customer: Browser, link: str, own: Own, run_worker: RunWorker
) -> None:
    enter(Browser(customer.sandbox, customer.host), link, {**own.values, "client_secret": WRONG})
    run_worker()
    assert customer.authorise(customer.identify(link)).headers["location"] == "/authenticate/progress"
    assert Operation.objects.get(kind=existing_registration.KIND).status == "cancelled"


def test_verified_values_are_not_replaced(customer: Browser, link: str, own: Own, run_worker: RunWorker) -> None:
    customer.sandbox.world.ump("finebak").customers.clear()
    enter(customer, link, own.values)
    assert run_newest_check(run_worker).waits_for == "staff"
    colleague = Browser(customer.sandbox, customer.host)
    form = colleague.open(f"{urlsplit(link).path}/existing")
    refused(colleague.press(form, **own.values), "under_way")


def test_a_new_registration_is_possible_while_grants_are_missing(
    customer: Browser, link: str, bare: Own, run_worker: RunWorker
) -> None:
    enter(Browser(customer.sandbox, customer.host), link, bare.values)
    run_newest_check(run_worker)
    answer = customer.authorise(customer.identify(link))
    assert answer.status_code == 303, text(answer)
    assert set(Operation.objects.values_list("kind", "status")) == {
        ("connect_existing", "cancelled"),
        ("connect", "queued"),
    }
    assert Connection.objects.get().way == "new"


def test_revoking_an_invitation_deletes_the_entered_values(
    customer: Browser, link: str, invitation: Invitation, bare: Own, run_worker: RunWorker
) -> None:
    enter(customer, link, bare.values)
    run_newest_check(run_worker)
    invitations.revoke(invitation, actor=OLGA)
    operation = Operation.objects.get(kind=existing_registration.KIND)
    assert (operation.status, operation.credential_envelope) == ("cancelled", "")
    refused(customer.open("/authenticate/progress"), "revoked_link")


def test_a_crash_after_storing_the_secret_stores_it_once(
    customer: Browser, link: str, own: Own, run_worker: RunWorker
) -> None:
    enter(customer, link, own.values)
    operation = run_newest_check(run_worker)
    steps = reset_steps(operation.steps, "keep", "find_service", "hand_over", "validation")
    Operation.objects.filter(pk=operation.pk).update(status="queued", next_attempt_at=timezone.now(), steps=steps)
    assert run_newest_check(run_worker).status == "succeeded"
    assert AppRegistration.objects.filter(managed=False).count() == 1


def test_a_revoked_invitation_says_that_the_entered_secret_still_works(
    customer: Browser, link: str, own: Own, run_worker: RunWorker, sandbox: Sandbox
) -> None:
    sandbox.world.ump("finebak").customers.clear()
    enter(customer, link, own.values)
    assert run_newest_check(run_worker).waits_for == "staff"
    invitations.revoke(Invitation.objects.get(), actor=OLGA)
    page = refused(customer.open(urlsplit(link).path), "revoked_link")
    assert "was entered here and still works" in page
    assert "Enterprise applications" not in page
