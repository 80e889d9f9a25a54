"""Entered values and delegated tokens are deleted when a link is replaced or a setup ends."""

from typing import Any

import pytest

from onboarding.models import Connection, DelegatedToken, Invitation
from onboarding.services import existing_registration, invitations
from registrations.clients.entra import refresh_token_in
from registrations.engine import queue
from registrations.models import AppRegistration, AuditEvent, ClientSecret, Operation
from sandbox.app import Sandbox
from sandbox.model import Tenant
from tests.onboarding import delegated, existing
from tests.onboarding.browser import Browser, read
from tests.onboarding.conftest import OLGA
from tests.onboarding.delegated import SKYPE, TILDA, authorise
from tests.onboarding.existing import Own, RunWorker, enter, grant
from tests.onboarding.wizard import finish, refused, text
from tests.registrations.runs import run_until_settled

pytestmark = pytest.mark.django_db
contoso, bare, own = existing.contoso, existing.bare, existing.own
provisioned = delegated.provisioned


def tried(run_worker: RunWorker) -> Operation:
    return existing.run_newest_check(run_worker)


def waiting_token(customer: Browser, link: str, run_worker: RunWorker, contoso: Tenant) -> Operation:
    """A token setup that waits for the customer, because a role is missing."""
    operation = authorise(customer, link)
    contoso.role_assignments[:] = [a for a in contoso.role_assignments if a.role_id != SKYPE]
    return run_until_settled(operation, run_worker)


# --- A check that was started with a replaced link ---


def test_a_new_link_ends_a_check_that_waits_for_grants(
    customer: Browser, invitation: Invitation, link: str, bare: Own, run_worker: RunWorker, sandbox: Sandbox
) -> None:
    enter(customer, link, bare.values)
    assert tried(run_worker).error_code == existing_registration.MISSING_GRANTS
    invitations.new_link(invitation, actor=OLGA)
    grant(sandbox, bare)
    operation = tried(run_worker)
    assert (operation.status, operation.credential_envelope) == ("cancelled", "")
    assert not AppRegistration.objects.filter(managed=False).exists()
    assert AuditEvent.objects.filter(action="connect_existing.cancelled", actor_label=OLGA.label).exists()
    # The holder of the new link starts again.
    enter(customer, invitations.link_of(invitation), bare.values)
    assert tried(run_worker).status == "succeeded"


