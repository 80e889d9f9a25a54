"""A refused second sign-in: its grant is revoked at once, or the page says that it was not."""

from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from onboarding.models import Connection, Invitation, SignIn
from onboarding.services import invitations, new_registration
from registrations.engine import queue
from registrations.models import AuditEvent, Operation, UmpInstance
from sandbox.app import Sandbox
from sandbox.model import PermissionGrant, Tenant
from tests import factories
from tests.onboarding.browser import Browser
from tests.onboarding.conftest import OLGA
from tests.onboarding.wizard import CARLA, finish, history, refused

pytestmark = pytest.mark.django_db
Grants = Callable[[], list[PermissionGrant]]
PAUL = "paul@contoso.example"
DENIED = {"error": {"code": "Authorization_RequestDenied", "message": "Insufficient privileges"}}


@pytest.fixture
def grants(sandbox: Sandbox, instance: UmpInstance) -> Grants:
    """The delegated grants that our sync app holds in Contoso's tenant."""
    contoso: Tenant = sandbox.world.tenant(sandbox.seed.customer.tenant_id)

    def held() -> list[PermissionGrant]:
        client = contoso.service_principal_of(instance.registrations.get().app_id)
        return [grant for grant in contoso.permission_grants if client and grant.client_id == client.id]

    return held


def accepted(customer: Browser, link: str, person: str = CARLA) -> dict[str, str]:
    """What Microsoft posts after the second consent."""
    return customer.visit_microsoft(customer.press(customer.identify(link), name="Finebak-sync"), person)


def test_the_grant_of_another_administrator_is_revoked(customer: Browser, link: str, grants: Grants) -> None:
    answer = accepted(customer, link, PAUL)
    assert grants()
    page = refused(customer.come_back(answer), "another_administrator")
    assert "permissions that you accepted a moment ago were revoked" in page
    assert grants() == []
    assert "grant.removed" in history()
    assert Connection.objects.get().grant_removed is True


def test_a_remaining_grant_is_named_with_how_to_remove_it(
    customer: Browser, link: str, grants: Grants, sandbox: Sandbox
) -> None:
    answer = accepted(customer, link, PAUL)
    sandbox.faults.add("graph", "status", method="DELETE", path="/oauth2PermissionGrants", status=403, body=DENIED)
    page = refused(customer.come_back(answer), "another_administrator")
    assert "could not be revoked" in page
    assert "under Enterprise applications, delete umptoken" in page
    assert grants()
    assert "grant.left" in history()
    assert Connection.objects.get().grant_removed is False


def test_an_outage_during_revocation_still_shows_the_error_page(customer: Browser, link: str, sandbox: Sandbox) -> None:
    answer = accepted(customer, link, PAUL)
    sandbox.faults.add("graph", "status", path="/servicePrincipals", status=503, times=20)
    assert "could not be revoked" in refused(customer.come_back(answer), "another_administrator")


