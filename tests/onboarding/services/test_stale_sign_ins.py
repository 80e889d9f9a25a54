"""A sign-in that returns late, with another method or as another person must not change a started setup."""

from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from onboarding.models import Connection, DelegatedToken, Invitation
from onboarding.services import delegated_token, invitations, new_registration, sign_in_exchange
from registrations.engine import queue
from registrations.models import Operation, UmpInstance
from sandbox.app import Sandbox
from sandbox.catalogue import GLOBAL_ADMINISTRATOR
from sandbox.model import Tenant
from tests.onboarding.browser import Browser
from tests.onboarding.conftest import OLGA
from tests.onboarding.delegated import (
    SKYPE,
    TEAMS,
    TILDA,
    authorise,
    contoso,
    identify,
    provisioned,
)
from tests.onboarding.existing import Own, bare, enter, own
from tests.onboarding.wizard import refused, text
from tests.registrations.runs import run_until_settled

__all__ = ["bare", "contoso", "own", "provisioned"]  # fixtures
pytestmark = pytest.mark.django_db
RunWorker = Callable[[], None]
GERTA = "gerta@contoso.example"


@pytest.fixture(autouse=True)
def gerta(sandbox: Sandbox, contoso: Tenant) -> None:
    """She may use every method."""
    sandbox.world.add_user(contoso, "Gerta", GERTA, [GLOBAL_ADMINISTRATOR, SKYPE, TEAMS])


@pytest.fixture
def stale(sandbox: Sandbox, instance: UmpInstance) -> Browser:
    """Another browser, in which a sign-in stays at Microsoft for a while."""
    return Browser(sandbox, instance.host)


@pytest.fixture
def revoked_meanwhile(monkeypatch: pytest.MonkeyPatch, invitation: Invitation) -> Callable[[], None]:
    """From now on, staff revoke while the callback asks Microsoft for the identity."""

    def arm() -> None:
        verified = sign_in_exchange.verify

        def and_revoke(*args: Any) -> Any:
            person = verified(*args)
            invitations.revoke(invitation, actor=OLGA)
            return person

        monkeypatch.setattr(sign_in_exchange, "verify", and_revoke)

    return arm


def fail(operation: Operation) -> None:
    Operation.objects.filter(pk=operation.pk).update(
        status="failed", waits_for="", ended_at=timezone.now(), next_attempt_at=None
    )
    Connection.objects.update(status="failed")


# --- Revoked at the last moment ---


def test_a_token_that_arrives_after_the_revocation_is_not_stored(
    customer: Browser, stale: Browser, link: str, revoked_meanwhile: Callable[[], None]
) -> None:
    page = stale.press(identify(stale, link))
    operation = authorise(customer, link)
    fail(operation)
    revoked_meanwhile()
    refused(stale.sign_in(page, TILDA), "revoked_link")
    assert DelegatedToken.objects.get().cache_envelope == ""
    operation.refresh_from_db()
    assert operation.status == "failed"
    assert Invitation.objects.get().status == "revoked"


def test_a_consent_after_the_revocation_resumes_nothing(
    customer: Browser, stale: Browser, link: str, revoked_meanwhile: Callable[[], None]
) -> None:
    page = stale.press(stale.identify(link, GERTA), name="Contoso-sync")
    customer.authorise(customer.identify(link, GERTA), GERTA)
    operation = Operation.objects.get(kind=new_registration.KIND)
    fail(operation)
    Operation.objects.update(credential_envelope="")
    revoked_meanwhile()
    refused(stale.sign_in(page, GERTA), "revoked_link")
    operation.refresh_from_db()
    assert (operation.status, operation.credential_envelope) == ("failed", "")
    assert Invitation.objects.get().status == "revoked"


# --- With another method ---


def test_a_tab_with_another_method_does_not_change_a_waiting_setup(
    customer: Browser, stale: Browser, link: str, run_worker: RunWorker, sandbox: Sandbox
) -> None:
    page = stale.start(link, way="new")
    operation = authorise(customer, link)
    sandbox.world.state.refresh_tokens.clear()
    assert run_until_settled(operation, run_worker).waits_for == "customer"
    assert stale.sign_in(page, GERTA).status_code == 303
    assert Connection.objects.get().way == "token"
    again = stale.press(stale.open("/authenticate/progress"))
    assert stale.sign_in(again, GERTA).status_code == 303
    assert run_until_settled(operation, run_worker).status == "succeeded"


