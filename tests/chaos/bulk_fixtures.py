"""Bulk jobs of many instances in one or more tenants, requested with the product's settings."""

import re
import secrets
from typing import Any

from registrations import audit, tasks
from registrations.models import EntraTenant, ServiceProvider, UmpInstance
from registrations.services import bulk_jobs
from tests.chaos.fixtures import SandboxControl, fixture_transaction, retried_once


def request_bulk(count: int, tenants: int, empty_seconds: int = 0) -> Any:
    """Request one bulk job with `count` instances in each tenant, after using up each tenant's quota. Returns its id.

    The quota stays empty for so many seconds: what shall wait needs them to start on a busy machine.
    """
    control = SandboxControl()
    with fixture_transaction():
        models, chosen = _create(control, count, tenants)
    for model in models:
        control.empty_quota(model.provider.tenant.client_id, model.provider.tenant.tenant_id, empty_seconds)
    job = retried_once(lambda: bulk_jobs.request(chosen, actor=audit.SYSTEM))
    tasks.start_bulk_operations.apply_async()  # as the admin does once the job is committed
    return job.pk


def _create(control: SandboxControl, count: int, tenants: int) -> tuple[list[UmpInstance], list[UmpInstance]]:
    """Create the instances. Returns the one that was copied in each tenant, and all copies."""
    model = UmpInstance.objects.select_related("provider__tenant").earliest("created_at")
    models = [model, *(_another_tenant(control, model) for _ in range(1, tenants))]
    chosen = [instance for model in models for instance in _instances_like(control, model, count)]
    UmpInstance.objects.bulk_create(chosen, batch_size=500)
    return models, chosen


def _instances_like(control: SandboxControl, model: UmpInstance, count: int) -> list[UmpInstance]:
    """Unsaved instances of the model's provider, each with a UMP of its own."""
    batch, secret = secrets.token_hex(3), model.unseal("ump_client_secret_envelope")
    made: list[UmpInstance] = []
    for number in range(count):
        name = f"b{batch}-{number}"
        control.world("add_ump", name=name, tenant_id=model.provider.tenant.tenant_id)
        instance = UmpInstance(
            provider=model.provider,
            app_name=name,
            ump_url=_ump_url(model, name),
            ump_tenant_id=model.ump_tenant_id,
            ump_client_id=model.ump_client_id,
            ump_scope=model.ump_scope,
        )
        instance.seal("ump_client_secret_envelope", secret)
        made.append(instance)
    return made


def _another_tenant(control: SandboxControl, model: UmpInstance) -> UmpInstance:
    """Create a service provider with a tenant of its own. Returns an unsaved instance to copy."""
    name = f"Provider{secrets.token_hex(3)}"
    domain = f"{name.lower()}.localhost"
    made = control.world("add_provider", name=name, domain=domain)
    tenant = EntraTenant(name=name, tenant_id=made["tenant_id"], client_id=made["portal_id"])
    tenant.seal("client_secret_envelope", made["portal_secret"])
    tenant.save()
    instance = UmpInstance(
        provider=ServiceProvider.objects.create(name=name, domain=domain, tenant=tenant),
        ump_url=_ump_url(model, name.lower()),
        ump_tenant_id=made["tenant_id"],
        ump_client_id=made["ump_client_id"],
        ump_scope=f"api://{made['ump_api_id']}/.default",
    )
    instance.seal("ump_client_secret_envelope", made["ump_secret"])
    return instance


def _ump_url(model: UmpInstance, name: str) -> str:
    return re.sub(r"/ump/[^/]+/", f"/ump/{name}/", model.ump_url)
