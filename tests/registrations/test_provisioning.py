"""Provision against the sandbox: the whole path, each refusal, and what a lost answer leaves behind."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from time_machine import TimeMachineFixture

from registrations import audit, connections
from registrations.clients.graph.client import GraphClient
from registrations.errors import WrongStateError
from registrations.models import AppRegistration, AuditEvent, ClientSecret, Operation, UmpInstance
from registrations.services import custody, delivery, operations, provisioning
from sandbox.app import Sandbox
from sandbox.model import Application
from sandbox.seed import seed_provider
from tests import factories

pytestmark = pytest.mark.django_db
Work = Callable[[], None]
OLGA = audit.Actor("staff", "Olga Operator", "1")


@pytest.fixture
def instance(sandbox: Sandbox) -> UmpInstance:
    return factories.make_instance(sandbox)


@pytest.fixture
def provision(instance: UmpInstance, work: Work, portal: None) -> Callable[..., Operation]:
    """Request and let the workers work; the operation as it is then."""

    def run(**request: Any) -> Operation:
        operation = provisioning.request(instance, actor=OLGA, **request)
        work()
        operation.refresh_from_db()
        instance.refresh_from_db()
        return operation

    return run


def again(operation: Operation, work: Work) -> Operation:
    """Let the time come that a waiting operation waits for."""
    Operation.objects.filter(pk=operation.pk, status="waiting").update(next_attempt_at=timezone.now())
    work()
    operation.refresh_from_db()
    return operation


def made_in(sandbox: Sandbox, instance: UmpInstance) -> Application:
    """The instance's application as it is in the sandbox's Entra."""
    found = sandbox.world.find_application(unique_name=f"syncportal-{instance.host}")
    assert found is not None
    return found


def test_an_instance_becomes_active_with_exactly_the_procedures_settings(
    provision: Callable[..., Operation], instance: UmpInstance, sandbox: Sandbox
) -> None:
    operation = provision()
    assert operation.status == "succeeded", operation.message
    assert instance.status == "active"
    made = made_in(sandbox, instance)
    assert made.properties["displayName"] == "umptoken"
    assert made.properties["signInAudience"] == "AzureADMultipleOrgs"
    assert made.properties["isFallbackPublicClient"] is True
    assert made.properties["web"]["redirectUris"] == [instance.redirect_uri]
    assert made.properties["web"]["implicitGrantSettings"] == {
        "enableAccessTokenIssuance": True,
        "enableIdTokenIssuance": True,
    }
    (secret,) = made.passwords
    assert secret.end.startswith(str(timezone.now().year + 2))


def test_provisioning_again_changes_nothing_and_makes_nothing(
    provision: Callable[..., Operation], sandbox: Sandbox
) -> None:
    provision()
    before = len(sandbox.calls)
    assert provision().status == "succeeded"
    made = sandbox.calls[before:]
    writes = [(call.method, call.path) for call in made if call.service == "graph" and call.method != "GET"]
    assert writes == []
    assert AppRegistration.objects.count() == ClientSecret.objects.count() == 1


def test_a_setting_changed_by_hand_is_put_back(
    provision: Callable[..., Operation], instance: UmpInstance, sandbox: Sandbox
) -> None:
    provision()
    made_in(sandbox, instance).properties["isFallbackPublicClient"] = False
    assert provision().status == "succeeded"
    assert made_in(sandbox, instance).properties["isFallbackPublicClient"] is True


def test_a_second_request_is_refused_while_one_is_live(instance: UmpInstance) -> None:
    provisioning.request(instance, actor=OLGA)
    with pytest.raises(WrongStateError, match="has not ended"):
        provisioning.request(instance, actor=OLGA)


def test_an_instance_whose_provisioning_was_cancelled_is_a_draft_that_may_be_changed_and_provisioned(
    provision: Callable[..., Operation], instance: UmpInstance
) -> None:
    operations.cancel(provisioning.request(instance, actor=OLGA), actor=OLGA)
    instance.refresh_from_db()
    assert instance.status == "draft"
    assert not custody.is_fixed(UmpInstance.objects.filter(pk=instance.pk))
    assert provision().status == "succeeded"
    assert instance.status == "active"


def test_an_instance_that_had_failed_is_a_draft_too_once_the_next_attempt_is_cancelled(
    provision: Callable[..., Operation], instance: UmpInstance, sandbox: Sandbox
) -> None:
    sandbox.world.tenant(instance.provider.tenant.tenant_id).app_role_assignments = []
    provision()
    assert instance.status == "failed"
    operations.cancel(provisioning.request(instance, actor=OLGA), actor=OLGA)
    instance.refresh_from_db()
    assert instance.status == "draft"


@pytest.mark.parametrize(("before", "after"), [("failed", "failed"), ("active", "active")])
def test_cancelling_does_not_make_a_draft_of_what_was_delivered(instance: UmpInstance, before: str, after: str) -> None:
    UmpInstance.objects.update(status=before, delivered_at=timezone.now())
    operations.cancel(provisioning.request(instance, actor=OLGA), actor=OLGA)
    instance.refresh_from_db()
    assert instance.status == after


def test_a_missing_permission_is_named_before_anything_is_made(
    provision: Callable[..., Operation], instance: UmpInstance, sandbox: Sandbox
) -> None:
    sandbox.world.tenant(instance.provider.tenant.tenant_id).app_role_assignments = []
    operation = provision()
    assert operation.status == "failed"
    assert "Application.ReadWrite.OwnedBy" in operation.message
    assert instance.status == "failed"
    assert sandbox.world.find_application(unique_name=f"syncportal-{instance.host}") is None


def test_a_permission_too_much_is_said_and_does_not_stop(
    provision: Callable[..., Operation], instance: UmpInstance, sandbox: Sandbox
) -> None:
    tenant = sandbox.world.tenant(instance.provider.tenant.tenant_id)
    sandbox.world.grant_application_permissions(
        tenant, instance.provider.tenant.client_id, ["Application.ReadWrite.All"]
    )
    operation = provision()
    assert operation.status == "succeeded"
    instance.provider.tenant.refresh_from_db()
    assert instance.provider.tenant.excess_permissions == ["Application.ReadWrite.All"]


def test_a_wrong_credential_fails_with_what_to_do(provision: Callable[..., Operation], instance: UmpInstance) -> None:
    tenant = instance.provider.tenant
    tenant.seal("client_secret_envelope", "not-the-secret-at-all")
    tenant.save()
    operation = provision()
    assert operation.status == "failed"
    assert operation.error_code == "AADSTS7000215"
    assert "client secret under Entra tenants" in operation.message


def test_microsoft_being_down_puts_the_work_back_and_it_goes_on_later(
    provision: Callable[..., Operation], sandbox: Sandbox, work: Work
) -> None:
    sandbox.faults.add(service="graph", method="PATCH", path=r"/applications.*", kind="status", status=503)
    operation = provision()
    assert operation.status == "waiting"
    assert again(operation, work).status == "succeeded"


def test_a_429_is_waited_for_as_long_as_it_says(provision: Callable[..., Operation], sandbox: Sandbox) -> None:
    sandbox.faults.add(
        service="graph",
        method="PATCH",
        path=r"/applications.*",
        kind="status",
        status=429,
        headers={"Retry-After": "120"},
    )
    operation = provision()
    assert operation.status == "waiting"
    assert operation.next_attempt_at is not None
    assert operation.next_attempt_at - timezone.now() > timedelta(seconds=100)


def test_an_empty_bucket_at_microsoft_costs_one_429_and_then_waiting(
    provision: Callable[..., Operation], instance: UmpInstance, sandbox: Sandbox, work: Work
) -> None:
    tenant = instance.provider.tenant
    sandbox.quotas.set_left(tenant.client_id, tenant.tenant_id, writes=-4000)
    operation = provision()
    assert (operation.status, operation.error_code) == ("waiting", "429")
    assert connections.rate_limit_of(tenant).remaining().blocked > timedelta()
    before = len(sandbox.calls)
    operation = again(operation, work)
    assert (operation.status, operation.error_code) == ("waiting", "quota_spent")
    assert [call for call in sandbox.calls[before:] if call.service == "graph"] == []
    sandbox.quotas.set_left(tenant.client_id, tenant.tenant_id, writes=100)
    connections.rate_limiter.cache_clear()  # the pause is over
    assert again(operation, work).status == "succeeded"
    assert [call.status for call in sandbox.calls].count(429) == 1


@pytest.mark.parametrize("path", [r"/applications\(uniqueName.*", r"/servicePrincipals", r".*/addPassword"])
def test_a_lost_answer_makes_no_second_application_principal_or_secret(
    provision: Callable[..., Operation], instance: UmpInstance, sandbox: Sandbox, work: Work, path: str
) -> None:
    for method in ("PATCH", "POST"):
        sandbox.faults.add(service="graph", method=method, path=path, kind="lost_answer")
    operation = provision()
    for _ in range(4):
        operation = again(operation, work)
    assert operation.status == "succeeded", operation.message
    tenant = sandbox.world.tenant(instance.provider.tenant.tenant_id)
    assert len([app for app in tenant.applications.values() if app.display_name == "umptoken"]) == 1
    assert len([sp for sp in tenant.service_principals.values() if sp.app_id == made_in(sandbox, instance).app_id]) == 1
    assert len(made_in(sandbox, instance).passwords) == 1


def test_a_secret_of_somebody_else_is_never_touched(
    provision: Callable[..., Operation], instance: UmpInstance, sandbox: Sandbox, work: Work
) -> None:
    provision()
    sandbox.world.add_secret(made_in(sandbox, instance), "by hand")
    ClientSecret.objects.update(status=ClientSecret.Status.DISCARDED)
    assert provision().status == "succeeded"
    names = [secret.display_name for secret in made_in(sandbox, instance).passwords]
    assert "by hand" in names
    assert len(names) == 2


def test_slow_replication_is_waited_out(provision: Callable[..., Operation], sandbox: Sandbox, work: Work) -> None:
    sandbox.world.lag["application"] = 1.5
    operation = provision()
    assert operation.status == "waiting"
    sandbox.world.lag["application"] = 0
    for _ in range(3):
        again(operation, work)
    assert operation.status == "succeeded", operation.message


def test_an_application_without_a_row_of_ours_needs_a_person(
    provision: Callable[..., Operation], instance: UmpInstance, work: Work
) -> None:
    provision()
    Operation.objects.all().delete()
    ClientSecret.objects.all().delete()
    AppRegistration.objects.all().delete()  # the portal lost its database
    operation = provision()
    assert (operation.status, operation.error_code, operation.waits_for) == ("waiting", "adoption_needed", "staff")
    assert AppRegistration.objects.count() == 0
    provisioning.adopt(operation, actor=OLGA)
    assert again(operation, work).status == "succeeded"
    assert AppRegistration.objects.get().adopted is True


def test_a_policy_that_forbids_secrets_is_named(
    provision: Callable[..., Operation], instance: UmpInstance, sandbox: Sandbox
) -> None:
    sandbox.world.tenant(instance.provider.tenant.tenant_id).secret_policy.secrets_forbidden = True
    operation = provision()
    assert (operation.status, operation.error_code) == ("failed", "CredentialTypeNotAllowedAsPerAppPolicy")
    assert "forbids client secrets" in operation.steps[0]["note"]
    assert "make an exception" in operation.message


def test_a_policy_of_180_days_shortens_the_secret(
    provision: Callable[..., Operation], instance: UmpInstance, sandbox: Sandbox
) -> None:
    sandbox.world.tenant(instance.provider.tenant.tenant_id).secret_policy.max_lifetime_days = 180
    assert provision().status == "succeeded"
    ends = ClientSecret.objects.get().expires_at
    assert ends is not None
    assert timedelta(days=178) < ends - timezone.now() < timedelta(days=180)


def test_a_ump_without_the_api_says_to_use_the_hand_over_sheet(
    provision: Callable[..., Operation], sandbox: Sandbox
) -> None:
    sandbox.world.ump("finebak").lacks_contract_api = True
    operation = provision()
    assert operation.status == "failed"
    assert "hand-over sheet" in operation.message


def test_a_ump_that_is_down_gets_its_values_later(
    provision: Callable[..., Operation], sandbox: Sandbox, work: Work
) -> None:
    sandbox.world.ump("finebak").offline = "503"
    operation = provision()
    assert operation.status == "waiting"
    sandbox.world.ump("finebak").offline = None
    assert again(operation, work).status == "succeeded"


def test_a_hand_over_sheet_is_filled_by_hand(sandbox: Sandbox, work: Work) -> None:
    instance = factories.make_instance(sandbox, delivery="handover")
    operation = provisioning.request(instance, actor=OLGA)
    work()
    operation.refresh_from_db()
    assert (operation.status, operation.waits_for) == ("waiting", "staff")
    sheet = delivery.sheet(operation)
    labels = [[field.label for field in group.fields] for group in sheet.groups]
    assert labels == [["Client Id", "Client Secret Value", "Redirect URI"], ["Customer Authentication Portal URL"]]
    with pytest.raises(WrongStateError, match="Reveal the secret"):
        delivery.tick(operation, delivery.SYNC_APP, actor=OLGA)
    value = delivery.reveal_secret(operation, actor=OLGA)
    assert len(value) >= 16
    with pytest.raises(WrongStateError, match="revealed before"):
        delivery.reveal_secret(operation, actor=OLGA)
    delivery.tick(operation, delivery.SYNC_APP, actor=OLGA)
    work()
    operation.refresh_from_db()
    assert operation.status == "waiting"
    delivery.tick(operation, delivery.AUTHENTICATION_PORTAL, actor=OLGA)
    work()
    operation.refresh_from_db()
    assert operation.status == "succeeded"
    assert AuditEvent.objects.filter(action="secret.revealed", actor_label="Olga Operator").count() == 1


def test_a_revealed_secret_that_was_lost_is_replaced(sandbox: Sandbox, work: Work) -> None:
    instance = factories.make_instance(sandbox, delivery="handover")
    operation = provisioning.request(instance, actor=OLGA)
    work()
    operation.refresh_from_db()
    first = delivery.reveal_secret(operation, actor=OLGA)
    provisioning.new_secret(operation, actor=OLGA)
    again(operation, work)
    again(operation, work)
    assert operation.status == "waiting"
    assert delivery.reveal_secret(operation, actor=OLGA) != first
    assert len(made_in(sandbox, instance).passwords) == 1


def test_no_secret_stands_in_operations_or_history(provision: Callable[..., Operation]) -> None:
    operation = provision()
    value = ClientSecret.objects.get().unseal("envelope")
    told = str(list(Operation.objects.values())) + str(list(AuditEvent.objects.values()))
    assert value not in told
    assert operation.status == "succeeded"


def test_the_history_of_a_provisioning_is_complete(provision: Callable[..., Operation]) -> None:
    provision()
    actions = list(AuditEvent.objects.order_by("id").values_list("action", flat=True))
    for expected in (
        "provision.requested",
        "application.intended",
        "secret.added",
        "secret.proven",
        "provision.succeeded",
    ):
        assert expected in actions
    assert audit.first_broken() is None
    assert operations.due() == []


def test_a_secret_that_somebody_removed_in_entra_is_replaced_and_delivered(
    provision: Callable[..., Operation],
    instance: UmpInstance,
    sandbox: Sandbox,
    work: Work,
    a_minute_of_looks: Callable[[Operation], None],
) -> None:
    provision()
    made_in(sandbox, instance).passwords.clear()
    ClientSecret.objects.update(stored_at=timezone.now() - timedelta(hours=1))
    operation = provision()
    a_minute_of_looks(operation)
    assert again(operation, work).status == "succeeded"
    (secret,) = made_in(sandbox, instance).passwords
    assert secret.secret == ClientSecret.objects.get(status="delivered").unseal("envelope")
    assert sandbox.world.ump("finebak").client_secret == secret.secret


def test_a_secret_that_has_ended_is_replaced(
    provision: Callable[..., Operation], instance: UmpInstance, sandbox: Sandbox
) -> None:
    provision()
    ClientSecret.objects.update(expires_at=timezone.now(), stored_at=timezone.now() - timedelta(days=730))
    assert provision().status == "succeeded"
    assert ClientSecret.objects.filter(status="delivered").count() == 1


def test_a_worker_that_was_overtaken_while_adding_a_secret_keeps_nothing(
    provision: Callable[..., Operation],
    instance: UmpInstance,
    sandbox: Sandbox,
    work: Work,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The slow worker's answer arrives after another one has swept the secret: staged, because it is a race."""
    add = GraphClient.add_secret
    overtaken: list[str] = []

    def slow_add(self: GraphClient, object_id: str, display_name: str, ends_at: Any) -> Any:
        made = add(self, object_id, display_name, ends_at)
        if not overtaken:
            overtaken.append(made.key_id)
            ClientSecret.objects.filter(status="intended").update(status="discarded", key_id=made.key_id)
        return made

    monkeypatch.setattr(GraphClient, "add_secret", slow_add)
    operation = provision()
    for _ in range(3):
        operation = again(operation, work)
    assert operation.status == "succeeded", operation.message
    (secret,) = made_in(sandbox, instance).passwords
    assert secret.key_id not in overtaken
    assert secret.secret == ClientSecret.objects.get(status="delivered").unseal("envelope")


