"""The IDs that Microsoft gives lead to the instance, however they are written."""

from typing import Any

import pytest
from django.contrib import admin
from django.db import models
from django.test import Client
from django.urls import reverse

from onboarding.models import Connection, Invitation, Service
from onboarding.services import invitations
from registrations import engine
from registrations.models import AppRegistration, ClientSecret, Operation, UmpInstance
from registrations.services import provisioning
from tests import factories
from tests.registrations.admin.conftest import OLGA, page_of

pytestmark = pytest.mark.django_db
IDS = {
    "app_id": "a0000000-0000-4000-8000-00000000000a",
    "object_id": "b0000000-0000-4000-8000-00000000000b",
    "service_principal_id": "c0000000-0000-4000-8000-00000000000c",
}
KEY_ID = "d0000000-0000-4000-8000-00000000000d"
THEIRS = "e0000000-0000-4000-8000-00000000000e"


@pytest.fixture
def instance() -> UmpInstance:
    """umptoken.finebak.localhost; another provider has one of the same name."""
    found = factories.make_instance()
    factories.make_registration(found, secret="a-secret-value", **IDS)
    ClientSecret.objects.update(key_id=KEY_ID)
    tenant = factories.make_tenant(name="Other", tenant_id="f1eba000-0000-4000-8000-00000000000a")
    other = factories.make_provider(name="Other", domain="other.localhost", tenant=tenant)
    twin = factories.make_instance(provider=other, ump_url="https://ump.other.localhost/tenantui")
    factories.make_registration(twin, secret="another-value")
    return found


@pytest.fixture
def connection(instance: UmpInstance) -> Connection:
    service = factories.make_service(instance=instance)
    invitation = invitations.create(service, it_admin_email="a@c.example", m365_admin_email="b@c.example", actor=OLGA)
    registration = AppRegistration.objects.create(
        tenant_id=service.customer.tenant_id, unique_name="customer-1", display_name="contoso-sync", app_id=THEIRS
    )
    return Connection.objects.create(invitation=invitation, registration=registration)


def found(client: Client, model: type[models.Model], term: str) -> set[Any]:
    address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    answer = client.get(address, {"q": term})
    assert answer.status_code == 200
    return {row.pk for row in answer.context["cl"].result_list}


def test_an_unknown_id_finds_nothing(operator_client: Client, instance: UmpInstance) -> None:
    for model in (UmpInstance, AppRegistration, ClientSecret, Operation, Connection):
        assert found(operator_client, model, "99999999-0000-4000-8000-000000000000") == set()


@pytest.mark.parametrize("value", [*IDS.values(), KEY_ID])
@pytest.mark.parametrize("written", ["{}", "{{{}}}", " {} "])
def test_each_id_finds_its_instance(value: str, written: str, operator_client: Client, instance: UmpInstance) -> None:
    for term in (written.format(value), written.format(value.upper())):
        assert found(operator_client, UmpInstance, term) == {instance.pk}, term
        registration = AppRegistration.objects.get(app_id=IDS["app_id"])
        assert found(operator_client, AppRegistration, term) == {registration.pk}, term


def test_each_id_finds_the_secret_and_the_operations(operator_client: Client, instance: UmpInstance) -> None:
    operation = provisioning.request(instance, actor=OLGA)
    provisioning.request(UmpInstance.objects.exclude(pk=instance.pk).get(), actor=OLGA)
    for value in (*IDS.values(), KEY_ID):
        assert found(operator_client, Operation, value) == {operation.pk}
        assert found(operator_client, ClientSecret, value) == {ClientSecret.objects.get(key_id=KEY_ID).pk}


def test_a_tenant_id_finds_the_instances_of_its_providers(operator_client: Client, instance: UmpInstance) -> None:
    assert found(operator_client, UmpInstance, instance.provider.tenant.tenant_id) == {instance.pk}


def test_a_customers_ids_find_instance_operation_and_connection(
    operator_client: Client, connection: Connection
) -> None:
    service = connection.invitation.service
    operation = Operation.objects.create(
        kind="connect",
        subject_type="connection",
        subject_id=connection.pk,
        subject_label="x",
        requested_by_label="Olga",
    )
    for value in (THEIRS, service.customer.tenant_id):
        assert found(operator_client, UmpInstance, value) == {service.instance_id}
        assert operation.pk in found(operator_client, Operation, value)
        assert found(operator_client, Connection, value) == {connection.pk}


