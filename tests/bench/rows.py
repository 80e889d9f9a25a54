"""Rows to measure with: instances of a bulk job, and operations whose steps do nothing."""

import secrets
import uuid
from typing import Any

from registrations import tasks
from registrations.models import EntraTenant, Operation, UmpInstance
from registrations.services import audit, bulk, kinds, operations
from tests.chaos.rows import Control

KIND = "bench_nothing"


def register_nothing() -> None:
    """A kind of three steps that return at once."""
    steps = tuple(kinds.Step(f"step{number}", "Nothing", _nothing) for number in range(3))
    kinds.register(kinds.Kind(KIND, "Nothing", steps, EntraTenant, _ended, _ended, lane=Operation.Lane.BULK))


def request_nothing(count: int) -> None:
    """So many empty operations; the bells are rung once all are committed."""
    register_nothing()
    subjects = [EntraTenant(name="bench", tenant_id=str(uuid.uuid4())) for _ in range(count)]
    EntraTenant.objects.bulk_create(subjects)
    made = [operations.request(KIND, subject, actor=audit.SYSTEM) for subject in subjects]
    for operation in made:
        tasks.ring(operation.pk, lane=operation.lane)


def request_bare(count: int) -> None:
    """So many bare tasks."""
    from tests.bench.worker import bare  # noqa: PLC0415  importing it makes it a task of this process too

    first = secrets.randbelow(10**9)
    for number in range(count):
        bare.apply_async((first + number,), queue="4-bulk")


def request_bulk(count: int) -> None:
    """A bulk job of so many instances, each with a UMP, in the seeded tenant."""
    control, batch = Control(), secrets.token_hex(3)
    model = UmpInstance.objects.select_related("provider__tenant").earliest("created_at")
    secret = model.unseal("ump_client_secret_envelope")
    chosen: list[UmpInstance] = []
    for number in range(count):
        name = f"b{batch}-{number}"
        control.world("add_ump", name=name, tenant_id=model.provider.tenant.tenant_id)
        instance = UmpInstance(
            provider=model.provider, app_name=name, ump_url=model.ump_url.replace("/finebak", f"/{name}"),
            ump_tenant_id=model.ump_tenant_id, ump_client_id=model.ump_client_id, ump_scope=model.ump_scope,
        )  # fmt: skip
        instance.seal("ump_client_secret_envelope", secret)
        chosen.append(instance)
    UmpInstance.objects.bulk_create(chosen, batch_size=500)
    bulk.request(chosen, actor=audit.SYSTEM)


REQUESTS: dict[str, Any] = {"nothing": request_nothing, "bare": request_bare, "bulk": request_bulk}


def _nothing(operation: Operation) -> None:
    """The engine alone is measured."""


def _ended(operation: Operation) -> None:
    """It means nothing to its subject."""