def test_a_secret_of_ours_that_nobody_has_is_removed_after_the_proof(
    provision: Callable[..., Operation], instance: UmpInstance, sandbox: Sandbox
) -> None:
    provision()
    sandbox.world.add_secret(made_in(sandbox, instance), "syncportal:provision:lost")
    sandbox.world.add_secret(made_in(sandbox, instance), "by hand")
    assert provision().status == "succeeded"
    names = [secret.display_name for secret in made_in(sandbox, instance).passwords]
    assert "syncportal:provision:lost" not in names
    assert "by hand" in names


def test_a_token_that_graph_does_not_take_any_more_is_renewed_once(
    provision: Callable[..., Operation], sandbox: Sandbox
) -> None:
    body = {"error": {"code": "InvalidAuthenticationToken", "message": "Lifetime validation failed."}}
    sandbox.faults.add(service="graph", kind="status", status=401, body=body, path="/applications", times=1)
    assert provision().status == "succeeded"


def test_a_name_conflict_without_a_deleted_application_is_a_replica_that_lags(
    provision: Callable[..., Operation], sandbox: Sandbox, work: Work
) -> None:
    message = "Another object with the same value for property uniqueName already exists."
    body = {"error": {"code": "Request_BadRequest", "message": message}}
    sandbox.faults.add(service="graph", kind="status", status=400, body=body, method="PATCH", path="/applications")
    operation = provision()
    assert operation.status == "waiting"
    assert again(operation, work).status == "succeeded"


