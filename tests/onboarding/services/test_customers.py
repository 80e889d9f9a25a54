"""Customers and services: created once, reused by what identifies them, and never changed by a command."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError

from onboarding.models import Customer, Service
from onboarding.services import customers
from registrations.errors import WrongStateError
from registrations.models import UmpInstance
from tests import factories
from tests.onboarding.conftest import OLGA
from tests.onboarding.wizard import history

pytestmark = pytest.mark.django_db
CONTOSO = "c0a70500-0000-4000-8000-000000000001"
FABRIKAM = "fab00000-0000-4000-8000-000000000001"


@pytest.fixture
def instance() -> UmpInstance:
    """A draft: neither a customer nor a service depends on its state."""
    return factories.make_instance()


def ensure(instance: UmpInstance, **changes: Any) -> Service:
    given = {
        "tenant_id": CONTOSO,
        "customer_name": "Contoso",
        "short_name": "contoso1",
        "full_name": "Contoso Ltd",
        "service_type": Service.Type.HOSTED_PRO,
        **changes,
    }
    return customers.ensure_service(instance, actor=OLGA, **given)


@pytest.mark.parametrize("changes", [{"short_name": "a.b"}, {"service_type": "gold"}, {"tenant_id": "contoso"}])
def test_an_invalid_value_saves_neither_customer_nor_service(instance: UmpInstance, changes: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        ensure(instance, **changes)
    assert (Customer.objects.count(), Service.objects.count(), history()) == (0, 0, [])


def test_a_short_name_of_another_customer_is_refused(instance: UmpInstance) -> None:
    ensure(instance)
    with pytest.raises(WrongStateError, match="contoso1 belongs to Contoso on umptoken"):
        ensure(instance, tenant_id=FABRIKAM, customer_name="Fabrikam", short_name="CONTOSO1")
    assert Service.objects.get().customer.tenant_id == CONTOSO


def test_another_name_for_an_existing_customer_is_refused(instance: UmpInstance) -> None:
    ensure(instance)
    with pytest.raises(WrongStateError, match="customer name 'Contoso', not 'Contoso AG'"):
        ensure(instance, customer_name="Contoso AG", short_name="contoso2")
    assert (Customer.objects.get().name, Service.objects.count()) == ("Contoso", 1)


def test_an_existing_service_is_reused_whatever_the_case_of_its_name(instance: UmpInstance) -> None:
    made = ensure(instance)
    assert ensure(instance, short_name="Contoso1", tenant_id=CONTOSO.upper(), customer_name="") == made
    assert history() == ["customer.added", "service.added"]


def test_a_new_customer_without_a_name_gets_the_services(instance: UmpInstance) -> None:
    assert ensure(instance, customer_name="").customer.name == "Contoso Ltd"
    assert (
        ensure(instance, customer_name="", short_name="contoso2", full_name="Contoso Two").customer.name
        == "Contoso Ltd"
    )
