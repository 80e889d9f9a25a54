"""Somebody deletes objects in Entra while an operation runs, and the operation goes on long after."""

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from time_machine import TimeMachineFixture

from registrations.engine import runner
from registrations.models import AppRegistration, ClientSecret, Operation
from sandbox.app import Sandbox
from sandbox.model import Application
from tests.registrations.runs import RunWorker

DELETED, PURGED, PRINCIPAL = "deleted", "purged", "principal"
HOWS = (DELETED, PURGED, PRINCIPAL)  # restorable, gone for good, or the service principal alone

Settle = Callable[[Operation], Operation]


def deletions_before(steps: Iterable[str]) -> list[tuple[str, str]]:
    """Each step with each deletion that is possible before it: there is no service principal before its own step."""
    return [(step, how) for step in steps for how in HOWS if (step, how) != ("service_principal", PRINCIPAL)]


def delete(sandbox: Sandbox, application: Application, how: str) -> None:
    """Delete the application with its service principal in its tenant, or the service principal alone."""
    tenant = sandbox.world.tenant(application.tenant_id)
    principal = tenant.service_principal_of(application.app_id)
    with sandbox.world.lock:
        if principal:
            principal.deleted = principal.deleted or application.created
            tenant.deleted_service_principals[principal.id] = tenant.service_principals.pop(principal.id)
        if how == PRINCIPAL:
            return
        application.deleted = application.created
        tenant.deleted_applications[application.id] = tenant.applications.pop(application.id)
        if how == PURGED:
            del tenant.deleted_applications[application.id]
            if principal:
                del tenant.deleted_service_principals[principal.id]


def age() -> None:
    """What was created so far is older than replication takes."""
    an_hour_ago = timezone.now() - timedelta(hours=1)
    AppRegistration.objects.exclude(made_at=None).update(made_at=an_hour_ago)
    ClientSecret.objects.exclude(stored_at=None).update(stored_at=an_hour_ago)


def before(monkeypatch: pytest.MonkeyPatch, step_name: str, act: Callable[[], None], times: int = 1) -> None:
    """Do this when a worker is about to begin that step, this often: a race, so it is staged."""
    attempt, acts = runner._attempt, [act] * times

    def attempt_after(operation: Operation, step: Any, lease: Any) -> bool:
        if step.name == step_name and acts:
            acts.pop()()
        return attempt(operation, step, lease)

    monkeypatch.setattr(runner, "_attempt", attempt_after)


@pytest.fixture
def settle(run_worker: RunWorker, time_machine: TimeMachineFixture) -> Settle:
    """Let workers run an operation, half a minute apart, until it ends or waits for a person."""

    def run(operation: Operation) -> Operation:
        for _ in range(60):
            run_worker()
            operation.refresh_from_db()
            if not operation.is_live or operation.waits_for:
                return operation
            time_machine.move_to(timezone.now() + timedelta(seconds=31), tick=True)
            Operation.objects.filter(pk=operation.pk).update(next_attempt_at=timezone.now())
        raise AssertionError(f"It still waits after half an hour: {operation.message}")

    return run
