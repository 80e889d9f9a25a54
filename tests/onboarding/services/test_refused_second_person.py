"""What a second person accepted for a delegated token and was refused with: cleaned, or listed for the right person."""

from collections.abc import Callable

import pytest

from onboarding.models import Connection, SignIn
from onboarding.services import invitations, sign_in_requests, temporary_grant
from registrations import connections
from registrations.models import AuditEvent, Operation, UmpInstance
from sandbox.app import Sandbox
from sandbox.catalogue import GLOBAL_ADMINISTRATOR
from sandbox.model import PermissionGrant, Tenant
from tests import factories
from tests.onboarding.browser import Browser
from tests.onboarding.conftest import OLGA
from tests.onboarding.delegated import SKYPE, TEAMS, TILDA, authorise, contoso, identify, provisioned
from tests.onboarding.wizard import refused, text
from tests.registrations.runs import run_until_settled

__all__ = ["contoso", "provisioned"]  # fixtures
pytestmark = pytest.mark.django_db
RunWorker = Callable[[], None]
GERTA = "gerta@contoso.example"
FRED = "fred@fabrikam.example"
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
    assert "may still be in place" in text(page)
    assert ENTERPRISE in page.content.decode()
    assert AuditEvent.objects.filter(action="grant.left").exists()


def test_only_the_grant_of_the_refused_person_is_revoked_where_microsoft_allows_it(
    customer: Browser, link: str, contoso: Tenant, instance: UmpInstance, run_worker: RunWorker
) -> None:
    """A token with the right to do it stands for a tenant whose Directory.AccessAsUser.All suffices: Microsoft's pages differ."""
    refused(customer.sign_in(customer.press(identify(customer, link)), GERTA), "another_administrator")
    operation = run_until_settled(authorise(customer, link), run_worker)
    kept = len(grants_of(contoso, instance, TILDA))
    client = contoso.service_principal_of(instance.registrations.get().app_id)
    assert client is not None
    others = Browser(customer.sandbox, instance.host)
    answer = others.authorise(others.identify(second_link(instance), GERTA), GERTA)
    assert answer.status_code == 303
    token = Operation.objects.get(kind="connect").unseal("credential_envelope")
    connection = Connection.objects.get(way="token")
    temporary_grant.revoke_of_others(connections.graph_as_person(token), connection, operation)
    assert grants_of(contoso, instance, GERTA) == []
    assert kept
    assert len(grants_of(contoso, instance, TILDA)) == kept
    connection.refresh_from_db()
    assert connection.grant_removed is True


def second_link(instance: UmpInstance) -> str:
    """An invitation for another service of Contoso on the same instance."""
    service = factories.make_service(instance=instance, short_name="contoso2", full_name="Contoso Two")
    invitation = invitations.create(
        service, it_admin_email="it@contoso.example", m365_admin_email="gerta@contoso.example", actor=OLGA
    )
    return invitations.link_of(invitation)


def test_later_sign_ins_do_not_hide_a_grant_that_was_left(
    customer: Browser, link: str, run_worker: RunWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sign_in_requests, "KEPT", 2)
    refused(customer.sign_in(customer.press(identify(customer, link)), GERTA), "another_administrator")
    for _ in range(4):
        refused(customer.sign_in(customer.start(link, way="token"), FRED), "another_organisation")
    assert run_until_settled(authorise(customer, link), run_worker).status == "succeeded"
    # The newest two, and the one that the setup looks for
    assert SignIn.objects.exclude(outcome=SignIn.Outcome.STARTED).count() == 3
    page = customer.open("/authenticate/progress", follow=True)
    assert "may still be in place" in text(page)


def test_the_refused_second_sign_ins_that_are_kept_are_limited_too(
    customer: Browser, link: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sign_in_requests, "KEPT", 2)
    for _ in range(4):
        refused(customer.sign_in(customer.press(identify(customer, link)), GERTA), "another_administrator")
    assert SignIn.objects.filter(outcome="refused").count() == 2


def test_nobody_else_is_mentioned_where_nobody_was_refused(
    customer: Browser, link: str, sandbox: Sandbox, run_worker: RunWorker
) -> None:
    assert run_until_settled(authorise(customer, link), run_worker).status == "succeeded"
    assert "may still be in place" not in text(customer.open("/authenticate/progress", follow=True))
    assert not [call for call in sandbox.calls if "oauth2PermissionGrants" in call.path]


def test_a_person_refused_after_the_end_is_listed_too(
    customer: Browser, sandbox: Sandbox, instance: UmpInstance, link: str, run_worker: RunWorker
) -> None:
    late = Browser(sandbox, instance.host)
    page = late.press(identify(late, link))
    assert run_until_settled(authorise(customer, link), run_worker).status == "succeeded"
    assert "may still be in place" not in text(customer.open("/authenticate/progress", follow=True))
    late.sign_in(page, GERTA)
    assert "may still be in place" in text(customer.open("/authenticate/progress", follow=True))
