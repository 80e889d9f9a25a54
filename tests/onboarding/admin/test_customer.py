"""Customers in the admin: one tenant each, which is read only once it is invited."""

import pytest
from django.test import Client
from django.urls import reverse

from onboarding.models import Customer, Invitation
from tests import factories
from tests.onboarding.wizard import history, text

pytestmark = pytest.mark.django_db
LIST = "admin:onboarding_customer_changelist"
ADD = "admin:onboarding_customer_add"
CHANGE = "admin:onboarding_customer_change"
FABRIKAM = "fab00000-0000-4000-8000-000000000001"


def test_a_second_customer_with_the_same_tenant_is_refused(operator_client: Client) -> None:
    tenant_id = factories.make_customer().tenant_id
    answer = operator_client.post(reverse(ADD), {"name": "Contoso again", "tenant_id": f" {tenant_id.upper()} "})
    assert "Microsoft 365 tenant ID already exists" in text(answer)
    assert Customer.objects.count() == 1


def test_a_tenant_id_can_be_corrected_until_the_first_invitation(operator_client: Client) -> None:
    customer = factories.make_service().customer
    operator_client.post(reverse(CHANGE, args=[customer.pk]), {"name": customer.name, "tenant_id": FABRIKAM})
    assert Customer.objects.get().tenant_id == FABRIKAM
    assert history() == ["customer.changed"]


def test_an_invited_customer_keeps_its_tenant_id(operator_client: Client, invitation: Invitation) -> None:
    page = reverse(CHANGE, args=[invitation.service.customer_id])
    customer = operator_client.get(page)
    assert "Contoso Ltd" in customer.content.decode()
    assert "tenant_id" not in customer.context["adminform"].form.fields
    operator_client.post(page, {"name": "Contoso Limited", "tenant_id": FABRIKAM})
    stored = Customer.objects.get()
    assert (stored.name, stored.tenant_id) == ("Contoso Limited", invitation.tenant_id)


def test_an_auditor_is_not_offered_to_add_a_service(operator_client: Client, auditor_client: Client) -> None:
    page = reverse(CHANGE, args=[factories.make_customer().pk])
    assert "Add service" in text(operator_client.get(page))
    assert "Add service" not in text(auditor_client.get(page))


def test_the_list_counts_each_customers_services(operator_client: Client) -> None:
    factories.make_service()
    factories.make_service(short_name="contoso2")
    factories.make_customer(name="Fabrikam", tenant_id=FABRIKAM)
    rows = operator_client.get(reverse(LIST)).context["cl"].result_list
    assert [(row.name, row.service_total) for row in rows] == [("Contoso", 2), ("Fabrikam", 0)]
