"""Values that decide where secrets go: read only once something was delivered, or while an operation is at work."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import models
from django.test import Client
from django.utils import timezone

from onboarding.models import Connection
from onboarding.services import invitations, new_registration
from registrations.admin.addresses import AddressAdmin
from registrations.models import AuditEvent, EntraTenant, Operation, UmpInstance
from registrations.services import operations, provisioning
from sandbox.app import Sandbox
from tests import factories
from tests.registrations.admin.conftest import OLGA, form_values, page_of

pytestmark = pytest.mark.django_db
Rows = Callable[[UmpInstance], models.Model]
ADDRESSES = [
    (lambda instance: instance.provider, {"domain": "evil.localhost"}),
    (lambda instance: instance.provider.tenant, {"tenant_id": "f1eba000-0000-4000-8000-00000000dead"}),
    (lambda instance: instance, {"ump_url": "https://evil.finebak.localhost/"}),
]


def begin_first_provisioning(instance: UmpInstance) -> None:
    provisioning.request(instance, actor=OLGA)


def begin_connecting(instance: UmpInstance) -> None:
    """A customer is being connected: the operation is about the connection and notes the instance."""
    invitation = invitations.create(
        factories.make_service(instance=instance),
        it_admin_email="it@contoso.example",
        m365_admin_email="ga@contoso.example",
        actor=OLGA,
    )
    row = Connection.objects.create(invitation=invitation, admin_object_id=str(invitation.pk), admin_name="Carla")
    operations.request(new_registration.KIND, row, actor=OLGA, notes={operations.INSTANCE_NOTE: str(instance.pk)})


@pytest.mark.parametrize("begin", [begin_first_provisioning, begin_connecting])
@pytest.mark.parametrize(("row_of", "edit"), ADDRESSES)
def test_an_address_cannot_be_edited_under_an_operation(
    operator_client: Client,
    instance: UmpInstance,
    begin: Callable[[UmpInstance], None],
    row_of: Rows,
    edit: dict[str, str],
) -> None:
    row = row_of(instance)
    page = operator_client.get(page_of(row))
    assert set(edit) <= set(form_values(page))
    begin(instance)
    assert not set(edit) & set(form_values(operator_client.get(page_of(row))))
    before = AuditEvent.objects.count()
    operator_client.post(page_of(row), {**form_values(page), **edit})
    assert AuditEvent.objects.count() == before
    for name, value in edit.items():
        assert getattr(type(row)._default_manager.get(pk=row.pk), name) != value


@pytest.mark.parametrize(("row_of", "edit"), ADDRESSES)
def test_an_operation_that_began_while_the_form_was_read_refuses_the_edit(
    operator_client: Client, instance: UmpInstance, row_of: Rows, edit: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    row = row_of(instance)
    page = operator_client.get(page_of(row))
    begin_first_provisioning(instance)
    monkeypatch.setattr(AddressAdmin, "is_fixed", lambda *args: False)
    before = AuditEvent.objects.count()
    values = {**form_values(page), **edit, "name": "Renamed as well"}
    answer = operator_client.post(page_of(row), values, follow=True)
    assert "Nothing is saved" in answer.content.decode()
    assert AuditEvent.objects.count() == before
    stored: Any = type(row)._default_manager.get(pk=row.pk)
    assert getattr(stored, "name", "") != "Renamed as well"
    for name, value in edit.items():
        assert getattr(stored, name) != value


def test_a_name_can_be_edited_under_an_operation(operator_client: Client, instance: UmpInstance) -> None:
    begin_first_provisioning(instance)
    page = operator_client.get(page_of(instance.provider))
    operator_client.post(page_of(instance.provider), {**form_values(page), "name": "Finebak Europe"})
    instance.provider.refresh_from_db()
    assert instance.provider.name == "Finebak Europe"


def test_an_address_can_be_edited_again_after_a_failure(operator_client: Client, instance: UmpInstance) -> None:
    begin_first_provisioning(instance)
    Operation.objects.update(status=Operation.Status.FAILED)
    page = operator_client.get(page_of(instance.provider))
    operator_client.post(page_of(instance.provider), {**form_values(page), "domain": "other.localhost"})
    instance.provider.refresh_from_db()
    assert instance.provider.domain == "other.localhost"


def test_an_operation_elsewhere_fixes_nothing(operator_client: Client, instance: UmpInstance, sandbox: Sandbox) -> None:
    other = EntraTenant.objects.create(
        name="Other", tenant_id="f1eba000-0000-4000-8000-00000000000a", client_id="f1eba000-0000-4000-8000-00000000000b"
    )
    provider = factories.make_provider(name="Other", domain="other.localhost", tenant=other)
    begin_first_provisioning(instance)
    assert "domain" in form_values(operator_client.get(page_of(provider)))
    assert "tenant_id" in form_values(operator_client.get(page_of(other)))


def test_change_address_is_offered_after_a_delivery_only(operator_client: Client, instance: UmpInstance) -> None:
    begin_first_provisioning(instance)
    assert "change-address" not in operator_client.get(page_of(instance.provider)).content.decode()
    UmpInstance.objects.update(delivered_at=timezone.now())
    assert "change-address" in operator_client.get(page_of(instance.provider)).content.decode()
