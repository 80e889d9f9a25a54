"""The staff's pages: addresses, and an instance that waits for its hand-over sheet."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import models
from django.test import Client
from django.urls import reverse

from registrations import audit
from registrations.models import BulkPart, EntraTenant, Operation, UmpInstance
from registrations.services import bulk_jobs, provisioning
from sandbox.app import Sandbox
from tests import factories

OLGA = audit.Actor("staff", "Olga Operator", "1", "192.0.2.7")


def page_of(row: models.Model, name: str = "change") -> str:
    """The address of one of a row's pages."""
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_{name}", args=[row.pk])


@pytest.fixture
def superuser_client(db: None) -> Client:
    """The browser of a superuser."""
    client = Client(headers={"host": "localhost"})
    client.force_login(User.objects.create_superuser("root", password=factories.PASSWORD))
    return client


@pytest.fixture
def confirmed_client(superuser_client: Client) -> Client:
    """The browser of a superuser who has just entered the password again, as acts on people ask for."""
    superuser_client.post(
        reverse("admin:auth_user_add"), {"own_password": factories.PASSWORD, "own_password_opens": "yes"}
    )
    return superuser_client


@pytest.fixture
def stranger_client(stranger: User) -> Client:
    """The browser of a user who is not staff."""
    client = Client(headers={"host": "localhost"})
    client.force_login(stranger)
    return client


@pytest.fixture
def tenant(sandbox: Sandbox) -> EntraTenant:
    """Finebak's tenant, with the credential that works."""
    return factories.make_tenant(sandbox)


@pytest.fixture
def instance(sandbox: Sandbox) -> UmpInstance:
    """A draft."""
    return factories.make_instance(sandbox)


@pytest.fixture
def waiting(sandbox: Sandbox, run_worker: Callable[[], None], portal: None) -> Operation:
    """A provisioning that waits for the hand-over sheet."""
    by_hand = factories.make_instance(sandbox, delivery=UmpInstance.Delivery.HANDOVER)
    operation = provisioning.request(by_hand, actor=OLGA)
    run_worker()
    operation.refresh_from_db()
    assert operation.error_code.startswith("handover"), operation.message
    return operation


def form_values(response: Any) -> dict[str, Any]:
    """What a browser would send back of the admin form on the page, unchanged."""
    form = response.context["adminform"].form
    return {name: form[name].value() if form[name].value() is not None else "" for name in form.fields}


@pytest.fixture
def instances() -> list[UmpInstance]:
    """Twelve in one tenant: enough for a bulk job."""
    return [factories.make_instance(app_name=f"ump{number}") for number in range(12)]


@pytest.fixture
def part(instances: list[UmpInstance]) -> BulkPart:
    """The part of a bulk job that has started all of them."""
    made = bulk_jobs.request(instances, actor=OLGA).parts.get()
    bulk_jobs.start_next([made])
    return made


@pytest.fixture
def unstarted_part(instances: list[UmpInstance], monkeypatch: pytest.MonkeyPatch) -> BulkPart:
    """The part of a bulk job that has started nothing; five of its operations may be live."""
    monkeypatch.setattr(bulk_jobs, "MAX_LIVE", 5)
    monkeypatch.setattr(bulk_jobs, "BATCH_SIZE", 1)
    return bulk_jobs.request(instances, actor=OLGA).parts.get()
