"""The pages say truthfully what remains in the tenant: before and after revoking, on error pages and at the end."""

from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from django.test import Client
from django.urls import reverse

from onboarding.models import Connection, Invitation
from onboarding.services import invitations
from registrations.models import Operation
from sandbox.app import Sandbox
from tests.onboarding.browser import Browser
from tests.onboarding.conftest import OLGA
from tests.onboarding.wizard import CARLA, finish, refused, text

pytestmark = pytest.mark.django_db
RunWorker = Callable[[], None]
ENTERPRISE = "under Enterprise applications of the organisation that you signed in to"


@pytest.fixture
def half_way(customer: Browser, link: str, sandbox: Sandbox, run_worker: RunWorker) -> Connection:
    """The registration was created; then a policy that excludes somebody else stopped the setup."""
    policy = sandbox.world.tenant(sandbox.seed.customer.tenant_id).secret_policy
    policy.secrets_forbidden, policy.excluded_users = True, ["somebody else"]
    customer.authorise(customer.identify(link), name="Finebak-sync")
    finish(run_worker)
    return Connection.objects.get(status="failed")


def confirmation(client: Client, invitation: Invitation) -> str:
    return text(client.get(reverse("admin:onboarding_invitation_revoke", args=[invitation.pk])))


# --- Revoking ---


def test_staff_read_what_remains_before_they_revoke(
    half_way: Connection, invitation: Invitation, operator_client: Client
) -> None:
    page = confirmation(operator_client, invitation)
    assert "SyncPortal can no longer remove it" in page
    assert "the registration Finebak-sync with its secret, permissions and roles" in page
    assert "the enterprise application umptoken with a consent to sign in" in page


def test_staff_read_that_the_temporary_permissions_remain(
    customer: Browser, invitation: Invitation, link: str, operator_client: Client
) -> None:
    customer.authorise(customer.identify(link))
    page = confirmation(operator_client, invitation)
    assert "umptoken with the temporary permissions for the setup" in page
    assert "the registration" not in page.partition("Remains in the customer")[2].partition("</div>")[0]
    operator_client.post(reverse("admin:onboarding_invitation_revoke", args=[invitation.pk]), {"confirmed": "yes"})
    assert Invitation.objects.get().status == Invitation.Status.REVOKED


def test_without_leftovers_nothing_is_mentioned(invitation: Invitation, operator_client: Client) -> None:
    assert "can no longer remove" not in confirmation(operator_client, invitation)
    assert "Remains in" not in confirmation(operator_client, invitation)


def test_staff_who_revoke_several_read_what_remains_of_each(
    half_way: Connection, invitation: Invitation, operator_client: Client
) -> None:
    data = {"action": "revoke_selected", "_selected_action": [str(invitation.pk)]}
    page = text(operator_client.post(reverse("admin:onboarding_invitation_changelist"), data))
    assert "SyncPortal can no longer remove it" in page
    assert "the registration Finebak-sync" in page


def test_the_customer_reads_what_remains_without_ids(
    half_way: Connection, customer: Browser, invitation: Invitation, link: str
) -> None:
    invitations.revoke(invitation, actor=OLGA)
    registration = half_way.registration
    assert registration is not None
    for answer in (
        customer.open("/authenticate/progress"),
        Browser(customer.sandbox, customer.host).open(urlsplit(link).path),
    ):
        page = refused(answer, "revoked_link")
        assert "The registration Finebak-sync is still in your organisation" in page
        assert "under Enterprise applications" in page
        assert registration.app_id not in page
        assert registration.object_id not in page


def test_remaining_permissions_are_named_on_the_revoked_page(
    customer: Browser, invitation: Invitation, link: str
) -> None:
    customer.authorise(customer.identify(link))
    invitations.revoke(invitation, actor=OLGA)
    page = refused(customer.open(urlsplit(link).path), "revoked_link")
    assert "The temporary permissions for the setup are still in place" in page
    assert "delete umptoken" in page


def test_a_registration_whose_response_was_lost_may_exist(
    customer: Browser, invitation: Invitation, link: str, sandbox: Sandbox, run_worker: RunWorker
) -> None:
    sandbox.faults.add("graph", "status", method="PATCH", path="/applications", status=400, body={"error": {}})
    customer.authorise(customer.identify(link), name="Finebak-sync")
    run_worker()
    assert Operation.objects.get(kind="connect").status == "failed"
    invitations.revoke(invitation, actor=OLGA)
    page = refused(customer.open(urlsplit(link).path), "revoked_link")
    assert "The registration Finebak-sync may still be in your organisation" in page


def test_an_unused_revoked_invitation_mentions_no_leftovers(
    customer: Browser, invitation: Invitation, link: str
) -> None:
    invitations.revoke(invitation, actor=OLGA)
    assert "What remains in" not in refused(customer.open(urlsplit(link).path), "revoked_link")


# --- Refusals ---


@pytest.mark.parametrize(
    ("person", "key"),
    [
        ("fred@fabrikam.example", "another_organisation"),
        ("nora@contoso.example", "not_an_administrator"),
        ("greta_fabrikam.example#EXT#@contoso.example", "guest"),
    ],
)
def test_a_person_who_consented_reads_about_the_enterprise_application(
    customer: Browser, link: str, person: str, key: str
) -> None:
    page = refused(customer.sign_in(customer.start(link), person), key)
    assert ENTERPRISE in page
    assert "changed nothing" not in page


def test_a_person_who_declined_reads_that_nothing_changed(customer: Browser, link: str) -> None:
    page = refused(customer.sign_in(customer.start(link), CARLA, consent="decline"), "consent_declined")
    assert "Microsoft only asked to sign you in. Nothing changed." in page
    assert ENTERPRISE not in page


# --- Promises ---


def test_the_pages_describe_truthfully_how_to_undo(customer: Browser, link: str, run_worker: RunWorker) -> None:
    landing = text(customer.open(urlsplit(link).path))
    customer.authorise(customer.identify(link))
    finish(run_worker)
    end = text(customer.open("/authenticate/done"))
    for page in (landing, end):
        assert "ends within about an hour" in page
        assert "no access any more" not in page
        assert "<strong>umptoken</strong>" in page
    assert "will invite you again" not in end
    assert "Make a note of the date" in end