def test_an_instance_that_takes_a_former_host_is_told_whose_name_it_is(
    provision: Callable[..., Operation], instance: UmpInstance, sandbox: Sandbox, work: Work
) -> None:
    provision()
    UmpInstance.objects.filter(pk=instance.pk).update(app_name="renamed")
    newcomer = factories.make_instance(sandbox)
    operation = provisioning.request(newcomer, actor=OLGA)
    work()
    operation.refresh_from_db()
    assert (operation.status, operation.error_code) == ("failed", "name_taken")
    assert "renamed.finebak.localhost" in operation.message


def test_a_ump_that_serves_another_instance_is_not_overwritten(
    sandbox: Sandbox, instance: UmpInstance, provision: Callable[..., Operation], work: Work
) -> None:
    """A UMP may have two names: its own settings tell whose it is."""
    provision()
    held = sandbox.world.ump("finebak").client_id
    UmpInstance.objects.filter(pk=instance.pk).update(ump_url="https://localhost/another/name/of/it")
    operation = provisioning.request(factories.make_instance(sandbox, app_name="second"), actor=OLGA)
    work()
    operation.refresh_from_db()
    assert (operation.status, operation.error_code) == ("failed", "ump_of_another")
    assert instance.host in operation.message
    assert sandbox.world.ump("finebak").client_id == held