def test_a_late_token_does_not_replace_a_created_registration(
    customer: Browser, stale: Browser, link: str, run_worker: RunWorker, sandbox: Sandbox
) -> None:
    page = stale.press(identify(stale, link, GERTA))
    customer.authorise(customer.identify(link, GERTA), GERTA)
    sandbox.world.ump("finebak").customers.clear()
    fail(run_until_settled(Operation.objects.get(kind=new_registration.KIND), run_worker))
    before = dict(Connection.objects.values().get())
    assert before["registration_id"]
    refused(stale.sign_in(page, GERTA), "busy")
    assert not Operation.objects.filter(kind=delegated_token.KIND).exists()
    assert not DelegatedToken.objects.exists()
    after = dict(Connection.objects.values().get())
    assert {name for name in before if before[name] != after[name]} <= {"grant_removed"}


def test_a_late_consent_does_not_change_the_customers_registration(
    customer: Browser, stale: Browser, link: str, own: Own, run_worker: RunWorker, sandbox: Sandbox
) -> None:
    page = stale.press(stale.identify(link, GERTA), name="Contoso-sync")
    enter(customer, link, own.values)
    sandbox.world.ump("finebak").customers.clear()
    fail(run_until_settled(Operation.objects.get(kind="connect_existing"), run_worker))
    before = Connection.objects.get()
    assert before.registration is not None
    refused(stale.sign_in(page, GERTA), "busy")
    assert not Operation.objects.filter(kind=new_registration.KIND).exists()
    after = Connection.objects.get()
    assert (after.way, after.registration) == ("existing", before.registration)
    assert after.customer_part_done_at == before.customer_part_done_at


def test_the_first_consent_decides_the_method(customer: Browser, stale: Browser, link: str) -> None:
    page = customer.press(customer.identify(link, GERTA), name="Contoso-sync")
    identify(stale, link, GERTA)
    assert Connection.objects.get().way == "token"
    assert customer.sign_in(page, GERTA).status_code == 303
    assert Connection.objects.get().way == "new"
    assert Operation.objects.get().kind == new_registration.KIND


# --- What pages say about permissions that a token needs ---


def test_no_one_is_told_to_delete_what_a_token_needs(
    customer: Browser, stale: Browser, link: str, run_worker: RunWorker
) -> None:
    page = stale.press(identify(stale, link))
    operation = authorise(customer, link)
    told = refused(stale.sign_in(page, GERTA), "another_administrator")
    assert "could not be revoked" not in told
    assert "a delegated token of your organisation needs them" in told
    assert Connection.objects.get().grant_removed is None
    assert run_until_settled(operation, run_worker).status == "succeeded"


def test_a_wrong_account_first_leaves_no_warning_on_the_token_page(
    customer: Browser, link: str, run_worker: RunWorker, sandbox: Sandbox
) -> None:
    told = refused(customer.sign_in(customer.press(identify(customer, link)), GERTA), "another_administrator")
    assert "could not be revoked" in told
    assert Connection.objects.get().grant_removed is False
    operation = authorise(customer, link)
    assert Connection.objects.get().grant_removed is False  # nothing has revoked it since
    sandbox.world.ump("finebak").customers.clear()
    assert run_until_settled(operation, run_worker).waits_for == "staff"
    Connection.objects.update(
        grant_removed=False
    )  # a wrong account in another tab, at the very moment of the beginning
    page = text(customer.open("/authenticate/progress"))
    assert "Your part is done" in page
    assert "temporary permissions" not in page


# --- The account of the token ---


def test_the_final_page_names_the_account_of_the_token(
    customer: Browser, stale: Browser, link: str, run_worker: RunWorker, sandbox: Sandbox
) -> None:
    ump = sandbox.world.ump("finebak")
    working, ump.client_secret = ump.client_secret, "another-secret-than-the-sync-apps"
    operation = run_until_settled(authorise(customer, link), run_worker)
    assert operation.status == "failed"
    identify(stale, link, GERTA)
    assert Connection.objects.get().admin_username == TILDA
    ump.client_secret = working
    queue.resume(operation, actor=OLGA)
    assert run_until_settled(operation, run_worker).status == "succeeded"
    Connection.objects.update(admin_name="Gerta", admin_username=GERTA)
    page = text(customer.open("/authenticate/progress", follow=True))
    assert TILDA in page
    assert "Gerta" not in page
    assert GERTA not in page
