"""What a second person accepted for a delegated token and was refused with: cleaned, or listed for the right person."""

from collections.abc import Callable

import pytest

from onboarding.models import Connection
from registrations.models import AuditEvent, UmpInstance
from sandbox.app import Sandbox
from sandbox.catalogue import GLOBAL_ADMINISTRATOR
from sandbox.model import PermissionGrant, Tenant
from tests.onboarding.browser import Browser
from tests.onboarding.delegated import SKYPE, TEAMS, authorise, contoso, held, identify, provisioned
from tests.onboarding.wizard import refused, text
from tests.registrations.runs import run_until_settled

__all__ = ["contoso", "provisioned"]  # fixtures
pytestmark = pytest.mark.django_db
RunWorker = Callable[[], None]
GERTA = "gerta@contoso.example"
ENTERPRISE = "AppAppsPreview"


@pytest.fixture(autouse=True)
def gerta(sandbox: Sandbox, contoso: Tenant) -> None:
    """She may do everything, and is not the person of the first sign-in."""
    sandbox.world.add_user(contoso, "Gerta", GERTA, [GLOBAL_ADMINISTRATOR, SKYPE, TEAMS])


def grants_of(contoso: Tenant, instance: UmpInstance, person: str) -> list[PermissionGrant]:
    client = contoso.service_principal_of(instance.registrations.get().app_id)
    assert client is not None
    principal_id = contoso.user(person).id
    return [g for g in contoso.permission_grants if (g.client_id, g.principal_id) == (client.id, principal_id)]


def test_a_grant_that_cannot_be_revoked_is_listed_for_the_right_person(
    customer: Browser, link: str, contoso: Tenant, instance: UmpInstance, run_worker: RunWorker
) -> None:
    told = refused(customer.sign_in(customer.press(identify(customer, link)), GERTA), "another_administrator")
    assert "could not be revoked" in told
    assert grants_of(contoso, instance, GERTA)
    assert run_until_settled(authorise(customer, link), run_worker).status == "succeeded"
    page = customer.open("/authenticate/progress", follow=True)
    assert "Another account’s permissions are still in place" in text(page)
    assert ENTERPRISE in page.content.decode()
    assert AuditEvent.objects.filter(action="grant.left").exists()


def test_a_grant_is_revoked_by_the_right_persons_token_where_microsoft_allows_it(
    customer: Browser, link: str, contoso: Tenant, instance: UmpInstance, sandbox: Sandbox, run_worker: RunWorker
) -> None:
    refused(customer.sign_in(customer.press(identify(customer, link)), GERTA), "another_administrator")
    mine = grants_of(contoso, instance, GERTA)
    assert mine
    with sandbox.world.lock:  # an earlier consent of the organisation lets every token of this application do it
        for grant in mine[:1]:
            everybody = PermissionGrant(
                "everybody",
                grant.client_id,
                "AllPrincipals",
                None,
                grant.resource_id,
                "DelegatedPermissionGrant.ReadWrite.All Application.Read.All",
            )
            contoso.permission_grants.append(everybody)
    operation = run_until_settled(authorise(customer, link), run_worker)
    assert operation.status == "succeeded", operation.message
    assert grants_of(contoso, instance, GERTA) == []
    assert held(sandbox).method == "delegated_token"
    assert "still in place" not in text(customer.open("/authenticate/progress", follow=True))
    assert Connection.objects.get().grant_removed is True


def test_nobody_else_is_mentioned_where_nobody_was_refused(
    customer: Browser, link: str, sandbox: Sandbox, run_worker: RunWorker
) -> None:
    assert run_until_settled(authorise(customer, link), run_worker).status == "succeeded"
    assert "still in place" not in text(customer.open("/authenticate/progress", follow=True))
    assert not [call for call in sandbox.calls if "oauth2PermissionGrants" in call.path]


def test_a_person_refused_after_the_end_is_listed_too(
    customer: Browser, sandbox: Sandbox, instance: UmpInstance, link: str, run_worker: RunWorker
) -> None:
    late = Browser(sandbox, instance.host)
    page = late.press(identify(late, link))
    assert run_until_settled(authorise(customer, link), run_worker).status == "succeeded"
    assert "still in place" not in text(customer.open("/authenticate/progress", follow=True))
    late.sign_in(page, GERTA)
    assert "still in place" in text(customer.open("/authenticate/progress", follow=True))
