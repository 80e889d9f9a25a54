"""Delivery by API: repeated, refused, and restored after somebody changed the UMP."""

from collections.abc import Callable

import pytest

from registrations.delivery import ump_api
from registrations.engine import queue
from registrations.models import AuditEvent, Operation, UmpInstance
from registrations.services import provisioning
from sandbox.app import Sandbox
from tests import factories
from tests.registrations.runs import OLGA, Provision, RunWorker, application_of, run_again

pytestmark = pytest.mark.django_db


def test_a_ump_without_the_api_points_to_the_hand_over_sheet(provision: Provision, sandbox: Sandbox) -> None:
    sandbox.world.ump("finebak").lacks_contract_api = True
    operation = provision()
    assert operation.status == "failed"
    assert "hand-over sheet" in operation.message


def test_a_ump_that_is_down_is_retried(provision: Provision, sandbox: Sandbox, run_worker: RunWorker) -> None:
    sandbox.world.ump("finebak").offline = "503"
    operation = provision()
    assert operation.status == "waiting"
    sandbox.world.ump("finebak").offline = None
    assert run_again(operation, run_worker).status == "succeeded"


def test_a_ump_that_serves_another_instance_is_not_overwritten(
    sandbox: Sandbox, instance: UmpInstance, provision: Provision, run_worker: RunWorker
) -> None:
    """A UMP may have two names: its own settings show which instance it serves."""
    provision()
    held = sandbox.world.ump("finebak").client_id
    UmpInstance.objects.filter(pk=instance.pk).update(ump_url="https://localhost/another/name/of/it")
    operation = provisioning.request(factories.make_instance(sandbox, app_name="second"), actor=OLGA)
    run_worker()
    operation.refresh_from_db()
    assert (operation.status, operation.error_code) == ("failed", "ump_of_another")
    assert instance.host in operation.message
    assert sandbox.world.ump("finebak").client_id == held


def change_ump_before_validation(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, **values: str) -> None:
    """Once, between the delivery and the validation."""
    deliver = ump_api.ApiDelivery.deliver_portal_url
    changes = [values]

    def then_changed(self: ump_api.ApiDelivery, operation: Operation) -> str:
        note = deliver(self, operation)
        for name, value in (changes.pop() if changes else {}).items():
            setattr(sandbox.world.ump("finebak"), name, value)
        return note

    monkeypatch.setattr(ump_api.ApiDelivery, "deliver_portal_url", then_changed)


@pytest.mark.parametrize(
    "values",
    [{"client_id": "11111111-0000-4000-8000-000000000001"}, {"portal_url": "https://elsewhere.example"}],
)
def test_resume_restores_values_changed_in_the_ump(
    values: dict[str, str],
    provision: Provision,
    instance: UmpInstance,
    sandbox: Sandbox,
    run_worker: RunWorker,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    change_ump_before_validation(sandbox, monkeypatch, **values)
    operation = provision()
    assert (operation.status, operation.error_code) == ("failed", "ump_changed")
    assert "somebody changed them. Resume to restore them" in operation.message
    queue.resume(operation, actor=OLGA)
    operation = run_again(operation, run_worker)
    assert operation.status == "succeeded", operation.message
    ump = sandbox.world.ump("finebak")
    (secret,) = application_of(sandbox, instance).passwords
    assert (ump.client_id, ump.client_secret) == (application_of(sandbox, instance).app_id, secret.secret)
    assert ump.portal_url == instance.portal_url
    assert AuditEvent.objects.filter(action="secret.delivered").count() == 1


@pytest.mark.parametrize("lost", [("client_id", "client_secret", "redirect_uri", "portal_url"), ("portal_url",)])
def test_a_ump_that_forgot_gets_the_values_again_by_itself(
    lost: tuple[str, ...],
    provision: Provision,
    instance: UmpInstance,
    sandbox: Sandbox,
    run_worker: RunWorker,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    change_ump_before_validation(sandbox, monkeypatch, **dict.fromkeys(lost, ""))
    operation = provision()
    assert (operation.status, operation.waits_for, operation.error_code) == ("waiting", "", "ump_forgot")
    assert "somebody" not in operation.message
    operation = run_again(operation, run_worker)
    assert operation.status == "succeeded", operation.message
    ump = sandbox.world.ump("finebak")
    (secret,) = application_of(sandbox, instance).passwords
    assert (ump.client_id, ump.client_secret) == (application_of(sandbox, instance).app_id, secret.secret)
    assert ump.portal_url == instance.portal_url


@pytest.mark.parametrize(
    "spell",
    [
        lambda instance, app_id: {"client_id": f"{{{app_id.upper()}}}"},
        lambda instance, app_id: {"portal_url": f"{instance.portal_url}/"},
        lambda instance, app_id: {"portal_url": instance.portal_url.replace(instance.host, instance.host.upper())},
    ],
)
def test_a_ump_that_spells_its_values_in_another_way_holds_them(
    spell: Callable[[UmpInstance, str], dict[str, str]],
    provision: Provision,
    instance: UmpInstance,
    sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    deliver = ump_api.ApiDelivery.deliver_portal_url

    def then_spelled(self: ump_api.ApiDelivery, operation: Operation) -> str:
        note = deliver(self, operation)
        for name, value in spell(instance, sandbox.world.ump("finebak").client_id or "").items():
            setattr(sandbox.world.ump("finebak"), name, value)
        return note

    monkeypatch.setattr(ump_api.ApiDelivery, "deliver_portal_url", then_spelled)
    assert provision().error_code not in {ump_api.UMP_FORGOT, ump_api.UMP_CHANGED}


def test_a_redirect_uri_with_a_slash_at_its_end_is_replaced_without_asking(
    provision: Provision,
    instance: UmpInstance,
    sandbox: Sandbox,
    run_worker: RunWorker,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Microsoft compares it exactly: a customer could not sign in with it."""
    change_ump_before_validation(sandbox, monkeypatch, redirect_uri=f"{instance.redirect_uri}/")
    operation = provision()
    assert (operation.status, operation.error_code) == ("waiting", "ump_forgot")
    assert run_again(operation, run_worker).status == "succeeded"
    assert sandbox.world.ump("finebak").redirect_uri == instance.redirect_uri


def test_restoring_the_umps_values_calls_no_graph(
    provision: Provision, sandbox: Sandbox, run_worker: RunWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    change_ump_before_validation(sandbox, monkeypatch, portal_url="https://elsewhere.example")
    operation = provision()
    before = len(sandbox.calls)
    queue.resume(operation, actor=OLGA)
    run_again(operation, run_worker)
    assert [call.path for call in sandbox.calls[before:] if call.service == "graph"] == []


def test_the_second_save_uses_the_etag_of_the_first(provision: Provision, sandbox: Sandbox) -> None:
    assert provision().status == "succeeded"
    reads = [call for call in sandbox.calls if call.service == "ump" and call.method == "GET"]
    assert len(reads) == 2  # before the first save, and to read back


def test_a_ump_changed_between_two_saves_is_read_again(
    provision: Provision, sandbox: Sandbox, run_worker: RunWorker
) -> None:
    sandbox.faults.add(
        service="ump",
        method="PUT",
        path="/authentication-portal",
        kind="status",
        status=412,
        body={"error": {"code": "PreconditionFailed", "message": "Somebody was faster."}},
    )
    operation = provision()
    assert operation.status == "waiting"
    queue.wake([operation])
    run_worker()
    operation.refresh_from_db()
    assert operation.status == "succeeded", operation.message
    reads = [call for call in sandbox.calls if call.service == "ump" and call.method == "GET"]
    assert len(reads) == 3
