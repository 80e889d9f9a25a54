"""Connect with a delegated token: both APIs, the roles, the cache, the UMP's own check."""

from datetime import timedelta

import pytest
from django.utils import timezone
from django.utils.html import strip_tags

from onboarding.models import Connection, DelegatedToken, Invitation, Service
from onboarding.services import delegated_token, invitations, new_registration
from registrations.clients.entra import refresh_token_in
from registrations.engine.lease import LeaseLostError
from registrations.models import AuditEvent, Operation, UmpInstance
from registrations.models.steps import reset_steps
from sandbox.app import Sandbox
from sandbox.model import Tenant
from tests.onboarding.browser import Browser
from tests.onboarding.conftest import OLGA
from tests.onboarding.delegated import (
    SKYPE,
    TEAMS,
    TILDA,
    RunWorker,
    authorise,
    contoso,
    held,
    identify,
    provisioned,
)
from tests.onboarding.wizard import last_refusal, refused, text
from tests.registrations.deletion import before
from tests.registrations.runs import run_until_settled

pytestmark = pytest.mark.django_db


__all__ = ["contoso", "provisioned"]  # fixtures


def test_a_customer_connects_with_a_delegated_token(
    customer: Browser, link: str, run_worker: RunWorker, sandbox: Sandbox
) -> None:
    operation = run_until_settled(authorise(customer, link), run_worker)
    assert operation.status == "succeeded", operation.message
    connection = Connection.objects.get()
    assert (connection.status, connection.way, connection.registration) == ("connected", "token", None)
    assert Invitation.objects.get().status == "completed"
    token = DelegatedToken.objects.get()
    assert (held(sandbox).method, held(sandbox).username) == ("delegated_token", TILDA)
    assert held(sandbox).refresh_token == refresh_token_in(token.unseal("cache_envelope"))
    assert held(sandbox).last_status == "Successful"
    page = text(customer.open("/authenticate/progress", follow=True))
    assert "Contoso is connected" in page
    assert TILDA in page
    assert "Conditional Access can invalidate the token" in page
    assert "“Read and write all groups” (Group.ReadWrite.All)" in strip_tags(page)


def test_the_second_apis_token_comes_from_the_refresh_token(
    customer: Browser, link: str, run_worker: RunWorker, sandbox: Sandbox
) -> None:
    page = customer.press(identify(customer, link))
    sandbox.log.clear()
    customer.sign_in(page, TILDA)
    run_until_settled(Operation.objects.get(kind=delegated_token.KIND), run_worker)
    bodies = [str(call.body) for call in sandbox.calls if call.path.endswith("/oauth2/v2.0/token")]
    by_code = [body for body in bodies if "authorization_code" in body]
    by_refresh = [body for body in bodies if "grant_type=refresh_token" in body or "'refresh_token'" in body]
    assert len(by_code) == 1
    assert "user_impersonation" not in by_code[0]
    assert any("user_impersonation" in body for body in by_refresh)


def test_exactly_the_documented_permissions_are_requested(
    customer: Browser, link: str, instance: UmpInstance, contoso: Tenant
) -> None:
    authorise(customer, link)
    client = contoso.service_principal_of(instance.registrations.get().app_id)
    assert client is not None
    granted = {s for grant in contoso.permission_grants if grant.client_id == client.id for s in grant.scope.split()}
    assert granted - {"openid", "profile", "User.Read"} == {
        "Group.ReadWrite.All",
        "Directory.AccessAsUser.All",
        "User.Read.All",
        "AppCatalog.ReadWrite.All",
        "offline_access",
        "user_impersonation",
    }


def test_the_token_cache_is_nowhere_in_clear(
    customer: Browser, link: str, run_worker: RunWorker, caplog: pytest.LogCaptureFixture
) -> None:
    operation = authorise(customer, link)
    cache = DelegatedToken.objects.get().unseal("cache_envelope")
    secret = refresh_token_in(cache)
    assert secret
    run_until_settled(operation, run_worker)
    told = str(list(Operation.objects.values())) + str(list(AuditEvent.objects.values())) + caplog.text
    told += str(list(DelegatedToken.objects.values()))
    assert secret not in told
    assert refresh_token_in(DelegatedToken.objects.get().unseal("cache_envelope")) not in told


def test_conditional_access_is_mentioned_before_choice_and_consent(customer: Browser, link: str) -> None:
    choice = text(customer.choose(link))
    assert "Conditional Access can invalidate the token" in choice
    assert choice.index("Use an existing app registration") < choice.index("Use a delegated token")
    page = text(identify(customer, link))
    assert "Conditional Access can invalidate the token" in page
    assert "Directory.AccessAsUser.All" in page


def test_a_phone_service_without_token_support_does_not_offer_it(customer: Browser, link: str) -> None:
    page = customer.choose(link)
    UmpInstance.objects.update(delivery=UmpInstance.Delivery.HANDOVER)
    assert "Use a delegated token" not in text(customer.choose(link))
    refused(customer.press(page, way="token"), "way_not_offered")


