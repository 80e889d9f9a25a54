"""Addresses decide where secrets go: read-only after a delivery and while an operation is live."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import models
from django.test import Client
from django.utils import timezone

from onboarding.models import Connection
from onboarding.services import invitations, new_registration
from registrations import audit
from registrations.admin.addresses import AddressAdmin
from registrations.engine import queue
from registrations.models import AuditEvent, EntraTenant, Operation, UmpInstance
from registrations.models.notes import INSTANCE_NOTE
from registrations.services import provisioning
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


def history() -> list[str]:
    return list(AuditEvent.objects.order_by("id").values_list("action", flat=True))


def test_the_address_is_read_only_after_the_first_delivery(operator_client: Client, instance: UmpInstance) -> None:
    UmpInstance.objects.update(delivered_at=timezone.now())
    page = operator_client.get(page_of(instance))
    assert not {"app_name", "ump_url", "provider", "delivery"} & set(form_values(page))
    values = {**form_values(page), "app_name": "other", "ump_url": "https://evil.finebak.localhost/"}
    operator_client.post(page_of(instance), values)
    instance.refresh_from_db()
    assert instance.app_name == "umptoken"
    assert "evil" not in instance.ump_url
    assert not {"domain", "tenant"} & set(form_values(operator_client.get(page_of(instance.provider))))
    assert "tenant_id" not in form_values(operator_client.get(page_of(instance.provider.tenant)))


def test_a_url_that_is_no_longer_allowed_does_not_stop_other_edits(
    operator_client: Client, instance: UmpInstance, settings: Any
) -> None:
    UmpInstance.objects.update(delivered_at=timezone.now())
    settings.UMP_ALLOWED_HOSTS = []
    page = operator_client.get(page_of(instance))
    operator_client.post(page_of(instance), {**form_values(page), "ump_scope": "api://other/.default"})
    instance.refresh_from_db()
    assert instance.ump_scope == "api://other/.default"


def test_the_address_is_read_only_while_an_operation_is_live(operator_client: Client, instance: UmpInstance) -> None:
    provisioning.request(instance, actor=OLGA)
    assert "ump_url" not in form_values(operator_client.get(page_of(instance)))


def change_address(client: Client, instance: UmpInstance, **values: Any) -> str:
    given = {
        "delivery": "api",
        "app_name": "umptoken",
        "ump_url": "https://new.finebak.localhost/",
        "reason": "The UMP moved",
        **values,
    }
    answer = client.post(page_of(instance, "change_address"), given, follow=True)
    instance.refresh_from_db()
    return answer.content.decode()


def test_a_changed_address_deletes_the_credential_and_records_the_reason(
    operator_client: Client, instance: UmpInstance
) -> None:
    delivered = timezone.now()
    UmpInstance.objects.update(delivered_at=delivered, status="active")
    assert "The address is changed" in change_address(operator_client, instance)
    assert instance.ump_url == "https://new.finebak.localhost"
    assert instance.ump_client_secret_envelope == ""
    assert instance.status == "draft"
    assert instance.delivered_at == delivered
    event = AuditEvent.objects.get()
    assert (event.action, event.reason) == ("instance.address_changed", "The UMP moved")
    assert event.after["ump_url"] == "https://new.finebak.localhost"


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"ump_url": "https://evil.example/"}, "is not under finebak.localhost"),
        ({"reason": ""}, "This field is required"),
        ({"app_name": "not a label"}, "Use letters, digits and hyphens only"),
        ({"ump_url": "https://ump.finebak.localhost/SECOND/"}, "second.finebak.localhost has this UMP base URL"),
    ],
)
def test_a_wrong_new_address_changes_nothing(
    operator_client: Client, instance: UmpInstance, values: dict[str, str], sentence: str
) -> None:
    factories.make_instance(app_name="second", ump_url="https://ump.finebak.localhost/second")
    UmpInstance.objects.update(delivered_at=timezone.now(), status="active")
    assert sentence in change_address(operator_client, instance, **values)
    assert instance.status == "active"
    assert history() == []


def test_an_address_is_not_changed_under_a_live_operation(operator_client: Client, instance: UmpInstance) -> None:
    UmpInstance.objects.update(delivered_at=timezone.now())
    provisioning.request(instance, actor=OLGA)
    assert "has not ended yet" in change_address(operator_client, instance)
    assert "new.finebak" not in instance.ump_url


def test_the_chain_is_intact_after_an_edit(operator_client: Client, tenant: EntraTenant) -> None:
    page = operator_client.get(page_of(tenant))
    operator_client.post(page_of(tenant), {**form_values(page), "name": "Finebak Asia"})
    assert audit.first_broken() is None


def start_first_provisioning(instance: UmpInstance) -> None:
    provisioning.request(instance, actor=OLGA)


def start_connecting(instance: UmpInstance) -> None:
    """A customer is being connected: the operation is about the connection and notes the instance."""
    invitation = invitations.create(
        factories.make_service(instance=instance),
        it_admin_email="it@contoso.example",
        m365_admin_email="ga@contoso.example",
        actor=OLGA,
    )
    row = Connection.objects.create(invitation=invitation, admin_object_id=str(invitation.pk), admin_name="Carla")
    queue.request(new_registration.KIND, row, actor=OLGA, notes={INSTANCE_NOTE: str(instance.pk)})


@pytest.mark.parametrize("begin", [start_first_provisioning, start_connecting])
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
def test_an_operation_that_started_after_the_form_opened_refuses_the_edit(
    operator_client: Client, instance: UmpInstance, row_of: Rows, edit: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    row = row_of(instance)
    page = operator_client.get(page_of(row))
    start_first_provisioning(instance)
    monkeypatch.setattr(AddressAdmin, "is_fixed", lambda *args: False)
    before = AuditEvent.objects.count()
    values = {**form_values(page), **edit, "name": "Renamed as well"}
    answer = operator_client.post(page_of(row), values, follow=True)
    assert "Nothing was saved" in answer.content.decode()
    assert AuditEvent.objects.count() == before
    stored: Any = type(row)._default_manager.get(pk=row.pk)
    assert getattr(stored, "name", "") != "Renamed as well"
    for name, value in edit.items():
        assert getattr(stored, name) != value


def test_a_name_can_be_edited_under_an_operation(operator_client: Client, instance: UmpInstance) -> None:
    start_first_provisioning(instance)
    page = operator_client.get(page_of(instance.provider))
    operator_client.post(page_of(instance.provider), {**form_values(page), "name": "Finebak Europe"})
    instance.provider.refresh_from_db()
    assert instance.provider.name == "Finebak Europe"


def test_an_address_can_be_edited_again_after_a_failure(operator_client: Client, instance: UmpInstance) -> None:
    start_first_provisioning(instance)
    Operation.objects.update(status=Operation.Status.FAILED)
    page = operator_client.get(page_of(instance.provider))
    operator_client.post(page_of(instance.provider), {**form_values(page), "domain": "other.localhost"})
    instance.provider.refresh_from_db()
    assert instance.provider.domain == "other.localhost"


def test_an_operation_of_another_instance_locks_no_address(
    operator_client: Client, instance: UmpInstance, sandbox: Sandbox
) -> None:
    other = EntraTenant.objects.create(
        name="Other", tenant_id="f1eba000-0000-4000-8000-00000000000a", client_id="f1eba000-0000-4000-8000-00000000000b"
    )
    provider = factories.make_provider(name="Other", domain="other.localhost", tenant=other)
    start_first_provisioning(instance)
    assert "domain" in form_values(operator_client.get(page_of(provider)))
    assert "tenant_id" in form_values(operator_client.get(page_of(other)))


def test_change_address_is_offered_after_a_delivery_only(operator_client: Client, instance: UmpInstance) -> None:
    start_first_provisioning(instance)
    assert "change-address" not in operator_client.get(page_of(instance.provider)).content.decode()
    UmpInstance.objects.update(delivered_at=timezone.now())
    assert "change-address" in operator_client.get(page_of(instance.provider)).content.decode()
