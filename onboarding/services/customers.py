"""Customers and their services, made or found again by what identifies them."""

from django.db import transaction

from onboarding.models import Customer, Service
from registrations.errors import WrongStateError
from registrations.models import UmpInstance
from registrations.services import audit


def ensure_service(
    instance: UmpInstance,
    *,
    tenant_id: str,
    customer_name: str,
    short_name: str,
    full_name: str,
    service_type: str,
    actor: audit.Actor,
) -> Service:
    """The service with that short name on the instance, made with its customer where it is missing.

    Raises ValidationError for bad values, WrongStateError where the short name is another customer's.
    """
    with transaction.atomic():
        customer = _ensure_customer(tenant_id, customer_name, actor)
        found = Service.objects.filter(instance=instance, short_name__iexact=short_name).first()
        if found is None:
            return _new_service(instance, customer, short_name, full_name, service_type, actor)
    if found.customer_id != customer.pk:
        raise WrongStateError(f"The short name {found.short_name} belongs to {found.customer} on {instance.host}.")
    return found


def _ensure_customer(tenant_id: str, name: str, actor: audit.Actor) -> Customer:
    found = Customer.objects.filter(tenant_id=tenant_id).first()
    if found:
        return found
    customer = Customer(tenant_id=tenant_id, name=name)
    customer.full_clean()
    customer.save(force_insert=True)
    audit.record("customer.added", actor=actor, subject=customer, after={"name": name, "tenant_id": customer.tenant_id})
    return customer


def _new_service(
    instance: UmpInstance, customer: Customer, short_name: str, full_name: str, service_type: str, actor: audit.Actor
) -> Service:
    service = Service(
        customer=customer, instance=instance, service_type=service_type, full_name=full_name, short_name=short_name
    )
    service.full_clean()
    service.save(force_insert=True)
    facts = {"short_name": short_name, "full_name": full_name, "service_type": service_type, "host": instance.host}
    audit.record("service.added", actor=actor, subject=service, after=facts)
    return service
