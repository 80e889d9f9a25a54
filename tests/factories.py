"""Rows for tests: plain functions with obvious defaults. Pass only what the test is about."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from onboarding.models import Customer, Service
from registrations.applications import desired_state
from registrations.models import AppRegistration, ClientSecret, EntraTenant, ServiceProvider, UmpInstance
from registrations.models.steps import StepState
from sandbox.app import Sandbox

PASSWORD = "correct horse battery staple"


def make_tenant(sandbox: Sandbox | None = None, **values: Any) -> EntraTenant:
    """The seeded provider's tenant with its working credential, or one of that shape without a sandbox."""
    given = sandbox.seed.provider if sandbox else None
    defaults = {
        "name": "Finebak",
        "tenant_id": given.tenant_id if given else "f1eba000-0000-4000-8000-000000000001",
        "client_id": given.client_id if given else "f1eba000-0000-4000-8000-000000000002",
    }
    tenant = EntraTenant(**{**defaults, **values})
    tenant.seal("client_secret_envelope", given.client_secret if given else "a-secret-of-nobody")
    tenant.save()
    return tenant


CONTACT = {
    "contact_name": "Finebak onboarding team",
    "contact_email": "onboarding@finebak.example",
    "contact_phone": "+44 20 7946 0000",
}


def make_provider(sandbox: Sandbox | None = None, **values: Any) -> ServiceProvider:
    """Finebak, under finebak.localhost."""
    values.setdefault("tenant", EntraTenant.objects.first() or make_tenant(sandbox))
    return ServiceProvider.objects.create(**{"name": "Finebak", "domain": "finebak.localhost", **CONTACT, **values})


def make_instance(sandbox: Sandbox | None = None, **values: Any) -> UmpInstance:
    """umptoken.finebak.localhost, with a UMP that offers the API."""
    values.setdefault("provider", ServiceProvider.objects.first() or make_provider(sandbox))
    given = sandbox.seed.ump if sandbox else None
    url = given.url if given else "https://ump.finebak.localhost/tenantui"
    if UmpInstance.objects.filter(ump_url=url).exists():  # a UMP serves one instance
        name = values.get("app_name", "umptoken")
        url = sandbox.ump_url(name) if sandbox else f"https://ump.{values['provider'].domain}/{name}"
    defaults = {
        "app_name": "umptoken",
        "ump_url": url,
        "ump_tenant_id": given.tenant_id if given else "",
        "ump_client_id": given.client_id if given else "",
        "ump_scope": given.scope if given else "",
    }
    instance = UmpInstance(**{**defaults, **values})
    if given:
        instance.seal("ump_client_secret_envelope", given.client_secret)
    instance.save()
    return instance


def make_registration(instance: UmpInstance, *, secret: str = "", **values: Any) -> AppRegistration:
    """A registration row of an instance, with a live secret if one is given."""
    defaults = {
        "tenant_id": instance.provider.tenant.tenant_id,
        "unique_name": f"syncportal-{instance.host}",
        "display_name": instance.app_name,
        "applied_settings": desired_state.sync_app(instance),
    }
    registration = AppRegistration.objects.create(instance=instance, **{**defaults, **values})
    if secret:
        row = ClientSecret(
            registration=registration,
            display_name="syncportal:test",
            hint=secret[:3],
            status=ClientSecret.Status.DELIVERED,
            expires_at=timezone.now() + timedelta(days=700),
        )
        row.seal("envelope", secret)
        row.save()
    return registration


def make_customer(sandbox: Sandbox | None = None, **values: Any) -> Customer:
    """Contoso."""
    tenant_id = sandbox.seed.customer.tenant_id if sandbox else "c0a70500-0000-4000-8000-000000000001"
    return Customer.objects.create(**{"name": "Contoso", "tenant_id": tenant_id, **values})


def make_service(sandbox: Sandbox | None = None, **values: Any) -> Service:
    """Contoso's Hosted Pro service, contoso1."""
    values.setdefault("customer", Customer.objects.first() or make_customer(sandbox))
    values.setdefault("instance", UmpInstance.objects.first() or make_instance(sandbox))
    defaults = {"service_type": Service.Type.HOSTED_PRO, "full_name": "Contoso Ltd", "short_name": "contoso1"}
    return Service.objects.create(**{**defaults, **values})


def change(step: StepState, **values: Any) -> None:
    """Set fields of a step's state, as a run would."""
    for name, value in values.items():
        setattr(step, name, value)
