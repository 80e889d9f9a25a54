"""Permissions that somebody accepted and was refused with: revoked, or listed at the end, whichever methods were tried."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from onboarding.models import Connection, SignIn
from onboarding.services import invitations, stored_access
from registrations.models import AuditEvent, UmpInstance
from sandbox.app import Sandbox
from sandbox.catalogue import GLOBAL_ADMINISTRATOR
from sandbox.model import Tenant
from tests import factories
from tests.onboarding.browser import Browser
from tests.onboarding.conftest import OLGA
from tests.onboarding.delegated import SKYPE, TEAMS, authorise, contoso, identify, provisioned
from tests.onboarding.existing import Own, bare, enter, own, run_newest_check
from tests.onboarding.wizard import CARLA, finish, refused, text
from tests.registrations.runs import run_until_settled

__all__ = ["bare", "contoso", "own", "provisioned"]  # fixtures
pytestmark = pytest.mark.django_db
RunWorker = Callable[[], None]
GERTA, TILDA = "gerta@contoso.example", "tilda@contoso.example"
BUTTON = "AppAppsPreview"
NOTHING_ELSE = "Nothing else was created or changed"
# Not one of the codes that Microsoft gives while it replicates
UNREDEEMED = {"error": "invalid_grant", "error_description": "AADSTS70008: Expired.", "error_codes": [70008]}


@pytest.fixture(autouse=True)
def gerta(sandbox: Sandbox, contoso: Tenant) -> None:
    """She may do everything, and is not the person of the first sign-in."""
    sandbox.world.add_user(contoso, "Gerta", GERTA, [GLOBAL_ADMINISTRATOR, SKYPE, TEAMS])


def has_grants(contoso: Tenant, instance: UmpInstance, person: str) -> bool:
    """Whether the person's account still has permissions that only a setup needs."""
    client = contoso.service_principal_of(instance.registrations.get().app_id)
    assert client is not None
    principal_id = contoso.user(person).id
    return any((g.client_id, g.principal_id) == (client.id, principal_id) for g in contoso.permission_grants)


def refuse(customer: Browser, link: str, sandbox: Sandbox, method: str, how: str) -> None:
    """Gerta accepts the permissions of the method and is refused; what she accepted cannot be revoked."""
    page = customer.press(identify(customer, link) if method == "token" else customer.identify(link), **named(method))
    if how == "outage":
        sandbox.faults.add(
            "graph", "status", method="DELETE", path="oauth2PermissionGrants", times=20, status=503, body={}
        )
        sandbox.faults.add(
            "graph", "status", method="PATCH", path="oauth2PermissionGrants", times=20, status=503, body={}
        )
        refused(customer.sign_in(page, GERTA), "another_administrator")
    else:
        sandbox.faults.add("entra", "status", method="POST", path="/token", status=400, body=UNREDEEMED, times=5)
        refused(customer.sign_in(page, GERTA), "microsoft_error")
    sandbox.faults.clear()


def named(method: str) -> dict[str, str]:
    return {} if method == "token" else {"name": "Contoso-sync"}


def complete(customer: Browser, link: str, method: str, values: dict[str, str], run_worker: RunWorker) -> str:
    """The right person finishes by this method: the final page."""
    if method == "existing":
        enter(customer, link, values)
        assert run_newest_check(run_worker).status == "succeeded"
    elif method == "token":
        assert run_until_settled(authorise(customer, link), run_worker).status == "succeeded"
    else:
        customer.authorise(customer.identify(link), CARLA)
        finish(run_worker)
    answer = customer.open("/authenticate/progress", follow=True)
    assert "is connected" in text(answer)
    return text(answer)


def link_of_second_service(sandbox: Sandbox, instance: UmpInstance) -> str:
    """Another service of the same organisation on the same instance."""
    sandbox.world.add_ump_customer("finebak", "contoso2", "Contoso Two", sandbox.seed.customer.tenant_id)
    service = factories.make_service(instance=instance, short_name="contoso2", full_name="Contoso Two")
    made = invitations.create(service, it_admin_email="it@contoso.example", m365_admin_email=CARLA, actor=OLGA)
    return invitations.link_of(made)


@pytest.mark.parametrize("how", ["outage", "unredeemed"])
@pytest.mark.parametrize("completed", ["new", "existing", "token"])
@pytest.mark.parametrize("begun", ["new", "token"])
def test_what_a_refused_person_accepted_is_revoked_or_listed_at_the_end(
    customer: Browser,
    link: str,
    sandbox: Sandbox,
    contoso: Tenant,
    instance: UmpInstance,
    run_worker: RunWorker,
    own: Own,
    begun: str,
    completed: str,
    how: str,
) -> None:
    refuse(customer, link, sandbox, begun, how)
    assert has_grants(contoso, instance, GERTA)
    assert Connection.objects.get().grant_removed is False
    page = complete(customer, link, completed, own.values, run_worker)
    assert NOTHING_ELSE not in page
    if completed == "new":  # its own clean-up revokes everybody's
        assert not has_grants(contoso, instance, GERTA)
        assert Connection.objects.get().grant_removed is True
        assert "were revoked" in page
    else:
        assert has_grants(contoso, instance, GERTA)
        assert Connection.objects.get().grant_removed is False
        assert BUTTON in page
        assert ("could not be revoked" if completed == "existing" else "may still be in place") in page


def test_a_lost_second_sign_in_forbids_the_claim_that_nothing_changed(
    customer: Browser, link: str, run_worker: RunWorker, own: Own
) -> None:
    customer.press(customer.identify(link), name="Contoso-sync")
    assert NOTHING_ELSE not in complete(customer, link, "existing", own.values, run_worker)