def test_a_ump_url_that_is_not_allowed_any_more_stops_before_anything_is_made(
    provision: Callable[..., Operation], instance: UmpInstance, sandbox: Sandbox
) -> None:
    UmpInstance.objects.filter(pk=instance.pk).update(ump_url="")
    operation = provision()
    assert (operation.status, operation.error_code) == ("failed", "ump_url")
    assert sandbox.world.find_application(unique_name=f"syncportal-{instance.host}") is None


def test_a_ump_that_repeats_the_secret_in_its_words_brings_it_into_no_message(
    provision: Callable[..., Operation], sandbox: Sandbox, work: Work
) -> None:
    sandbox.faults.add(service="ump", kind="status", status=503, method="POST", path="sync-app/validate")
    operation = provision()
    value = ClientSecret.objects.get().unseal("envelope")
    body = {"valid": False, "checkedAt": timezone.now().isoformat(), "error": f"Login failed for {value}"}
    sandbox.faults.add(service="ump", kind="status", status=200, body=body, method="POST", path="sync-app/validate")
    operation = again(operation, work)
    assert operation.status == "failed"
    assert "[secret]" in operation.message
    assert value not in str(list(Operation.objects.values())) + str(list(AuditEvent.objects.values()))


@pytest.mark.parametrize(
    ("age", "status", "code"),
    [(timedelta(), "waiting", "AADSTS7000215"), (timedelta(minutes=11), "failed", "ump_validation")],
)
def test_a_ump_that_is_refused_a_secret_waits_while_the_secret_is_fresh(
    provision: Callable[..., Operation], sandbox: Sandbox, work: Work, age: timedelta, status: str, code: str
) -> None:
    sandbox.faults.add(service="ump", kind="status", status=503, method="POST", path="sync-app/validate")
    operation = provision()
    ClientSecret.objects.update(stored_at=timezone.now() - age)
    body = {"valid": False, "checkedAt": timezone.now().isoformat(), "error": "AADSTS7000215: Invalid client secret."}
    sandbox.faults.add(service="ump", kind="status", status=200, body=body, method="POST", path="sync-app/validate")
    operation = again(operation, work)
    assert (operation.status, operation.error_code) == (status, code)
    if status == "failed":
        operations.resume(operation, actor=OLGA)
    assert again(operation, work).status == "succeeded"