def test_a_global_administrator_reads_which_token_roles_are_missing(customer: Browser, link: str) -> None:
    page = refused(customer.sign_in(customer.start(link, way="token"), "carla@contoso.example"), "roles_missing")
    assert "also needs Skype for Business Administrator and Teams Communications Administrator" in page
    assert last_refusal()["missing"].startswith("Skype for Business Administrator")
    assert not Connection.objects.exists()


def test_a_role_removed_meanwhile_waits_for_the_customer(
    customer: Browser, link: str, run_worker: RunWorker, contoso: Tenant
) -> None:
    operation = authorise(customer, link)
    contoso.role_assignments[:] = [a for a in contoso.role_assignments if a.role_id != SKYPE]
    operation = run_until_settled(operation, run_worker)
    assert (operation.waits_for, operation.error_code) == ("customer", "roles_missing")
    assert "lacks: Skype for Business Administrator." in operation.message
    assert DelegatedToken.objects.get().delivered_at is None


def test_an_account_that_cannot_consent_is_told_to_forward_the_link(
    customer: Browser, link: str, contoso: Tenant, sandbox: Sandbox
) -> None:
    sandbox.world.add_user(contoso, "Sven", "sven@contoso.example", [SKYPE, TEAMS])
    page = customer.press(identify(customer, link, "sven@contoso.example"))
    answer = customer.sign_in(page, "sven@contoso.example", consent="decline")
    assert "AADSTS90094" in refused(answer, "approval_needed")
    assert not Operation.objects.exists()


def test_a_delegated_token_that_microsoft_revoked_asks_for_a_sign_in(
    customer: Browser, link: str, run_worker: RunWorker, sandbox: Sandbox
) -> None:
    operation = authorise(customer, link)
    sandbox.world.state.refresh_tokens.clear()
    operation = run_until_settled(operation, run_worker)
    assert (operation.waits_for, operation.error_code) == ("customer", "AADSTS70000")
    page = customer.open("/authenticate/progress")
    assert "Sign in again" in text(page)
    customer.sign_in(customer.press(page), TILDA)
    assert run_until_settled(operation, run_worker).status == "succeeded"


def test_a_ump_that_cannot_use_the_token_is_not_connected(
    customer: Browser, link: str, run_worker: RunWorker, sandbox: Sandbox
) -> None:
    sandbox.world.ump("finebak").client_secret = "another-secret-than-the-sync-apps"
    operation = run_until_settled(authorise(customer, link), run_worker)
    assert (operation.status, operation.error_code) == ("failed", "ump_validation")
    assert Connection.objects.get().status == "failed"
    assert "Your part is done" in text(customer.open("/authenticate/progress"))


def test_a_ump_without_the_contract_says_so_to_staff(
    customer: Browser, link: str, run_worker: RunWorker, sandbox: Sandbox
) -> None:
    sandbox.world.ump("finebak").lacks_contract_api = True
    operation = run_until_settled(authorise(customer, link), run_worker)
    assert (operation.status, operation.error_code) == ("failed", "no_contract")


