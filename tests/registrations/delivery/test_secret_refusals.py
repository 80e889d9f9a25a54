"""A UMP that cannot use the secret: a wait, a new delivery or a person's work."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone
from time_machine import TimeMachineFixture

from registrations.delivery import secret_refusals
from registrations.engine import queue
from registrations.models import AuditEvent, ClientSecret, Operation, UmpInstance
from sandbox.app import Sandbox
from sandbox.model import Application
from tests.registrations.runs import (
    OLGA,
    Provision,
    RunWorker,
    application_of,
    provision_once,
    run_again,
)

pytestmark = pytest.mark.django_db


def test_a_secret_in_the_umps_words_reaches_no_message(
    provision: Provision, sandbox: Sandbox, run_worker: RunWorker
) -> None:
    sandbox.faults.add(service="ump", kind="status", status=503, method="POST", path="sync-app/validate")
    operation = provision()
    value = ClientSecret.objects.get().unseal("envelope")
    body = {"valid": False, "checkedAt": timezone.now().isoformat(), "error": f"Login failed for {value}"}
    sandbox.faults.add(service="ump", kind="status", status=200, body=body, method="POST", path="sync-app/validate")
    operation = run_again(operation, run_worker)
    assert operation.status == "waiting"
    assert "[redacted]" in operation.message
    assert value not in str(list(Operation.objects.values())) + str(list(AuditEvent.objects.values()))


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("AADSTS7000215: wrong: qX4 8Q", "AADSTS7000215: wrong: [redacted]"),
        ("sent client_secret=qX4+8Q&x", "sent client_secret=[redacted]&x"),
        ("tried qX4%208Q", "tried [redacted]"),
        ("tried another: Abc8Q~x.y-z_1Abc8Q~x.y-z_1Abc8Q~", "tried another: [redacted]"),
        ("Bearer eyJabcdefghijk.abc.def", "Bearer [redacted]"),
        ("user max@example.com\ud800 \0\n failed", "user [e-mail] failed"),
        ("\ud800", ""),
        ("word " * 100_000, ("word " * 60).rstrip() + "…"),
    ],
)
def test_words_of_a_ump_hold_no_secret_and_no_surrogate(words: str, shown: str) -> None:
    assert secret_refusals.without(words, "qX4 8Q") == shown


@pytest.mark.parametrize(
    ("age", "status", "code"),
    [(timedelta(), "waiting", "AADSTS7000215"), (timedelta(minutes=11), "failed", "ump_validation")],
)
def test_a_refused_secret_waits_while_it_may_be_replicating(
    provision: Provision, sandbox: Sandbox, run_worker: RunWorker, age: timedelta, status: str, code: str
) -> None:
    sandbox.faults.add(service="ump", kind="status", status=503, method="POST", path="sync-app/validate")
    operation = provision()
    ClientSecret.objects.update(stored_at=timezone.now() - age)
    body = {"valid": False, "checkedAt": timezone.now().isoformat(), "error": "AADSTS7000215: Invalid client secret."}
    sandbox.faults.add(service="ump", kind="status", status=200, body=body, method="POST", path="sync-app/validate")
    operation = run_again(operation, run_worker)
    assert (operation.status, operation.error_code) == (status, code)
    if status == "failed":
        queue.resume(operation, actor=OLGA)
    assert run_again(operation, run_worker).status == "succeeded"


def test_resume_replaces_a_secret_that_is_gone_at_validation(
    provision: Provision,
    instance: UmpInstance,
    sandbox: Sandbox,
    run_worker: RunWorker,
    time_machine: TimeMachineFixture,
    run_worker_a_minute_later: Callable[[Operation], None],
) -> None:
    sandbox.faults.add(service="ump", kind="status", status=503, method="POST", path="sync-app/validate")
    operation = provision()
    (gone,) = application_of(sandbox, instance).passwords
    application_of(sandbox, instance).passwords.clear()
    time_machine.move_to(timezone.now() + timedelta(minutes=11), tick=True)
    operation = run_again(operation, run_worker)
    assert (operation.status, operation.error_code) == ("failed", "ump_validation")
    queue.resume(operation, actor=OLGA)
    run_worker()
    run_worker_a_minute_later(operation)
    assert run_again(operation, run_worker).status == "succeeded", operation.message
    (made,) = application_of(sandbox, instance).passwords
    assert made.key_id != gone.key_id
    assert sandbox.world.ump("finebak").client_secret == made.secret


def test_a_secret_the_ump_cannot_use_is_delivered_again(
    provisioned: Application, instance: UmpInstance, sandbox: Sandbox, run_worker: RunWorker
) -> None:
    ump = sandbox.world.ump("finebak")
    right = str(ump.client_secret)
    ump.client_secret = right[:3] + "cut off"
    operation = provision_once(instance, run_worker)
    assert (operation.status, operation.error_code) == ("failed", "ump_validation")
    queue.resume(operation, actor=OLGA)
    assert run_again(operation, run_worker).status == "succeeded", operation.message
    assert ump.client_secret == right


def test_a_refused_validation_request_keeps_the_secret_delivered(
    provisioned: Application, instance: UmpInstance, sandbox: Sandbox, run_worker: RunWorker
) -> None:
    sandbox.faults.add(service="ump", kind="status", status=400, method="POST", path="sync-app/validate", times=1)
    operation = provision_once(instance, run_worker)
    assert operation.status == "waiting"
    assert run_again(operation, run_worker).status == "succeeded", operation.message
    assert ClientSecret.objects.get().status == "delivered"
    assert not AuditEvent.objects.filter(action="secret.doubted").exists()


def test_an_undelivered_mark_is_undone_by_a_successful_validation(
    provisioned: Application, instance: UmpInstance, sandbox: Sandbox, run_worker: RunWorker
) -> None:
    body = {"valid": False, "checkedAt": timezone.now().isoformat(), "error": "The proxy is down."}
    sandbox.faults.add(
        service="ump", kind="status", status=200, body=body, method="POST", path="sync-app/validate", times=1
    )
    operation = provision_once(instance, run_worker)
    assert (operation.status, ClientSecret.objects.get().status) == ("waiting", "proven")
    assert run_again(operation, run_worker).status == "succeeded", operation.message
    assert ClientSecret.objects.get().status == "delivered"


@pytest.mark.parametrize("error", ["The proxy is down.", "", "invalid_client"])
def test_a_refusal_without_a_code_asks_a_person_after_minutes_only(
    error: str,
    provisioned: Application,
    instance: UmpInstance,
    sandbox: Sandbox,
    run_worker: RunWorker,
    time_machine: TimeMachineFixture,
) -> None:
    body = {"valid": False, "checkedAt": timezone.now().isoformat(), "error": error}
    sandbox.faults.add(
        service="ump", kind="status", status=200, body=body, method="POST", path="sync-app/validate", times=99
    )
    operation = provision_once(instance, run_worker)
    for _ in range(4):
        assert (operation.status, operation.waits_for) == ("waiting", "")
        time_machine.move_to(timezone.now() + timedelta(minutes=1), tick=True)
        operation = run_again(operation, run_worker)
    time_machine.move_to(timezone.now() + timedelta(minutes=2), tick=True)
    operation = run_again(operation, run_worker)
    assert (operation.status, operation.error_code) == ("failed", "ump_validation")


def test_a_refusal_with_a_code_that_is_final_asks_at_once(
    provisioned: Application, instance: UmpInstance, sandbox: Sandbox, run_worker: RunWorker
) -> None:
    body = {"valid": False, "checkedAt": timezone.now().isoformat(), "error": "AADSTS53003: Blocked by policy."}
    sandbox.faults.add(service="ump", kind="status", status=200, body=body, method="POST", path="sync-app/validate")
    assert provision_once(instance, run_worker).status == "failed"
