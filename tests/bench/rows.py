"""Rows to measure with: instances of a bulk job, and operations whose steps do nothing."""

import re
import secrets
import uuid
from typing import Any

from registrations import tasks
from registrations.models import EntraTenant, Operation, ServiceProvider, UmpInstance
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


def request_bulk(count: int, tenants: int) -> None:
    """One bulk job: so many instances in each of so many tenants. Each quota is emptied at its very beginning."""
    control = Control()
    model = UmpInstance.objects.select_related("provider__tenant").earliest("created_at")
    models = [model, *(_another_tenant(control, model, number) for number in range(1, tenants))]
    chosen = [instance for model in models for instance in _instances_like(control, model, count)]
    UmpInstance.objects.bulk_create(chosen, batch_size=500)
    for model in models:
        control.empty_quota(model.provider.tenant.client_id, model.provider.tenant.tenant_id)
    bulk.request(chosen, actor=audit.SYSTEM)
    tasks.feed_bulk_jobs.apply_async()  # as the admin does once the job is committed


def _instances_like(control: Control, model: UmpInstance, count: int) -> list[UmpInstance]:
    """Instances of the model's provider, each with a UMP of its own; not saved yet."""
    batch, secret = secrets.token_hex(3), model.unseal("ump_client_secret_envelope")
    made: list[UmpInstance] = []
    for number in range(count):
        name = f"b{batch}-{number}"
        control.world("add_ump", name=name, tenant_id=model.provider.tenant.tenant_id)
        instance = UmpInstance(
            provider=model.provider, app_name=name, ump_url=_ump_url(model, name), ump_tenant_id=model.ump_tenant_id,
            ump_client_id=model.ump_client_id, ump_scope=model.ump_scope,
        )  # fmt: skip
        instance.seal("ump_client_secret_envelope", secret)
        made.append(instance)
    return made


def _another_tenant(control: Control, model: UmpInstance, number: int) -> UmpInstance:
    """A service provider with a tenant of its own; returned is an instance to copy, not saved."""
    name, domain = f"Bench{number}", f"bench{number}.localhost"
    made = control.world("add_provider", name=name, domain=domain)
    tenant = EntraTenant(name=name, tenant_id=made["tenant_id"], client_id=made["portal_id"])
    tenant.seal("client_secret_envelope", made["portal_secret"])
    tenant.save()
    instance = UmpInstance(
        provider=ServiceProvider.objects.create(name=name, domain=domain, tenant=tenant),
        ump_url=_ump_url(model, name.lower()), ump_tenant_id=made["tenant_id"], ump_client_id=made["ump_client_id"],
        ump_scope=f"api://{made['ump_api_id']}/.default",
    )  # fmt: skip
    instance.seal("ump_client_secret_envelope", made["ump_secret"])
    return instance


def _ump_url(model: UmpInstance, name: str) -> str:
    return re.sub(r"/ump/[^/]+/", f"/ump/{name}/", model.ump_url)


REQUESTS: dict[str, Any] = {"nothing": request_nothing, "bare": request_bare, "bulk": request_bulk}


def _nothing(operation: Operation) -> None:
    """The engine alone is measured."""


def _ended(operation: Operation) -> None:
    """It means nothing to its subject."""