def test_a_running_check_stores_nothing_once_the_link_is_replaced(
    customer: Browser,
    invitation: Invitation,
    link: str,
    own: Own,
    run_worker: RunWorker,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    enter(customer, link, own.values)
    lacking: Any = existing_registration._lacking

    def replaced_meanwhile(*tokens: Any) -> list[str]:
        invitations.new_link(invitation, actor=OLGA)
        return list(lacking(*tokens))

    monkeypatch.setattr(existing_registration, "_lacking", replaced_meanwhile)
    operation = tried(run_worker)
    assert operation.status == "failed"
    assert "its link was replaced" in operation.message
    assert not AppRegistration.objects.filter(managed=False).exists()
    assert Connection.objects.get().status != "connecting"


def test_a_new_link_does_not_stop_a_setup_with_verified_values(
    customer: Browser, invitation: Invitation, link: str, own: Own, run_worker: RunWorker, sandbox: Sandbox
) -> None:
    customers = sandbox.world.ump("finebak").customers
    taken = dict(customers)
    customers.clear()
    enter(customer, link, own.values)
    assert tried(run_worker).error_code == "service_missing"
    invitations.new_link(invitation, actor=OLGA)
    customers.update(taken)
    queue.wake(Operation.objects.filter(kind=existing_registration.KIND))
    run_worker()
    assert tried(run_worker).status == "succeeded"


# --- A token that is no longer needed ---


def test_cancelling_a_token_setup_deletes_the_token(
    customer: Browser, link: str, run_worker: RunWorker, contoso: Tenant
) -> None:
    operation = waiting_token(customer, link, run_worker, contoso)
    assert DelegatedToken.objects.get().cache_envelope
    queue.cancel(operation, actor=OLGA)
    assert DelegatedToken.objects.get().cache_envelope == ""
    assert AuditEvent.objects.filter(action="token.forgotten", subject_id=str(operation.subject_id)).count() == 1


def test_a_failed_token_setup_keeps_the_token_for_resume(
    customer: Browser, link: str, run_worker: RunWorker, sandbox: Sandbox
) -> None:
    sandbox.world.ump("finebak").lacks_contract_api = True
    operation = run_until_settled(authorise(customer, link), run_worker)
    assert operation.status == "failed"
    assert DelegatedToken.objects.get().cache_envelope


def test_reconnecting_a_service_deletes_the_previous_token(
    customer: Browser, link: str, own: Own, run_worker: RunWorker, invitation: Invitation
) -> None:
    assert run_until_settled(authorise(customer, link), run_worker).status == "succeeded"
    assert DelegatedToken.objects.get().cache_envelope
    again = invitations.create(
        invitation.service,
        it_admin_email="it@contoso.example",
        m365_admin_email="m@contoso.example",
        again=True,
        actor=OLGA,
    )
    enter(customer, invitations.link_of(again), own.values)
    assert tried(run_worker).status == "succeeded"
    assert DelegatedToken.objects.get().cache_envelope == ""
    assert AuditEvent.objects.get(action="token.forgotten").subject_id == str(
        Connection.objects.get(invitation=invitation).pk
    )


def test_the_token_that_connects_a_service_stays_stored(customer: Browser, link: str, run_worker: RunWorker) -> None:
    assert run_until_settled(authorise(customer, link), run_worker).status == "succeeded"
    assert DelegatedToken.objects.get().cache_envelope
    assert not AuditEvent.objects.filter(action="token.forgotten").exists()


def test_revoking_records_that_the_token_is_deleted(
    customer: Browser, link: str, invitation: Invitation, run_worker: RunWorker, contoso: Tenant
) -> None:
    waiting_token(customer, link, run_worker, contoso)
    invitations.revoke(invitation, actor=OLGA)
    assert AuditEvent.objects.filter(action="token.forgotten").count() == 1


# --- A token that ends after the customer's part ---


def test_a_token_that_expires_while_waiting_asks_for_a_sign_in(
    customer: Browser, link: str, run_worker: RunWorker, sandbox: Sandbox
) -> None:
    customers = sandbox.world.ump("finebak").customers
    taken = dict(customers)
    customers.clear()
    operation = run_until_settled(authorise(customer, link), run_worker)
    assert operation.error_code == "service_missing"
    assert "Your part is done" in text(customer.open("/authenticate/progress"))
    sandbox.world.state.refresh_tokens.clear()
    customers.update(taken)
    queue.wake([operation])
    run_worker()
    operation.refresh_from_db()
    assert (operation.waits_for, operation.error_code) == ("customer", "AADSTS70000")
    assert DelegatedToken.objects.get().delivered_at is None
    page = customer.open("/authenticate/progress")
    assert "Sign in again to continue" in text(page)
    customer.sign_in(customer.press(page), TILDA)
    assert run_until_settled(operation, run_worker).status == "succeeded"


def test_a_token_that_ends_after_the_hand_over_asks_for_a_sign_in(
    customer: Browser, link: str, run_worker: RunWorker, sandbox: Sandbox
) -> None:
    operation = unusable_by_the_ump(customer, link, run_worker, sandbox)
    sandbox.world.state.refresh_tokens.clear()
    queue.resume(operation, actor=OLGA)
    operation = run_until_settled(operation, run_worker)
    assert (operation.waits_for, operation.error_code) == ("customer", "AADSTS70000")
    page = customer.open("/authenticate/progress")
    customer.sign_in(customer.press(page), TILDA)
    assert run_until_settled(operation, run_worker).status == "succeeded"


def test_resume_hands_over_a_new_token_after_a_failed_validation(
    customer: Browser, link: str, run_worker: RunWorker, sandbox: Sandbox
) -> None:
    operation = unusable_by_the_ump(customer, link, run_worker, sandbox)
    delegated.held(sandbox).refresh_token = "ended"
    queue.resume(operation, actor=OLGA)
    assert run_until_settled(operation, run_worker).status == "succeeded"
    cache = DelegatedToken.objects.get().unseal("cache_envelope")
    assert delegated.held(sandbox).refresh_token == refresh_token_in(cache)


def unusable_by_the_ump(customer: Browser, link: str, run_worker: RunWorker, sandbox: Sandbox) -> Operation:
    """A token setup that failed at the UMP's validation; the cause is fixed now."""
    ump = sandbox.world.ump("finebak")
    secret, ump.client_secret = ump.client_secret, "another-secret-than-the-sync-apps"
    operation = run_until_settled(authorise(customer, link), run_worker)
    assert (operation.status, operation.error_code) == ("failed", "ump_validation")
    ump.client_secret = secret
    return operation


def test_a_token_setup_cancelled_after_the_customers_part_starts_again(
    customer: Browser, link: str, run_worker: RunWorker, sandbox: Sandbox
) -> None:
    customers = sandbox.world.ump("finebak").customers
    taken = dict(customers)
    customers.clear()
    queue.cancel(run_until_settled(authorise(customer, link), run_worker), actor=OLGA)
    customers.update(taken)
    page = customer.open("/authenticate/progress")
    assert "has cancelled the setup" in text(page)
    customer.sign_in(customer.press(page), TILDA)
    newest = Operation.objects.filter(status="queued").get()
    assert run_until_settled(newest, run_worker).status == "succeeded"


# --- An existing registration whose setup was cancelled ---


def test_a_cancelled_setup_deletes_the_secret_and_accepts_new_values(
    customer: Browser, link: str, own: Own, run_worker: RunWorker, sandbox: Sandbox
) -> None:
    customers = sandbox.world.ump("finebak").customers
    taken = dict(customers)
    customers.clear()
    enter(customer, link, own.values)
    queue.cancel(tried(run_worker), actor=OLGA)
    secret = ClientSecret.objects.get(registration__managed=False)
    assert (secret.status, secret.envelope) == ("removed", "")
    assert AuditEvent.objects.filter(action="secret.forgotten").count() == 1
    customers.update(taken)
    page = customer.open("/authenticate/progress")
    assert "Enter the values again" in text(page)
    form = next(found["href"] for found in read(page.content.decode()).links if found["href"].endswith("/existing"))
    assert customer.press(customer.open(form), **own.values).status_code == 303
    assert tried(run_worker).status == "succeeded"
    assert Connection.objects.get().registration == AppRegistration.objects.get(managed=False)


def test_a_running_setup_accepts_no_other_values(
    customer: Browser, link: str, own: Own, run_worker: RunWorker, sandbox: Sandbox
) -> None:
    sandbox.world.ump("finebak").customers.clear()
    enter(customer, link, own.values)
    assert tried(run_worker).error_code == "service_missing"
    form = customer.open(f"{link}/existing")
    refused(customer.press(form, **own.values), "under_way")
    assert Connection.objects.get().registration is not None


# --- A secret that is no longer needed ---


def kept_values() -> set[Any]:
    """The connections whose registrations have a stored secret."""
    kept = ClientSecret.objects.exclude(envelope="").exclude(registration__connection=None)
    return set(kept.values_list("registration__connection", flat=True))


@pytest.mark.parametrize("method", ["new", "existing"])
def test_revoking_after_a_failed_setup_deletes_the_stored_secret(
    customer: Browser,
    invitation: Invitation,
    link: str,
    own: Own,
    run_worker: RunWorker,
    sandbox: Sandbox,
    method: str,
) -> None:
    body = {"error": {"code": "InvalidRequest", "message": "Made up."}}
    sandbox.faults.add("ump", "status", method="PATCH", path="/api/v3/customer", status=400, body=body, times=99)
    if method == "new":
        customer.authorise(customer.identify(link))
        finish(run_worker)
    else:
        enter(customer, link, own.values)
        tried(run_worker)
    operation = Operation.objects.get(subject_id=Connection.objects.get().pk)
    assert (operation.status, operation.error_code) == ("failed", "InvalidRequest")
    before = ClientSecret.objects.get(registration__connection__invitation=invitation)
    assert before.envelope
    invitations.revoke(invitation, actor=OLGA)
    after = ClientSecret.objects.get(pk=before.pk)
    assert (after.envelope, after.status, after.key_id) == ("", before.status, before.key_id)
    event = AuditEvent.objects.get(action="secret.value_deleted")
    assert (event.actor_label, event.after) == (OLGA.label, {"key_id": before.key_id})


def test_reconnecting_a_service_deletes_the_previous_secret(
    customer: Browser, invitation: Invitation, link: str, own: Own, run_worker: RunWorker
) -> None:
    customer.authorise(customer.identify(link))
    finish(run_worker)
    first = Connection.objects.get()
    assert kept_values() == {first.pk}
    again = invitations.create(
        invitation.service,
        it_admin_email="it@contoso.example",
        m365_admin_email="m@contoso.example",
        again=True,
        actor=OLGA,
    )
    enter(customer, invitations.link_of(again), own.values)
    assert tried(run_worker).status == "succeeded"
    assert kept_values() == {Connection.objects.get(invitation=again).pk}
    assert AuditEvent.objects.get(action="secret.value_deleted").subject_id == str(first.registration_id)
    # What is shown of the old secret stays, and the sync app keeps its own.
    assert ClientSecret.objects.get(registration=first.registration).status == "delivered"
    assert ClientSecret.objects.filter(registration__instance__isnull=False).exclude(envelope="").count() == 1