def test_staff_search_by_host_everywhere(operator_client: Client, connection: Connection) -> None:
    host = connection.invitation.service.instance.host
    assert len(found(operator_client, AppRegistration, host)) == 2
    assert len(found(operator_client, ClientSecret, host)) == 1
    assert found(operator_client, Connection, host) == {connection.pk}
    assert found(operator_client, Service, host) == {connection.invitation.service_id}
    assert found(operator_client, Invitation, host) == {connection.invitation_id}
    for model in (Connection, Service, Invitation):
        assert found(operator_client, model, "umptoken.other.localhost") == set()


@pytest.mark.parametrize("term", ["umptoken.finebak.localhost", "UMPTOKEN.Finebak", "contoso umptoken.finebak"])
def test_a_host_finds_operations_whose_label_has_none(
    operator_client: Client, connection: Connection, term: str
) -> None:
    """Labels of before had no host."""
    twin = UmpInstance.objects.exclude(pk=connection.invitation.service.instance_id).get()
    theirs = engine.request("connect", connection, actor=OLGA)
    Operation.objects.filter(pk=theirs.pk).update(subject_label="Connection of Contoso")
    own = provisioning.request(connection.invitation.service.instance, actor=OLGA)
    other = provisioning.request(twin, actor=OLGA)
    assert found(operator_client, Operation, term) == {theirs.pk} | ({own.pk} if " " not in term else set())
    assert found(operator_client, Operation, "umptoken") == {theirs.pk, own.pk, other.pk}
    assert found(operator_client, Operation, "umptoken.elsewhere") == set()


def test_lists_of_secrets_and_registrations_name_hosts(operator_client: Client, connection: Connection) -> None:
    for model in (AppRegistration, ClientSecret):
        address = reverse(f"admin:registrations_{model._meta.model_name}_changelist")
        page = operator_client.get(address).content.decode()
        assert "umptoken.finebak.localhost" in page
        assert "umptoken.other.localhost" in page
        for row in model.objects.all():
            title = admin.site._registry[model]
            change = operator_client.get(reverse(f"admin:registrations_{model._meta.model_name}_change", args=[row.pk]))
            assert ".localhost" in title.name_of(change.context["original"])  # type: ignore[attr-defined]
            assert ".localhost" in str(row) or connection.registration_id == row.pk


def test_a_registration_of_a_customer_names_customer_and_host(operator_client: Client, connection: Connection) -> None:
    assert connection.registration is not None
    page = operator_client.get(page_of(connection.registration)).content.decode()
    assert "contoso-sync of Contoso, umptoken.finebak.localhost" in page
    assert connection.registration.tenant_id in str(connection.registration)


def test_a_provider_filter_includes_customers_tenants(operator_client: Client, connection: Connection) -> None:
    provider = connection.invitation.service.instance.provider_id
    address = reverse("admin:registrations_appregistration_changelist")
    rows = operator_client.get(address, {"provider": str(provider)}).context["cl"].result_list
    assert len(rows) == 2
    customers = operator_client.get(address, {"in": "customer"}).context["cl"].result_list
    assert [row.app_id for row in customers] == [THEIRS]


@pytest.mark.parametrize("title", ["App registrations", "Client secrets", "Connections"])
def test_the_menu_leads_to_what_is_at_microsoft(title: str, auditor_client: Client, operator_client: Client) -> None:
    for client in (auditor_client, operator_client):
        assert title in client.get(reverse("admin:index")).content.decode()


@pytest.mark.parametrize(
    "form", ["{}.", "({})", "“{}”", "api://{}", "urn:uuid:{}", "{},", "https://host.example/{}/oauth2"]
)
def test_an_id_with_something_stuck_to_it_is_found(operator_client: Client, instance: UmpInstance, form: str) -> None:
    for written in (IDS["app_id"], IDS["app_id"].upper()):
        assert found(operator_client, UmpInstance, form.format(written)) == {instance.pk}
        assert len(found(operator_client, AppRegistration, form.format(written))) == 1
        assert len(found(operator_client, ClientSecret, form.format(written))) == 1


def test_an_id_without_hyphens_is_found(operator_client: Client, instance: UmpInstance) -> None:
    assert found(operator_client, UmpInstance, IDS["app_id"].replace("-", "")) == {instance.pk}
