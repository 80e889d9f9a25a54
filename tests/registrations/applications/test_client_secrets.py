"""The client secret: replaced once it is gone, and only then."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from time_machine import TimeMachineFixture

from registrations.clients.graph.client import GraphClient
from registrations.models import ClientSecret, Operation, UmpInstance
from sandbox.app import Sandbox
from sandbox.model import Application
from tests.registrations.runs import (
    Provision,
    RunWorker,
    application_of,
    provision_once,
    run_again,
)

pytestmark = pytest.mark.django_db


def test_a_secret_removed_in_entra_is_replaced_and_delivered(
    provision: Provision,
    instance: UmpInstance,
    sandbox: Sandbox,
    run_worker: RunWorker,
    run_worker_a_minute_later: Callable[[Operation], None],
) -> None:
    provision()
    application_of(sandbox, instance).passwords.clear()
    ClientSecret.objects.update(stored_at=timezone.now() - timedelta(hours=1))
    operation = provision()
    run_worker_a_minute_later(operation)
    assert run_again(operation, run_worker).status == "succeeded"
    (secret,) = application_of(sandbox, instance).passwords
    assert secret.secret == ClientSecret.objects.get(status="delivered").unseal("envelope")
    assert sandbox.world.ump("finebak").client_secret == secret.secret


def test_an_expired_secret_is_replaced(provision: Provision, instance: UmpInstance, sandbox: Sandbox) -> None:
    provision()
    ClientSecret.objects.update(expires_at=timezone.now(), stored_at=timezone.now() - timedelta(days=730))
    assert provision().status == "succeeded"
    assert ClientSecret.objects.filter(status="delivered").count() == 1


def test_a_worker_that_lost_its_intent_stores_no_secret(
    provision: Provision,
    instance: UmpInstance,
    sandbox: Sandbox,
    run_worker: RunWorker,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The slow worker's answer arrives after another one has swept the secret: staged, because it is a race."""
    add = GraphClient.add_secret
    lost: list[str] = []

    def add_slowly(self: GraphClient, object_id: str, display_name: str, ends_at: Any) -> Any:
        made = add(self, object_id, display_name, ends_at)
        if not lost:
            lost.append(made.key_id)
            ClientSecret.objects.filter(status="intended").update(status="discarded", key_id=made.key_id)
        return made

    monkeypatch.setattr(GraphClient, "add_secret", add_slowly)
    operation = provision()
    for _ in range(3):
        operation = run_again(operation, run_worker)
    assert operation.status == "succeeded", operation.message
    (secret,) = application_of(sandbox, instance).passwords
    assert secret.key_id not in lost
    assert secret.secret == ClientSecret.objects.get(status="delivered").unseal("envelope")


def test_a_secret_missing_in_one_read_is_not_replaced(
    provisioned: Application, instance: UmpInstance, sandbox: Sandbox, run_worker: RunWorker
) -> None:
    (hidden,) = provisioned.passwords
    provisioned.passwords.clear()
    operation = provision_once(instance, run_worker)
    assert operation.status == "waiting"
    assert "does not show the client secret" in operation.message
    provisioned.passwords.append(hidden)
    assert run_again(operation, run_worker).status == "succeeded", operation.message
    assert provisioned.passwords == [hidden]


def test_a_lost_secret_that_replicas_hide_is_removed_later(
    instance: UmpInstance, sandbox: Sandbox, run_worker: RunWorker, portal: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.faults.add(service="graph", kind="lost_answer", method="POST", path="/addPassword", times=1)
    with monkeypatch.context() as lagging:  # the sandbox's replicas know every secret at once
        lagging.setattr(GraphClient, "credentials", lambda *_: [])
        operation = run_again(provision_once(instance, run_worker), run_worker, times=6)
        assert operation.status == "waiting"
    assert run_again(operation, run_worker, times=2).status == "succeeded", operation.message
    made = sandbox.world.find_application(unique_name=f"syncportal-{instance.host}")
    assert made is not None
    assert [secret.key_id for secret in made.passwords] == [ClientSecret.objects.get(status="delivered").key_id]


def test_two_looks_two_days_apart_do_not_confirm_a_deletion(
    provisioned: Application,
    instance: UmpInstance,
    sandbox: Sandbox,
    run_worker: RunWorker,
    time_machine: TimeMachineFixture,
) -> None:
    (hidden,) = provisioned.passwords
    provisioned.passwords.clear()
    operation = provision_once(instance, run_worker)
    time_machine.move_to(timezone.now() + timedelta(days=2), tick=True)
    operation = run_again(operation, run_worker)
    assert "does not show the client secret" in operation.message
    provisioned.passwords.append(hidden)
    assert run_again(operation, run_worker).status == "succeeded", operation.message
    assert provisioned.passwords == [hidden]
