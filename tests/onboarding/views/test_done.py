"""From the running setup to the final page."""

from collections.abc import Callable
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.utils import timezone

from onboarding import requirements
from onboarding.models import Connection, Invitation
from onboarding.services import invitations
from registrations.models import ClientSecret, Operation
from sandbox.app import Sandbox
from tests.onboarding.browser import Browser, read
from tests.onboarding.conftest import OLGA
from tests.onboarding.existing import Own, bare, contoso, enter, own, run_newest_check
from tests.onboarding.wizard import CARLA, finish, text

pytestmark = pytest.mark.django_db
__all__ = ["bare", "contoso", "own"]  # fixtures


def test_the_final_page_summarises_the_connection(
    customer: Browser, invitation: Invitation, link: str, run_worker: Callable[[], None], enqueued: list[str]
) -> None:
    answer = customer.authorise(customer.identify(link), name="Finebak-sync")
    assert (answer.status_code, answer.headers["location"]) == (303, "/authenticate/progress")
    operation = Operation.objects.get(kind="connect")
    assert enqueued == [str(operation.pk)]
    assert "Create the registration" in text(customer.open("/authenticate/progress"))
    finish(run_worker)
    operation.refresh_from_db()
    assert operation.status == "succeeded", operation.message
    assert customer.open("/authenticate/progress").headers["location"] == "/authenticate/done"
    page = text(customer.open("/authenticate/done"))
    registration = Connection.objects.get().registration
    assert registration is not None
    for expected in (
        "Contoso is connected",
        "Finebak-sync",
        registration.app_id,
        registration.object_id,
        registration.service_principal_id,
        "were revoked",
        "Global Administrator",
        "Print this page",
        "“Read all groups” (",
    ):
        assert expected in page, expected
    invitation.refresh_from_db()
    assert invitation.status == Invitation.Status.COMPLETED


def test_a_used_link_says_so_but_the_session_sees_the_result(
    customer: Browser, link: str, run_worker: Callable[[], None]
) -> None:
    customer.authorise(customer.identify(link))
    finish(run_worker)
    assert "This invitation has been used" in text(customer.open(urlsplit(link).path))
    assert customer.open("/authenticate/done").status_code == 200
    assert customer.open("/authenticate/registration").headers["location"] == "/authenticate/done"


def test_the_progress_page_refreshes_itself_without_a_script(customer: Browser, link: str) -> None:
    customer.authorise(customer.identify(link))
    page = customer.open("/authenticate/progress")
    assert '<noscript><meta http-equiv="refresh" content="3"></noscript>' in page.content.decode()
    assert 'id="said" role="status"' in page.content.decode()
    assert "You can close this page" in text(page)


def test_a_new_sign_in_continues_after_the_permission_expired(
    customer: Browser, link: str, run_worker: Callable[[], None]
) -> None:
    customer.authorise(customer.identify(link))
    Operation.objects.update(credential_envelope="")
    run_worker()
    page = customer.open("/authenticate/progress")
    assert "Sign in again to continue" in text(page)
    assert "refresh" not in {values.get("http-equiv") for _, values in read(page.content.decode()).tags}
    answer = customer.sign_in(customer.press(page), CARLA)
    assert answer.headers["location"] == "/authenticate/progress"
    finish(run_worker)
    assert Operation.objects.get(kind="connect").status == "succeeded"


def test_a_failed_step_is_explained_and_can_be_retried(
    customer: Browser, link: str, run_worker: Callable[[], None]
) -> None:
    customer.sandbox.faults.add(
        "graph",
        "status",
        method="PATCH",
        path="/applications",
        status=400,
        body={"error": {"code": "Request_BadRequest", "message": "Made up."}},
    )
    customer.authorise(customer.identify(link))
    run_worker()
    page = customer.open("/authenticate/progress")
    assert "The setup could not finish" in text(page)
    assert "Made up" not in text(page)
    customer.sign_in(customer.press(page), CARLA)
    finish(run_worker)
    assert Operation.objects.get(kind="connect").status == "succeeded"


def test_without_a_ump_service_the_customers_part_is_done(
    customer: Browser, link: str, run_worker: Callable[[], None], sandbox: Sandbox
) -> None:
    sandbox.world.ump("finebak").customers.clear()
    customer.authorise(customer.identify(link))
    finish(run_worker)
    page = text(customer.open("/authenticate/progress"))
    assert "Your part is done" in page
    assert "Everything in your organisation is created and verified" in page
    assert "Finebak still has to create the service. You do not need to wait." in page
    assert "Create the service in the UMP" not in page


@pytest.mark.parametrize(
    ("person", "held", "others"),
    [
        (CARLA, ["Global Administrator"], ["Privileged Role Administrator", "Application Administrator"]),
        (
            "paul@contoso.example",
            ["Privileged Role Administrator", "Application Administrator"],
            ["Global Administrator"],
        ),
    ],
)
def test_only_roles_that_the_person_held_are_listed_for_removal(
    customer: Browser, link: str, run_worker: Callable[[], None], person: str, held: list[str], others: list[str]
) -> None:
    customer.authorise(customer.identify(link, person), person)
    finish(run_worker)
    page = text(customer.open("/authenticate/done"))
    assert [f"<strong>{name}</strong>" in page for name in held] == [True] * len(held)
    assert [name for name in others if name in page] == []


def test_without_known_roles_the_final_page_claims_none(
    customer: Browser, link: str, run_worker: Callable[[], None]
) -> None:
    customer.authorise(customer.identify(link))
    finish(run_worker)
    Connection.objects.update(admin_roles=[])  # connected by an earlier version
    assert "Roles you can remove now" not in text(customer.open("/authenticate/done"))


def test_the_final_page_says_that_the_secret_has_expired(
    customer: Browser, link: str, run_worker: Callable[[], None]
) -> None:
    customer.authorise(customer.identify(link))
    finish(run_worker)
    ClientSecret.objects.update(expires_at=timezone.now() - timedelta(days=2))
    page = text(customer.open("/authenticate/done"))
    assert "<strong>expired on" in page
    assert "expires on" not in page


def connect_again(customer: Browser, invitation: Invitation, own: Own, run_worker: Callable[[], None]) -> str:
    """Reconnect the service with the customer's own registration: the last page."""
    again = invitations.create(
        invitation.service, it_admin_email="it@contoso.example", m365_admin_email=CARLA, again=True, actor=OLGA
    )
    enter(customer, invitations.link_of(again), own.values)
    assert run_newest_check(run_worker).status == "succeeded"
    return text(customer.open("/authenticate/done"))


def test_a_registration_that_another_method_replaced_is_named_for_deletion(
    customer: Browser, invitation: Invitation, link: str, own: Own, run_worker: Callable[[], None]
) -> None:
    customer.authorise(customer.identify(link), name="Finebak-sync")
    finish(run_worker)
    assert "No longer needed" not in text(customer.open("/authenticate/done"))
    first = Connection.objects.get().registration
    assert first is not None
    page = connect_again(customer, invitation, own, run_worker)
    assert "your earlier registration <strong>Finebak-sync</strong> is no longer used" in page
    assert page.count(f'href="{requirements.overview_page(first.app_id)}"') == 1


def test_a_registration_of_the_customers_own_is_not_named_for_deletion(
    customer: Browser, invitation: Invitation, link: str, own: Own, run_worker: Callable[[], None]
) -> None:
    enter(customer, link, own.values)
    assert run_newest_check(run_worker).status == "succeeded"
    assert "No longer needed" not in connect_again(customer, invitation, own, run_worker)