def test_resume_replaces_a_secret_that_is_gone_when_the_ump_tries_it(
    provision: Callable[..., Operation],
    instance: UmpInstance,
    sandbox: Sandbox,
    work: Work,
    time_machine: TimeMachineFixture,
    a_minute_of_looks: Callable[[Operation], None],
) -> None:
    sandbox.faults.add(service="ump", kind="status", status=503, method="POST", path="sync-app/validate")
    operation = provision()
    (gone,) = made_in(sandbox, instance).passwords
    made_in(sandbox, instance).passwords.clear()
    time_machine.move_to(timezone.now() + timedelta(minutes=11), tick=True)
    operation = again(operation, work)
    assert (operation.status, operation.error_code) == ("failed", "ump_validation")
    operations.resume(operation, actor=OLGA)
    work()
    a_minute_of_looks(operation)
    assert again(operation, work).status == "succeeded", operation.message
    (made,) = made_in(sandbox, instance).passwords
    assert made.key_id != gone.key_id
    assert sandbox.world.ump("finebak").client_secret == made.secret


def test_a_sheet_that_was_filled_before_is_not_asked_for_again(sandbox: Sandbox, work: Work) -> None:
    instance = factories.make_instance(sandbox, delivery="handover")
    fill_the_sheet(instance, work)
    repeated = provisioning.request(instance, actor=OLGA)
    work()
    repeated.refresh_from_db()
    assert repeated.status == "succeeded"
    assert "confirmed by Olga Operator before" in str(repeated.steps)


