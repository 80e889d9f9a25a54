"""Each page is opened by each kind of person; nobody acts without the permission for it."""

import re
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from onboarding.models import Connection, Customer, Invitation, Service
from onboarding.services import invitations
from registrations.models import (
    AppRegistration,
    AuditEvent,
    BulkJob,
    ClientSecret,
    EntraTenant,
    Operation,
    ServiceProvider,
    UmpInstance,
)
from registrations.services import bulk_jobs, provisioning
from tests import factories
from tests.registrations.admin.conftest import OLGA, page_of

pytestmark = pytest.mark.django_db
MODELS: list[Any] = [
    EntraTenant,
    ServiceProvider,
    UmpInstance,
    AppRegistration,
    ClientSecret,
    Operation,
    AuditEvent,
    Customer,
    Service,
    Invitation,
    Connection,
    BulkJob,
]
WRITTEN: list[Any] = [EntraTenant, ServiceProvider, UmpInstance, Customer, Service, Invitation]
ACTS: list[tuple[Any, str]] = [
    (EntraTenant, "check_credential"),
    (ServiceProvider, "change_address"),
    (UmpInstance, "provision"),
    (UmpInstance, "change_address"),
    (Operation, "resume"),
    (Operation, "cancel"),
    (Operation, "take_over"),
    (Operation, "tick"),
    (Operation, "reveal"),
    (Operation, "new_secret"),
    (Invitation, "send"),
    (Invitation, "copy_link"),
    (Invitation, "new_link"),
    (Invitation, "revoke"),
]


@pytest.fixture
def world() -> None:
    """One row of each model."""
    make_row(1)


def make_row(number: int) -> None:
    """One more row of each model."""
    tenant = factories.make_tenant(name=f"Tenant {number}", tenant_id=guid(number), client_id=guid(number))
    provider = factories.make_provider(name=f"Provider {number}", domain=f"provider{number}.example", tenant=tenant)
    instance = factories.make_instance(
        provider=provider, ump_url=f"https://ump.provider{number}.example", delivered_at=timezone.now(), status="active"
    )
    factories.make_registration(instance, secret="xyz-a-secret-value", app_id=guid(number))
    provisioning.request(instance, actor=OLGA)
    bulk_jobs.request([instance], actor=OLGA)
    customer = factories.make_customer(name=f"Customer {number}", tenant_id=guid(number))
    service = factories.make_service(customer=customer, instance=instance, short_name=f"name{number}")
    invitation = invitations.create(
        service, it_admin_email="it@contoso.example", m365_admin_email="ga@contoso.example", actor=OLGA
    )
    Connection.objects.create(invitation=invitation, admin_object_id=guid(number), admin_name="Carla")


def guid(number: int) -> str:
    return f"{number:08d}-0000-4000-8000-000000000000"


