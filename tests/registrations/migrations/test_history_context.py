"""The migration that places old entries: it finds what is written with new ones, and changes no entry."""

import importlib
from typing import Any

import pytest
from django.apps import apps
from django.core.management import call_command

from onboarding.models import Connection
from onboarding.services import invitations
from registrations import audit
from registrations.models import AuditContext, AuditEvent
from registrations.services import bulk_jobs, provisioning
from tests import factories
from tests.registrations.admin.conftest import OLGA

BEFORE = ("registrations", "0010_standard_names")
migration = importlib.import_module("registrations.migrations.0011_fill_history_context")


def write_history() -> None:
    """Entries about a row of each kind, and about rows that do not exist any more."""
    service = factories.make_service()
    instance = service.instance
    own = factories.make_registration(instance, secret="a-value")
    theirs = factories.make_registration(instance, tenant_id=service.customer.tenant_id, unique_name="customer-1")
    theirs.instance = None
    theirs.save()
    invitation = invitations.create(service, it_admin_email="a@c.example", m365_admin_email="b@c.example", actor=OLGA)
    connection = Connection.objects.create(invitation=invitation, registration=theirs)
    operation = provisioning.request(instance, actor=OLGA)
    second = factories.make_instance(app_name="second")
    job = bulk_jobs.request([second], actor=OLGA)
    bulk_jobs.start_next(job.parts.all())
    rows = [instance, instance.provider, instance.provider.tenant, own, own.secrets.get(), theirs, connection, job]
    with audit.atomic():
        for row in [*rows, service, service.customer, invitation, operation]:
            audit.record("test.acted", actor=OLGA, subject=row)
        gone = audit.Subject("appregistration", "0b7e0000-0000-4000-8000-000000000000", "gone")
        audit.record("test.acted_on_gone", actor=OLGA, subject=gone)
        audit.record("test.acted_on_staff", actor=OLGA, subject=audit.Subject("user", "1", "olga"))


def contexts() -> list[Any]:
    return list(AuditContext.objects.order_by("entry_id").values())


def entries() -> list[Any]:
    return list(AuditEvent.objects.order_by("id").values())


@pytest.mark.django_db(transaction=True)
def test_old_entries_are_placed_and_their_chain_stays() -> None:
    write_history()
    placed, chain = contexts(), entries()
    assert len(placed) == len(chain) - 2
    call_command("migrate", *BEFORE, verbosity=0)
    try:
        assert audit.first_broken() is None
    finally:
        call_command("migrate", verbosity=0)
    assert contexts() == placed
    assert entries() == chain
    assert audit.first_broken() is None


@pytest.mark.django_db
def test_a_migration_that_was_stopped_continues(monkeypatch: pytest.MonkeyPatch) -> None:
    write_history()
    placed, chain = contexts(), entries()
    monkeypatch.setattr(migration, "BATCH", 3)
    AuditContext.objects.filter(entry__gt=chain[7]["id"]).delete()
    AuditContext.objects.filter(entry=chain[1]["id"]).delete()
    migration.fill(apps, None)
    assert contexts() == placed
    migration.fill(apps, None)
    assert contexts() == placed
    assert entries() == chain


@pytest.mark.django_db
def test_an_entry_whose_row_is_gone_is_placed_by_its_operation() -> None:
    instance = factories.make_instance()
    operation = provisioning.request(instance, actor=OLGA)
    gone = audit.Subject("appregistration", "0b7e0000-0000-4000-8000-000000000000", "umptoken")
    with audit.atomic():
        audit.record("application.created", actor=OLGA, subject=gone, operation_id=operation.pk)
    placed = contexts()
    assert placed[-1]["host"] == instance.host
    AuditContext.objects.all().delete()
    migration.fill(apps, None)
    assert contexts() == placed