def test_missing_permissions_revoke_the_others(
    customer: Browser, link: str, grants: Grants, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = accepted(customer, link)
    monkeypatch.setattr("onboarding.requirements.SCOPES_AUTHORISE", ["Application.ReadWrite.All", "Mail.Read"])
    assert "were revoked" in refused(customer.come_back(answer), "missing_scopes")
    assert grants() == []


def test_an_invitation_revoked_during_the_consent_revokes_the_grant(
    customer: Browser, invitation: Invitation, link: str, grants: Grants
) -> None:
    answer = accepted(customer, link)
    invitations.revoke(invitation, actor=OLGA)
    assert "were revoked" in refused(customer.come_back(answer), "revoked_link")
    assert grants() == []
    assert not Operation.objects.exists()


def test_an_invitation_revoked_at_the_last_moment_revokes_the_grant(
    customer: Browser, link: str, grants: Grants, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = accepted(customer, link)
    request = new_registration.request

    def just_before(*args: Any, **kwargs: Any) -> Operation:
        Invitation.objects.update(status="revoked")
        return request(*args, **kwargs)

    monkeypatch.setattr(new_registration, "request", just_before)
    assert "were revoked" in refused(customer.come_back(answer), "revoked_link")
    assert grants() == []
    assert not Operation.objects.exists()


def test_an_unverifiable_identity_revokes_the_grant(
    customer: Browser, link: str, grants: Grants, sandbox: Sandbox
) -> None:
    answer = accepted(customer, link)
    sandbox.faults.add("entra", "status", path="/keys", status=503, times=20)
    page = customer.come_back(answer).content.decode()
    assert "were revoked" in page
    assert grants() == []


def test_a_running_setup_keeps_the_grant_and_revokes_it_itself(
    customer: Browser, link: str, grants: Grants, run_worker: Callable[[], None]
) -> None:
    first, second = (customer.press(customer.identify(link), name="Finebak-sync") for _ in range(2))
    customer.sign_in(first, CARLA)
    assert customer.sign_in(second, CARLA).headers["location"] == "/authenticate/progress"
    assert grants()
    assert "grant.removed" not in history()
    finish(run_worker)
    assert grants() == []
    assert history().count("grant.removed") == 1


def test_another_administrator_does_not_revoke_a_running_setups_grant(
    customer: Browser, link: str, grants: Grants
) -> None:
    answer = accepted(customer, link)
    theirs = customer.visit_microsoft(customer.press(customer.open("/authenticate/registration"), name="x-y"), PAUL)
    customer.come_back(answer)
    assert "It revokes them when it finishes" in refused(customer.come_back(theirs), "another_administrator")
    assert grants()
    assert Connection.objects.get().grant_removed is None


def test_another_services_setup_keeps_the_shared_grant(
    customer: Browser, link: str, grants: Grants, sandbox: Sandbox
) -> None:
    customer.authorise(customer.identify(link))
    second = invitations.create(
        factories.make_service(sandbox, short_name="contoso2"),
        it_admin_email="it@contoso.example",
        m365_admin_email=CARLA,
        actor=OLGA,
    )
    answer = accepted(customer, invitations.link_of(second), PAUL)
    assert "It revokes them when it finishes" in refused(customer.come_back(answer), "another_administrator")
    assert grants()


def test_a_second_tab_after_the_customers_part_revokes_its_grant(
    customer: Browser, link: str, grants: Grants, sandbox: Sandbox, run_worker: Callable[[], None]
) -> None:
    sandbox.world.ump("finebak").customers.clear()
    first, second = (customer.press(customer.identify(link), name="Finebak-sync") for _ in range(2))
    customer.sign_in(first, CARLA)
    finish(run_worker)
    assert Operation.objects.get(kind="connect").waits_for == "staff"
    customer.sign_in(second, CARLA)
    assert grants() == []


def test_a_setup_that_waits_for_a_sign_in_needs_no_old_grant(
    customer: Browser, link: str, grants: Grants, run_worker: Callable[[], None]
) -> None:
    customer.authorise(customer.identify(link))
    Operation.objects.update(credential_envelope="")
    run_worker()
    page = customer.press(customer.open("/authenticate/progress"))
    assert "were revoked" in refused(customer.sign_in(page, PAUL), "another_administrator")
    assert grants() == []
    customer.sign_in(customer.press(customer.open("/authenticate/progress")), CARLA)
    finish(run_worker)
    assert Operation.objects.get(kind="connect").status == "succeeded"
    assert grants() == []


def test_an_answer_that_cannot_be_redeemed_says_what_may_remain(customer: Browser, link: str) -> None:
    answer = accepted(customer, link)
    SignIn.objects.update(expires_at=timezone.now())
    assert "they may still be in place" in refused(customer.come_back(answer), "state_lost")
    assert list(AuditEvent.objects.filter(action__startswith="grant.").values_list("action", flat=True)) == [
        "grant.left"
    ]


def test_a_refused_first_sign_in_does_not_mention_permissions(customer: Browser, link: str) -> None:
    page = refused(customer.sign_in(customer.start(link), "nora@contoso.example"), "not_an_administrator")
    assert "permissions that you accepted" not in page


def test_a_new_setup_after_a_cancelled_one_also_revokes_its_grant(
    customer: Browser, link: str, grants: Grants, sandbox: Sandbox, run_worker: Callable[[], None]
) -> None:
    customer.authorise(customer.identify(link))
    queue.cancel(Operation.objects.get(kind="connect"), actor=OLGA)
    assert Connection.objects.get().grant_removed is False
    sandbox.world.tenant(sandbox.seed.customer.tenant_id).secret_policy.secrets_forbidden = True
    customer.authorise(customer.open("/authenticate/registration"))
    finish(run_worker)
    assert grants() == []
    assert Connection.objects.get().grant_removed is True
