"""Connect with a new registration: what is created, what is revoked again, and what can fail."""

import pytest
from django.utils import timezone

from onboarding import requirements
from onboarding.models import Connection, Invitation, Service
from onboarding.services import invitations
from registrations import audit
from registrations.clients.graph.client import TEAMS_ADMIN_API_APP_ID
from registrations.engine import queue
from registrations.errors import WrongStateError
from registrations.models import AppRegistration, AuditEvent, ClientSecret, Operation, UmpInstance
from registrations.models.steps import reset_steps
from registrations.services import addresses
from sandbox.app import Sandbox
from sandbox.model import Tenant
from tests.onboarding.authorised import CARLA, RunWorker, authorised, contoso, made_in
from tests.onboarding.browser import Browser
from tests.registrations.runs import run_until_settled

pytestmark = pytest.mark.django_db


__all__ = ["authorised", "contoso"]  # fixtures


def test_a_customer_becomes_connected(
    authorised: Operation, contoso: Tenant, run_worker: RunWorker, sandbox: Sandbox
) -> None:
    operation = run_until_settled(authorised, run_worker)
    assert operation.status == "succeeded", operation.message
    assert Connection.objects.get().status == "connected"
    assert Invitation.objects.get().status == "completed"
    ump_service = next(iter(sandbox.world.ump("finebak").customers.values()))
    assert ump_service.connection.client_id == made_in(contoso).app_id
    assert Service.objects.get().ump_customer_guid == ump_service.id


def test_the_registration_has_exactly_the_listed_permissions_and_roles(
    authorised: Operation, contoso: Tenant, run_worker: RunWorker
) -> None:
    run_until_settled(authorised, run_worker)
    principal = contoso.service_principal_of(made_in(contoso).app_id)
    assert principal is not None
    granted = [grant for grant in contoso.app_role_assignments if grant.principal_id == principal.id]
    assert len(granted) == len(requirements.PERMISSIONS)
    assert sorted(contoso.roles_of(principal.id)) == sorted(role.template_id for role in requirements.ROLES)
    assert made_in(contoso).properties["signInAudience"] == "AzureADMyOrg"


def test_a_missing_teams_api_is_added(authorised: Operation, contoso: Tenant, run_worker: RunWorker) -> None:
    assert contoso.service_principal_of(TEAMS_ADMIN_API_APP_ID) is None
    run_until_settled(authorised, run_worker)
    assert contoso.service_principal_of(TEAMS_ADMIN_API_APP_ID) is not None


def test_our_own_access_is_revoked_at_the_end(
    authorised: Operation, contoso: Tenant, instance: UmpInstance, run_worker: RunWorker
) -> None:
    sync_app = instance.registrations.get()
    client = contoso.service_principal_of(sync_app.app_id)
    assert client is not None
    assert [grant for grant in contoso.permission_grants if grant.client_id == client.id]
    operation = run_until_settled(authorised, run_worker)
    assert [grant for grant in contoso.permission_grants if grant.client_id == client.id] == []
    assert operation.credential_envelope == ""
    assert Connection.objects.get().grant_removed is True


def test_a_grant_that_could_not_be_revoked_is_reported(
    authorised: Operation, sandbox: Sandbox, run_worker: RunWorker
) -> None:
    body = {"error": {"code": "Authorization_RequestDenied", "message": "Insufficient privileges"}}
    sandbox.faults.add(
        service="graph", kind="status", method="DELETE", path="/oauth2PermissionGrants", status=403, body=body, times=9
    )
    operation = run_until_settled(authorised, run_worker)
    assert operation.status == "succeeded", operation.message
    assert Connection.objects.get().grant_removed is False
    assert AuditEvent.objects.filter(action="grant.left").exists()


def test_an_expired_token_asks_the_customer_to_sign_in_again(
    authorised: Operation, customer: Browser, run_worker: RunWorker
) -> None:
    Operation.objects.update(credential_envelope="")
    operation = run_until_settled(authorised, run_worker)
    assert (operation.waits_for, operation.error_code) == ("customer", "sign_in_again")
    customer.sign_in(customer.press(customer.open("/authenticate/progress")), CARLA)
    assert run_until_settled(operation, run_worker).status == "succeeded"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PATCH", r"/applications\(uniqueName"),
        ("POST", "/servicePrincipals$"),
        ("POST", "/appRoleAssignments"),
        ("POST", "/roleAssignments"),
        ("POST", "/addPassword"),
        ("DELETE", "/oauth2PermissionGrants"),
    ],
)
def test_a_lost_response_duplicates_nothing(
    authorised: Operation, contoso: Tenant, sandbox: Sandbox, run_worker: RunWorker, method: str, path: str
) -> None:
    sandbox.faults.add(service="graph", kind="lost_answer", method=method, path=path)
    operation = run_until_settled(authorised, run_worker)
    assert operation.status == "succeeded", operation.message
    assert len(made_in(contoso).passwords) == 1
    assert AppRegistration.objects.filter(instance=None).count() == 1
    principal = contoso.service_principal_of(made_in(contoso).app_id)
    assert principal is not None
    granted = [grant for grant in contoso.app_role_assignments if grant.principal_id == principal.id]
    assert len(granted) == len(requirements.PERMISSIONS)


