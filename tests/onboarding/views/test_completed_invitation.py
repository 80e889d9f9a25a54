"""Later visits: after completion, after the expiry, after a cancelled setup."""

from collections.abc import Callable
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.test import Client
from django.utils import timezone

from onboarding.models import Connection, Invitation
from onboarding.services import invitations
from registrations import audit
from registrations.engine import queue
from registrations.errors import WrongStateError
from registrations.models import AuditEvent, Operation
from sandbox.app import Sandbox
from tests.onboarding.browser import Browser
from tests.onboarding.conftest import OLGA
from tests.onboarding.wizard import CARLA, finish, refused, text

pytestmark = pytest.mark.django_db
RunWorker = Callable[[], None]
PAUL = "paul@contoso.example"
DENIED = {"error": {"code": "Authorization_RequestDenied", "message": "Insufficient privileges"}}


@pytest.fixture
def connected(customer: Browser, link: str, run_worker: RunWorker) -> Connection:
    """Carla has connected Contoso."""
    customer.authorise(customer.identify(link))
    finish(run_worker)
    return Connection.objects.get(status="connected")


@pytest.fixture
def later(customer: Browser) -> Browser:
    """Another browser, or the same one weeks later."""
    return Browser(customer.sandbox, customer.host)


def over() -> None:
    Invitation.objects.update(expires_at=timezone.now() - timedelta(days=1))


# --- After completion ---


@pytest.mark.parametrize("person", [CARLA, PAUL])
def test_any_administrator_sees_the_result_again_with_the_used_link(
    connected: Connection, later: Browser, link: str, person: str
) -> None:
    over()
    page = later.open(urlsplit(link).path)
    assert page.status_code == 410  # what the invitation was for is gone; the demo asks for that
    assert "This invitation has been used" in text(page)
    assert "What Finebak will be able to do" not in text(page)
    answer = later.sign_in(later.press(page), person)
    end = later.open(later.open(answer.headers["location"]).headers["location"])
    assert "What was created" in text(end)
    assert "by Carla" in text(end)


def test_viewing_the_result_again_changes_only_the_history(connected: Connection, later: Browser, link: str) -> None:
    before = (Invitation.objects.values().get(), Connection.objects.values().get(), Operation.objects.values().get())
    later.sign_in(later.start(link), PAUL)
    assert before == (
        Invitation.objects.values().get(),
        Connection.objects.values().get(),
        Operation.objects.values().get(),
    )
    event = AuditEvent.objects.filter(action="invitation.authenticated").latest("id")
    assert event.actor_label == f"Paul ({PAUL})"


@pytest.mark.parametrize(
    ("person", "key"),
    [("nora@contoso.example", "not_an_administrator"), ("fred@fabrikam.example", "another_organisation")],
)
def test_no_one_else_sees_the_result(connected: Connection, later: Browser, link: str, person: str, key: str) -> None:
    refused(later.sign_in(later.start(link), person), key)
    assert later.open("/authenticate/done").status_code == 403


def test_a_completed_invitation_accepts_no_second_sign_in(customer: Browser, link: str, run_worker: RunWorker) -> None:
    first, second = (customer.press(customer.identify(link), name="Finebak-sync") for _ in range(2))
    customer.sign_in(first, CARLA)
    finish(run_worker)
    page = refused(customer.sign_in(second, CARLA), "used_link")
    assert 'href="/authenticate/progress"' in page
    assert "were revoked" in page


# --- What remains is named wherever the customer's part ends ---


def test_the_waiting_page_says_what_could_not_be_revoked(
    customer: Browser, link: str, sandbox: Sandbox, run_worker: RunWorker
) -> None:
    sandbox.faults.add(
        "graph", "status", method="DELETE", path="/oauth2PermissionGrants", status=403, body=DENIED, times=9
    )
    sandbox.world.ump("finebak").customers.clear()
    customer.authorise(customer.identify(link))
    finish(run_worker)
    page = text(customer.open("/authenticate/progress"))
    assert "Your part is done" in page
    assert "could not be revoked" in page
    assert "delete <strong>umptoken</strong>" in page


# --- After the expiry ---


def test_a_setup_started_in_time_does_not_expire(customer: Browser, invitation: Invitation, link: str) -> None:
    customer.authorise(customer.identify(link))
    over()
    invitation.refresh_from_db()
    assert not invitation.is_expired
    another = Browser(customer.sandbox, customer.host)
    assert text(another.open(urlsplit(link).path)).count("Sign in to see the progress") == 1
    assert customer.open(urlsplit(link).path).headers["location"] == "/authenticate/progress"
    assert invitations.copy_link(invitation, actor=OLGA) == link


def test_a_cancelled_setup_can_restart_after_the_expiry(customer: Browser, link: str, run_worker: RunWorker) -> None:
    customer.authorise(customer.identify(link))
    queue.cancel(Operation.objects.get(kind="connect"), actor=audit.SYSTEM)
    over()
    customer.authorise(customer.identify(link))
    finish(run_worker)
    assert Invitation.objects.get().status == Invitation.Status.COMPLETED


def test_an_invitation_that_expires_during_the_second_sign_in_says_that(customer: Browser, link: str) -> None:
    page = customer.press(customer.identify(link), name="Finebak-sync")
    over()
    refused(customer.sign_in(page, CARLA), "expired_link")
    assert not Operation.objects.exists()


def test_the_link_of_an_expired_invitation_is_not_copied(invitation: Invitation, operator_client: Client) -> None:
    over()
    with pytest.raises(WrongStateError, match="has expired"):
        invitations.copy_link(invitation, actor=OLGA)
    assert not AuditEvent.objects.filter(action="invitation.link_copied").exists()
    assert "Copy link" not in operator_client.get("/admin/onboarding/invitation/").content.decode()
