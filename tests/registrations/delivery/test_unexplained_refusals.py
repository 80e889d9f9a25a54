"""A UMP that is being restarted, or a proxy before it, refuses without a code: tried again before anybody is asked."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from time_machine import TimeMachineFixture

from registrations.models import Operation, UmpInstance
from registrations.services import addresses
from sandbox.app import Sandbox
from tests.registrations.delivery.test_ump_api import change_ump_before_validation
from tests.registrations.runs import OLGA, Provision, RunWorker, application_of, provision_once, run_again

pytestmark = pytest.mark.django_db
PLACES = [
    ("GET", "system-settings"),
    ("PUT", "sync-app"),
    ("PUT", "authentication-portal"),
    ("POST", "sync-app/validate"),
]
ANSWERS: list[tuple[int, Any]] = [
    (404, "<html>Not Found</html>"),
    (404, {}),
    (302, ""),
    (301, ""),
    (400, ""),
    (401, ""),
    (403, {"error": "Forbidden"}),
    (405, ""),
    (410, ""),
    (200, {}),
    (200, [1]),
]


def later(operation: Operation, clock: TimeMachineFixture, run_worker: RunWorker) -> Operation:
    assert operation.next_attempt_at is not None
    clock.move_to(operation.next_attempt_at)
    return run_again(operation, run_worker)


@pytest.mark.parametrize("status_and_body", ANSWERS, ids=str)
@pytest.mark.parametrize("place", PLACES, ids=str)
def test_a_refusal_without_a_code_passes_by_itself(
    provision: Provision,
    sandbox: Sandbox,
    run_worker: RunWorker,
    place: tuple[str, str],
    status_and_body: tuple[int, Any],
) -> None:
    status, body = status_and_body
    sandbox.faults.add("ump", "status", method=place[0], path=f"{place[1]}$", status=status, body=body)
    operation = provision()
    assert (operation.status, operation.waits_for) == ("waiting", ""), operation.message
    assert operation.error_code not in {"no_contract", "unknown"}
    assert "hand-over sheet" not in operation.message
    operation = run_again(operation, run_worker, times=3)
    assert operation.status == "succeeded", operation.message


def test_a_ump_without_an_address_for_minutes_points_to_the_hand_over_sheet(
    provision: Provision, sandbox: Sandbox, run_worker: RunWorker, time_machine: TimeMachineFixture
) -> None:
    sandbox.faults.add("ump", "status", method="GET", path="system-settings", status=404, body="", times=99)
    operation, began = provision(), timezone.now()
    while operation.status == "waiting":
        assert "hand-over sheet" not in operation.message
        operation = later(operation, time_machine, run_worker)
    assert (operation.status, operation.error_code) == ("failed", "no_contract")
    assert "hand-over sheet" in operation.message
    assert timedelta(minutes=5) < timezone.now() - began < timedelta(minutes=8)


# --- Values of an earlier time ---


def test_a_ump_restored_with_the_client_id_of_before_gets_the_values_again(
    sandbox: Sandbox,
    instance: UmpInstance,
    provision: Provision,
    run_worker: RunWorker,
    monkeypatch: pytest.MonkeyPatch,
    time_machine: TimeMachineFixture,
) -> None:
    provision()
    ump = sandbox.world.ump("finebak")
    old = {name: getattr(ump, name) for name in ("client_id", "client_secret")}
    application = application_of(sandbox, instance)
    tenant = sandbox.world.tenant(instance.provider.tenant.tenant_id)
    del tenant.applications[application.id]
    time_machine.move_to(timezone.now() + timedelta(hours=1))
    operation = provision_once(instance, run_worker)
    while operation.status == "waiting" and not operation.waits_for:
        operation = later(operation, time_machine, run_worker)
    assert operation.status == "succeeded", operation.message
    change_ump_before_validation(sandbox, monkeypatch, **old)
    operation = provision_once(instance, run_worker)
    assert (operation.status, operation.error_code) == ("waiting", "ump_forgot"), operation.message
    assert "somebody" not in operation.message
    assert run_again(operation, run_worker).status == "succeeded"


def test_a_ump_restored_with_the_address_of_before_gets_the_values_again(
    sandbox: Sandbox,
    instance: UmpInstance,
    provision: Provision,
    run_worker: RunWorker,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    provision()
    ump = sandbox.world.ump("finebak")
    old = {name: getattr(ump, name) for name in ("redirect_uri", "portal_url")}
    instance.refresh_from_db()
    secret = instance.ump_client_secret_envelope
    addresses.change_instance_address(
        instance, ump_url=instance.ump_url, app_name="umptoken9", reason="Renamed.", actor=OLGA
    )
    UmpInstance.objects.filter(pk=instance.pk).update(ump_client_secret_envelope=secret)
    instance = UmpInstance.objects.select_related("provider__tenant").get(pk=instance.pk)
    change_ump_before_validation(sandbox, monkeypatch, **old)
    operation = provision_once(instance, run_worker)
    assert operation.error_code == "ump_forgot", operation.message
    assert run_again(operation, run_worker, times=3).status == "succeeded"