@pytest.mark.parametrize("completed", ["existing", "token"])
def test_a_declined_consent_leaves_nothing_to_list(
    customer: Browser, link: str, sandbox: Sandbox, run_worker: RunWorker, own: Own, completed: str
) -> None:
    page = customer.press(customer.identify(link), name="Contoso-sync")
    refused(customer.sign_in(page, CARLA, consent="decline"), "consent_declined")
    final = complete(customer, link, completed, own.values, run_worker)
    assert BUTTON not in final
    assert (NOTHING_ELSE in final) == (completed == "existing")
    assert not [call for call in sandbox.calls if "oauth2PermissionGrants" in call.path]


def test_a_new_invitation_lists_what_an_earlier_one_left(
    customer: Browser, link: str, sandbox: Sandbox, instance: UmpInstance, run_worker: RunWorker, own: Own
) -> None:
    refuse(customer, link, sandbox, "new", "outage")
    first = Connection.objects.get().invitation
    invitations.revoke(first, actor=OLGA)
    again = invitations.create(
        first.service, it_admin_email="it@contoso.example", m365_admin_email=CARLA, again=True, actor=OLGA
    )
    page = complete(customer, invitations.link_of(again), "existing", own.values, run_worker)
    assert "could not be revoked" in page
    assert BUTTON in page
    assert "was created or changed" not in page


def test_a_later_clean_up_also_settles_what_an_earlier_setup_left(
    customer: Browser, link: str, sandbox: Sandbox, instance: UmpInstance, run_worker: RunWorker, own: Own
) -> None:
    refuse(customer, link, sandbox, "new", "outage")
    complete(customer, link, "existing", own.values, run_worker)
    second = link_of_second_service(sandbox, instance)
    other = Browser(sandbox, instance.host)
    complete(other, second, "new", {}, run_worker)
    assert set(Connection.objects.values_list("grant_removed", flat=True)) == {True}
    page = text(customer.open("/authenticate/done"))
    assert "were revoked" in page
    assert "could not be revoked" not in page


def test_nobody_is_told_to_delete_the_application_of_a_colleagues_token(
    customer: Browser, link: str, sandbox: Sandbox, instance: UmpInstance, run_worker: RunWorker, own: Own
) -> None:
    complete(customer, link, "token", {}, run_worker)
    second = link_of_second_service(sandbox, instance)
    other = Browser(sandbox, instance.host)
    refuse(other, second, sandbox, "new", "outage")
    page = complete(other, second, "existing", own.values, run_worker)
    assert "revoke those of every account except" in page
    assert TILDA not in page  # the form for existing values is open to whoever has the link
    assert "enterprise applications, delete" not in page.lower()
    assert "you can delete it" not in page.lower()


@pytest.mark.parametrize("is_stored", [True, False])
def test_a_new_registration_keeps_what_a_token_needs_and_does_not_advise_to_delete_it(
    customer: Browser,
    link: str,
    sandbox: Sandbox,
    contoso: Tenant,
    instance: UmpInstance,
    run_worker: RunWorker,
    is_stored: bool,
) -> None:
    """The UMP works with its copy of the token, also once ours was deleted."""
    complete(customer, link, "token", {}, run_worker)
    if not is_stored:
        stored_access.delete(Connection.objects.get(), actor=OLGA)
    page = complete(Browser(sandbox, instance.host), link_of_second_service(sandbox, instance), "new", {}, run_worker)
    assert "A delegated token of your organisation needs it" in page
    assert "You can delete it too" not in page
    assert has_grants(contoso, instance, TILDA)


def test_who_only_has_the_link_does_not_read_the_accounts_of_others(
    customer: Browser, link: str, sandbox: Sandbox, instance: UmpInstance, run_worker: RunWorker, own: Own
) -> None:
    complete(customer, link, "token", {}, run_worker)
    second = link_of_second_service(sandbox, instance)
    refuse(Browser(sandbox, instance.host), second, sandbox, "new", "outage")
    page = complete(Browser(sandbox, instance.host), second, "existing", own.values, run_worker)
    assert "every account except those whose tokens the phone service uses" in page
    assert TILDA not in page
    assert "delete it too" not in page


@pytest.mark.parametrize("comes", ["too late", "again"])
def test_a_code_that_cannot_be_redeemed_any_more_is_noted(
    customer: Browser, link: str, sandbox: Sandbox, comes: str
) -> None:
    """The person has accepted, and nobody can ask Microsoft with a code whose sign-in has ended."""
    page = customer.press(customer.identify(link), name="Contoso-sync")
    answer = customer.visit_microsoft(page, GERTA)
    if comes == "again":
        refused(customer.come_back(answer), "another_administrator")
        Connection.objects.update(grant_removed=None)
        answer = {**answer, "code": "another"}
    else:
        SignIn.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    refused(customer.come_back(answer), "state_lost")
    assert Connection.objects.get().grant_removed is False
    assert AuditEvent.objects.filter(action="grant.left").count() == 1


def test_the_same_code_once_more_says_nothing_new(customer: Browser, link: str) -> None:
    page = customer.press(customer.identify(link), name="Contoso-sync")
    answer = customer.visit_microsoft(page, GERTA)
    refused(customer.come_back(answer), "another_administrator")
    before = Connection.objects.get().grant_removed
    refused(customer.come_back(answer), "state_lost")
    assert Connection.objects.get().grant_removed is before