def test_another_secret_for_a_moved_ump_leaves_the_old_one_until_it_is_delivered(sandbox: Sandbox, work: Work) -> None:
    instance = factories.make_instance(sandbox, delivery="handover")
    fill_the_sheet(instance, work)
    UmpInstance.objects.filter(pk=instance.pk).update(ump_url="https://localhost/other/tenantui")
    operation = provisioning.request(instance, actor=OLGA)
    work()
    operation.refresh_from_db()
    provisioning.new_secret(operation, actor=OLGA)
    operation = again(operation, work)
    assert len(made_in(sandbox, instance).passwords) == 2
    delivery.reveal_secret(operation, actor=OLGA)
    for group in (delivery.SYNC_APP, delivery.AUTHENTICATION_PORTAL):
        delivery.tick(operation, group, actor=OLGA)
        operation = again(operation, work)
    assert operation.status == "succeeded"
    assert len(made_in(sandbox, instance).passwords) == 1


def fill_the_sheet(instance: UmpInstance, work: Work) -> None:
    """Provision by hand-over sheet, as staff do."""
    operation = provisioning.request(instance, actor=OLGA)
    work()
    operation.refresh_from_db()
    delivery.reveal_secret(operation, actor=OLGA)
    for group in (delivery.SYNC_APP, delivery.AUTHENTICATION_PORTAL):
        delivery.tick(operation, group, actor=OLGA)
        operation = again(operation, work)
    assert operation.status == "succeeded", operation.message