def test_permissions_that_replicate_late_are_waited_for(
    authorised: Operation, sandbox: Sandbox, run_worker: RunWorker
) -> None:
    sandbox.world.lag["consent"] = 3600
    run_worker()
    for _ in range(8):
        Operation.objects.filter(pk=authorised.pk).update(next_attempt_at=timezone.now())
        run_worker()
    authorised.refresh_from_db()
    assert (authorised.status, authorised.waits_for) == ("waiting", "")
    assert "still replicating" in authorised.message
    sandbox.world.lag["consent"] = 0
    assert run_until_settled(authorised, run_worker).status == "succeeded"


def test_a_failing_setup_revokes_the_temporary_grant(
    authorised: Operation, contoso: Tenant, instance: UmpInstance, run_worker: RunWorker
) -> None:
    contoso.secret_policy.secrets_forbidden = True
    operation = run_until_settled(authorised, run_worker)
    client = contoso.service_principal_of(instance.registrations.get().app_id)
    assert client is not None
    assert operation.status == "failed"
    assert "were revoked" in operation.message
    assert [grant for grant in contoso.permission_grants if grant.client_id == client.id] == []


def test_a_cancelled_setup_says_that_the_grant_remains(authorised: Operation) -> None:
    queue.cancel(authorised, actor=audit.SYSTEM)
    authorised.refresh_from_db()
    assert "could not be revoked" in authorised.message
    assert Connection.objects.get().grant_removed is False
    assert AuditEvent.objects.filter(action="grant.left").exists()


def test_resume_does_not_complete_a_revoked_invitation(
    authorised: Operation, sandbox: Sandbox, run_worker: RunWorker
) -> None:
    sandbox.world.ump("finebak").lacks_contract_api = True
    operation = run_until_settled(authorised, run_worker)
    assert operation.status == "failed"
    invitations.revoke(Invitation.objects.get(), actor=audit.SYSTEM)
    queue.resume(operation, actor=audit.SYSTEM)
    operation = run_until_settled(operation, run_worker)
    assert operation.status == "failed"
    assert "was revoked" in operation.message
    assert not AuditEvent.objects.filter(action="invitation.completed").exists()


def test_the_instances_address_is_fixed_while_a_customer_connects(authorised: Operation, instance: UmpInstance) -> None:
    with pytest.raises(WrongStateError, match="being connected"):
        addresses.change_instance_address(
            instance, ump_url=instance.ump_url, app_name="other", reason="A move.", actor=audit.SYSTEM
        )


def test_a_crash_after_the_revocation_does_not_ask_the_customer_again(
    authorised: Operation, run_worker: RunWorker
) -> None:
    operation = run_until_settled(authorised, run_worker)
    steps = reset_steps(operation.steps, "clean_up", "find_service", "hand_over", "validation")
    Operation.objects.filter(pk=operation.pk).update(status="queued", next_attempt_at=timezone.now(), steps=steps)
    assert run_until_settled(operation, run_worker).status == "succeeded"


def test_a_token_that_microsoft_revokes_early_asks_the_customer_again(
    authorised: Operation, sandbox: Sandbox, run_worker: RunWorker
) -> None:
    body = {"error": {"code": "InvalidAuthenticationToken", "message": "Continuous access evaluation."}}
    sandbox.faults.add(service="graph", kind="status", status=401, body=body, path="/applications", times=2)
    operation = run_until_settled(authorised, run_worker)
    assert (operation.waits_for, operation.error_code) == ("customer", "sign_in_again")


def test_a_policy_that_forbids_secrets_is_named(authorised: Operation, contoso: Tenant, run_worker: RunWorker) -> None:
    contoso.secret_policy.secrets_forbidden = True
    operation = run_until_settled(authorised, run_worker)
    assert (operation.status, operation.error_code) == ("failed", "CredentialTypeNotAllowedAsPerAppPolicy")


def test_no_secret_or_token_is_in_rows_or_history(
    authorised: Operation, sandbox: Sandbox, run_worker: RunWorker
) -> None:
    token = authorised.unseal("credential_envelope")
    operation = run_until_settled(authorised, run_worker)
    secret = ClientSecret.objects.get(registration__instance=None).unseal("envelope")
    told = str(list(Operation.objects.values())) + str(list(AuditEvent.objects.values()))
    assert operation.status == "succeeded"
    assert token not in told
    assert secret not in told