def test_a_worker_that_lost_its_lease_writes_no_cache(
    customer: Browser, link: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    operation = authorise(customer, link)
    before = DelegatedToken.objects.get().cache_envelope
    Operation.objects.filter(pk=operation.pk).update(status="running", lease="another worker's")
    operation.lease = "ours"
    with pytest.raises(LeaseLostError):
        delegated_token._teams_token(operation)
    assert DelegatedToken.objects.get().cache_envelope == before


def test_revoking_an_invitation_deletes_its_token(
    customer: Browser, link: str, invitation: Invitation, run_worker: RunWorker, contoso: Tenant
) -> None:
    operation = authorise(customer, link)
    contoso.role_assignments[:] = [a for a in contoso.role_assignments if a.role_id != SKYPE]
    run_until_settled(operation, run_worker)
    invitations.revoke(invitation, actor=OLGA)
    assert DelegatedToken.objects.get().cache_envelope == ""


def test_revoking_the_grant_keeps_the_scopes_of_a_stored_token(
    customer: Browser, link: str, run_worker: RunWorker, instance: UmpInstance, sandbox: Sandbox, contoso: Tenant
) -> None:
    run_until_settled(authorise(customer, link), run_worker)
    sandbox.world.add_ump_customer("finebak", "contoso2", "Contoso Two", contoso.id)
    service = Service.objects.get()
    second = Service.objects.create(
        customer=service.customer,
        instance=instance,
        service_type=service.service_type,
        full_name="Contoso Two",
        short_name="contoso2",
    )
    made = invitations.create(second, it_admin_email="it@contoso.example", m365_admin_email=TILDA, actor=OLGA)
    other = Browser(sandbox, instance.host)
    answer = other.authorise(other.identify(invitations.link_of(made)))
    assert answer.status_code == 303, text(answer)
    operation = run_until_settled(Operation.objects.get(kind=new_registration.KIND), run_worker)
    assert operation.status == "succeeded", operation.message
    client = contoso.service_principal_of(instance.registrations.get().app_id)
    assert client is not None
    granted = {s for grant in contoso.permission_grants if grant.client_id == client.id for s in grant.scope.split()}
    assert "Application.ReadWrite.All" not in granted
    assert {"Group.ReadWrite.All", "user_impersonation", "offline_access"} <= granted
    first = Operation.objects.get(kind=delegated_token.KIND)
    steps = reset_steps(first.steps, "validation")
    Operation.objects.filter(pk=first.pk).update(status="queued", next_attempt_at=timezone.now(), steps=steps)
    assert run_until_settled(first, run_worker).status == "succeeded"


def test_only_roles_that_the_account_held_are_listed_for_removal(
    customer: Browser, link: str, run_worker: RunWorker
) -> None:
    assert run_until_settled(authorise(customer, link), run_worker).status == "succeeded"
    page = text(customer.open("/authenticate/done"))
    assert "<strong>Application Administrator</strong>" in page
    assert "<strong>Skype for Business Administrator</strong>" not in page  # the token needs it
    assert "Global Administrator" not in page


def refuse_renewal(sandbox: Sandbox, code: int, times: int = 99, said: dict[str, str] | None = None) -> None:
    body = {
        "error": "invalid_grant",
        "error_description": f"AADSTS{code}: The sign-in of {TILDA} is odd.",
        "error_codes": [code],
        **(said or {}),
    }
    sandbox.faults.add("entra", "status", method="POST", path="/token", status=400, body=body, times=times)


def test_a_consent_that_is_not_copied_yet_is_waited_for_after_every_sign_in(
    customer: Browser, link: str, run_worker: RunWorker, sandbox: Sandbox
) -> None:
    operation = authorise(customer, link)
    # The setup began long ago; the consent of this sign-in is new.
    Operation.objects.update(created_at=timezone.now() - timedelta(hours=1))
    refuse_renewal(sandbox, 65001, times=1)
    run_worker()
    operation.refresh_from_db()
    assert (operation.status, operation.waits_for, operation.error_code) == ("waiting", "", "AADSTS65001")
    assert "is still replicating" in text(customer.open("/authenticate/progress"))
    assert run_until_settled(operation, run_worker).status == "succeeded"


def test_an_unknown_code_at_the_renewal_fails_with_microsofts_words(
    customer: Browser, link: str, run_worker: RunWorker, sandbox: Sandbox
) -> None:
    operation = authorise(customer, link)
    refuse_renewal(sandbox, 1234567)
    operation = run_until_settled(operation, run_worker)
    assert operation.status == "failed"  # listed under "Needs attention"
    page = text(customer.open("/authenticate/progress"))
    assert "“The sign-in of […] is odd.”" in page
    assert "AADSTS1234567" in page


def test_a_role_that_the_index_does_not_show_is_looked_for_once_more(
    customer: Browser, link: str, run_worker: RunWorker, contoso: Tenant
) -> None:
    operation = authorise(customer, link)
    kept = contoso.role_assignments
    contoso.role_assignments = [each for each in kept if each.role_id != TEAMS]
    run_worker()
    operation.refresh_from_db()
    assert (operation.status, operation.waits_for) == ("waiting", "")
    contoso.role_assignments = kept
    assert run_until_settled(operation, run_worker).status == "succeeded"


@pytest.mark.parametrize("step", ["teams_token", "roles", "hand_over"])
def test_a_deleted_service_principal_of_the_sync_app_asks_for_a_sign_in(
    step: str,
    customer: Browser,
    link: str,
    contoso: Tenant,
    instance: UmpInstance,
    sandbox: Sandbox,
    run_worker: RunWorker,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The consent went with it; a new sign-in brings both back, also once the customer's part was done."""

    def act() -> None:
        principal = contoso.service_principal_of(instance.registrations.get().app_id)
        assert principal is not None
        del contoso.service_principals[principal.id]
        contoso.permission_grants = [g for g in contoso.permission_grants if g.client_id != principal.id]
        DelegatedToken.objects.update(obtained_at=timezone.now() - timedelta(minutes=5))

    before(monkeypatch, step, act)
    operation = run_until_settled(authorise(customer, link), run_worker)
    assert (operation.status, operation.waits_for) == ("waiting", "customer"), operation.message
    answer = customer.sign_in(customer.press(customer.open("/authenticate/progress")), TILDA)
    assert answer.status_code == 303, text(answer)
    operation = run_until_settled(operation, run_worker)
    assert operation.status == "succeeded", operation.message
    assert held(sandbox).method == "delegated_token"


@pytest.mark.parametrize(("code", "waits_for"), [(1234567, ""), (65001, ""), (50173, "customer")])
def test_a_refused_renewal_keeps_microsofts_answer_for_support(
    customer: Browser, link: str, run_worker: RunWorker, sandbox: Sandbox, code: int, waits_for: str
) -> None:
    operation = authorise(customer, link)
    said = {"trace_id": "a-trace", "correlation_id": "a-correlation", "timestamp": "2026-11-30 10:00:00Z"}
    refuse_renewal(sandbox, code, said=said)
    run_worker()
    operation.refresh_from_db()
    assert operation.waits_for == waits_for
    step = operation.current_step
    assert step is not None
    assert (step.request_id, step.correlation_id, step.answered_at) == tuple(said.values())
    assert "is odd" in step.says
