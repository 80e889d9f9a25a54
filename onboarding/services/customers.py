"""Customers and their services, created or reused by what identifies them."""

from onboarding.models import Customer, Service
from registrations import audit
from registrations.errors import WrongStateError
from registrations.models import UmpInstance


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
    """The service with this short name on the instance; it and its customer are created where they do not exist.

    An empty customer name means the stored name, or the full name for a new customer. Raises ValidationError for bad
    values, WrongStateError where customer or service exist with other values: a command does not change them.
    """
    with audit.atomic():
        customer = _ensure_customer(tenant_id, customer_name, full_name, actor)
        found = Service.objects.filter(instance=instance, short_name__iexact=short_name).first()
        if found is None:
            return _new_service(instance, customer, short_name, full_name, service_type, actor)
    if found.customer_id != customer.pk:
        raise WrongStateError(f"The short name {found.short_name} belongs to {found.customer} on {instance.host}.")
    _refuse_difference(found, "full name", found.full_name, full_name)
    _refuse_difference(found, "service type", found.service_type, service_type)
    return found


def _refuse_difference(kept_as: Customer | Service, what: str, kept: str, given: str) -> None:
    if kept != given:
        raise WrongStateError(
            f"{kept_as} already has the {what} {kept!r}, not {given!r}. Use that one, or change it in the admin first."
        )


def _ensure_customer(tenant_id: str, given_name: str, full_name: str, actor: audit.Actor) -> Customer:
    found = Customer.objects.filter(tenant_id=tenant_id).first()
    if found:
        _refuse_difference(found, "customer name", found.name, given_name or found.name)
        return found
    name = given_name or full_name
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