def somebody_changes_the_ump(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, **values: str) -> None:
    """Once, between the delivery and the validation."""
    deliver = delivery.ApiDelivery.deliver_portal_url
    changes = [values]

    def then_changed(self: delivery.ApiDelivery, operation: Operation) -> str:
        note = deliver(self, operation)
        for name, value in (changes.pop() if changes else {}).items():
            setattr(sandbox.world.ump("finebak"), name, value)
        return note

    monkeypatch.setattr(delivery.ApiDelivery, "deliver_portal_url", then_changed)


@pytest.mark.parametrize("values", [{"client_id": ""}, {"portal_url": "https://elsewhere.example"}])
def test_resume_puts_back_what_somebody_changed_in_the_ump(
    values: dict[str, str],
    provision: Callable[..., Operation],
    instance: UmpInstance,
    sandbox: Sandbox,
    work: Work,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    somebody_changes_the_ump(sandbox, monkeypatch, **values)
    operation = provision()
    assert (operation.status, operation.error_code) == ("failed", "ump_changed")
    assert "Resume to put them back" in operation.message
    operations.resume(operation, actor=OLGA)
    operation = again(operation, work)
    assert operation.status == "succeeded", operation.message
    ump = sandbox.world.ump("finebak")
    (secret,) = made_in(sandbox, instance).passwords
    assert (ump.client_id, ump.client_secret) == (made_in(sandbox, instance).app_id, secret.secret)
    assert ump.portal_url == instance.portal_url
    assert AuditEvent.objects.filter(action="secret.delivered").count() == 1


def test_resume_after_somebody_changed_the_ump_asks_microsoft_for_nothing_new(
    provision: Callable[..., Operation], sandbox: Sandbox, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    somebody_changes_the_ump(sandbox, monkeypatch, client_id="")
    operation = provision()
    before = len(sandbox.calls)
    operations.resume(operation, actor=OLGA)
    again(operation, work)
    assert [call.path for call in sandbox.calls[before:] if call.service == "graph"] == []


def test_a_provider_that_moved_to_another_tenant_is_provisioned_again_there(
    provision: Callable[..., Operation], instance: UmpInstance, sandbox: Sandbox, work: Work
) -> None:
    sandbox.world.ump("finebak").lacks_contract_api = True
    operation = provision()
    assert operation.status == "failed"
    elsewhere = seed_provider(sandbox.world, "Northwind", "northwind.localhost")
    moved_to = factories.make_tenant(
        name="Northwind", tenant_id=elsewhere["tenant_id"], client_id=elsewhere["portal_id"]
    )
    custody.keep_tenant_secret(moved_to, elsewhere["portal_secret"], actor=OLGA)
    provider = instance.provider
    custody.change_provider_address(provider, domain=provider.domain, tenant=moved_to, reason="Moved.", actor=OLGA)
    operations.resume(operation, actor=OLGA)
    operation = again(operation, work)
    assert operation.status == "failed"
    assert operation.message == "The provider's tenant was changed meanwhile. Provision the instance again."
    UmpInstance.objects.filter(pk=instance.pk).update(
        ump_url=sandbox.ump_url("northwind"),
        ump_tenant_id=elsewhere["tenant_id"],
        ump_client_id=elsewhere["ump_client_id"],
        ump_scope=f"api://{elsewhere['ump_api_id']}/.default",
    )
    moved = UmpInstance.objects.get(pk=instance.pk)
    custody.keep_ump_secret(moved, elsewhere["ump_secret"], actor=OLGA)
    newer = again(provisioning.request(moved, actor=OLGA), work)
    assert newer.status == "succeeded", newer.message
    assert instance.registrations.filter(tenant_id=elsewhere["tenant_id"]).exists()