def listing(model: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


@pytest.mark.parametrize("model", MODELS)
def test_operators_open_each_list_and_object(model: Any, world: None, operator_client: Client) -> None:
    assert operator_client.get(listing(model)).status_code == 200
    assert operator_client.get(page_of(model.objects.first())).status_code == 200


@pytest.mark.parametrize("model", MODELS)
def test_auditors_see_no_buttons(model: Any, world: None, auditor_client: Client) -> None:
    assert auditor_client.get(listing(model)).status_code == 200
    page = auditor_client.get(page_of(model.objects.first()))
    assert page.status_code == 200
    for button in (b'name="_save"', b"copy-link", b">Resume<", b">Provision<", b"/revoke/", b"check-credential"):
        assert button not in page.content


@pytest.mark.parametrize("model", MODELS)
def test_strangers_are_redirected_to_the_sign_in(model: Any, world: None, stranger_client: Client) -> None:
    for address in (listing(model), page_of(model.objects.first())):
        assert "/admin/login/" in stranger_client.get(address)["Location"]


@pytest.mark.parametrize(("model", "act"), ACTS)
def test_auditors_cannot_act(model: Any, act: str, world: None, auditor_client: Client) -> None:
    before = AuditEvent.objects.count()
    assert auditor_client.post(page_of(model.objects.first(), act)).status_code == 403
    assert AuditEvent.objects.count() == before


@pytest.mark.parametrize(("model", "act"), ACTS)
def test_opening_a_confirmation_page_changes_nothing(
    model: Any, act: str, world: None, operator_client: Client
) -> None:
    before = AuditEvent.objects.count()
    assert operator_client.get(page_of(model.objects.first(), act)).status_code in (200, 302, 405)
    assert AuditEvent.objects.count() == before


@pytest.mark.parametrize("model", WRITTEN)
def test_auditors_cannot_add_or_edit(model: Any, world: None, auditor_client: Client) -> None:
    add = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_add")
    assert auditor_client.post(add, {}).status_code == 403
    assert auditor_client.post(page_of(model.objects.first()), {"name": "Mine"}).status_code == 403


@pytest.mark.parametrize("model", MODELS)
def test_nobody_deletes(model: Any, world: None, superuser_client: Client) -> None:
    row = model.objects.first()
    assert superuser_client.post(page_of(row, "delete"), {"post": "yes"}).status_code == 403
    assert model.objects.filter(pk=row.pk).exists()


@pytest.mark.parametrize("model", [AuditEvent, Operation, ClientSecret, AppRegistration, Connection])
def test_not_even_superusers_write_what_services_write(model: Any, world: None, superuser_client: Client) -> None:
    row = model.objects.first()
    assert superuser_client.post(page_of(row), {"reason": "none"}).status_code == 403
    assert superuser_client.get(listing(model) + "add/").status_code == 403


@pytest.mark.parametrize("model", MODELS)
def test_a_list_needs_no_more_queries_for_more_rows(model: Any, world: None, operator_client: Client) -> None:
    operator_client.get(listing(model))
    queries = count_queries(operator_client, listing(model))
    for number in range(2, 7):
        make_row(number)
    assert count_queries(operator_client, listing(model)) == queries


def count_queries(client: Client, address: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert client.get(address).status_code == 200
    return len(captured)


def test_the_start_page_needs_no_more_queries_for_more_rows(world: None, operator_client: Client) -> None:
    operator_client.get("/admin/")
    queries = count_queries(operator_client, "/admin/")
    for number in range(2, 7):
        make_row(number)
    assert count_queries(operator_client, "/admin/") == queries


def test_an_unknown_object_is_not_found(operator_client: Client) -> None:
    for address in ("nobody/provision/", f"{guid(9)}/provision/", "x/change-address/"):
        assert operator_client.get(listing(UmpInstance) + address).status_code == 404
    assert operator_client.get(listing(Operation) + f"{guid(9)}/steps/").status_code == 404


@pytest.mark.parametrize("model", MODELS)
def test_an_invalid_id_is_not_found(model: Any, world: None, operator_client: Client) -> None:
    for address in ("x/change/", "x/history/", "0/change/", f"{guid(9)}x/change/"):
        answer = operator_client.get(listing(model) + address)
        assert answer.status_code in (302, 404), address
    if model in (EntraTenant, UmpInstance, Connection):
        assert operator_client.get(listing(model) + "x/change/").status_code == 404


@pytest.mark.parametrize(("model", "act"), ACTS)
def test_an_action_on_an_invalid_id_is_not_found(model: Any, act: str, world: None, operator_client: Client) -> None:
    address = page_of(model.objects.first(), act).replace(str(model.objects.first().pk), "x")
    assert operator_client.post(address).status_code == 404


def test_no_page_shows_a_secret(world: None, superuser_client: Client) -> None:
    for model in MODELS:
        for address in (listing(model), page_of(model.objects.first())):
            text = superuser_client.get(address).content.decode()
            assert "xyz-a-secret-value" not in text
            assert "a-secret-of-nobody" not in text
            assert "v1.k1." not in text  # the beginning of an envelope


def test_no_page_has_inline_scripts_or_handlers(world: None, superuser_client: Client) -> None:
    for model in MODELS:
        for address in (listing(model), page_of(model.objects.first())):
            text = superuser_client.get(address).content.decode()
            assert "<script>" not in text
            assert " onclick=" not in text


def test_only_superusers_see_people(world: None, operator_client: Client, superuser_client: Client) -> None:
    for name in ("auth_user", "auth_group"):
        assert operator_client.get(reverse(f"admin:{name}_changelist")).status_code == 403
        assert superuser_client.get(reverse(f"admin:{name}_changelist")).status_code == 200
        assert superuser_client.get(reverse(f"admin:{name}_add")).status_code == 200


def test_each_registered_model_is_tested_here() -> None:
    ours = {model for model in admin.site._registry if model._meta.app_label in ("registrations", "onboarding")}
    assert ours == set(MODELS)


def viewer_client(codename: str) -> Client:
    """The browser of somebody who may read one model and nothing else."""
    person = User.objects.create_user(f"viewer-{codename}", password=factories.PASSWORD, is_staff=True)
    person.user_permissions.add(Permission.objects.get(codename=codename))
    client = Client(headers={"host": "localhost"})
    client.force_login(person)
    return client


def refused_links(client: Client, pages: list[str]) -> list[tuple[str, str]]:
    """Links of the admin's own on these pages that lead the reader to a refusal: (page, link)."""
    answers: dict[str, int] = {}
    refused = []
    for page in pages:
        content = client.get(page).content.decode().partition('id="main"')[2]
        for link in re.findall(r'(?:href|action)="(/admin/[^"?]+)', content):
            if link not in answers:
                answers[link] = client.get(link).status_code
            if answers[link] == 403:
                refused.append((page, link))
    return refused


def test_no_link_leads_an_auditor_to_a_refusal(world: None, auditor_client: Client) -> None:
    pages = [page for model in MODELS for page in (listing(model), page_of(model.objects.first()))]
    assert refused_links(auditor_client, ["/admin/", *pages]) == []


@pytest.mark.parametrize("model", [UmpInstance, Operation, Invitation, Service, Customer, BulkJob, Connection])
def test_no_link_offers_a_viewer_an_act_on_what_is_read(model: Any, world: None) -> None:
    client = viewer_client(f"view_{model._meta.model_name}")
    refused = refused_links(client, ["/admin/", listing(model), page_of(model.objects.first())])
    # Pages link to what belongs to them; whether the reader may read that is another question than who may act.
    assert [link for _, link in refused if link.startswith(listing(model))] == []
