"""What tests do with an instance's operations, and what they count in the sandbox."""

from collections.abc import Callable

from django.utils import timezone

from registrations import audit
from registrations.models import Operation, UmpInstance
from registrations.services import provisioning
from sandbox.app import Sandbox
from sandbox.model import Application

RunWorker = Callable[[], None]
Provision = Callable[..., Operation]
OLGA = audit.Actor("staff", "Olga Operator", "1")


def run_again(operation: Operation, run_worker: RunWorker, times: int = 1) -> Operation:
    """Make a waiting operation due and let workers run it, this often; the operation as it is then."""
    for _ in range(times):
        Operation.objects.filter(pk=operation.pk, status="waiting").update(next_attempt_at=timezone.now())
        run_worker()
        operation.refresh_from_db()
    return operation


def run_until_settled(operation: Operation, run_worker: RunWorker) -> Operation:
    """Let workers run it until it ends or waits for a person."""
    for _ in range(12):
        run_worker()
        operation.refresh_from_db()
        if not operation.is_live or operation.waits_for:
            break
        Operation.objects.filter(pk=operation.pk).update(next_attempt_at=timezone.now())
    return operation


def provision_once(instance: UmpInstance, run_worker: RunWorker) -> Operation:
    """Request a provisioning and let workers run it; the operation as it is then."""
    return run_again(provisioning.request(instance, actor=OLGA), run_worker)


def application_of(sandbox: Sandbox, instance: UmpInstance) -> Application:
    """The instance's application in the sandbox's Entra."""
    found = sandbox.world.find_application(unique_name=f"syncportal-{instance.host}")
    assert found is not None
    return found


def count_calls(sandbox: Sandbox, service: str, part: str) -> int:
    """How many calls to a service had a path with this part."""
    return sum(call.service == service and part in call.path for call in sandbox.calls)
