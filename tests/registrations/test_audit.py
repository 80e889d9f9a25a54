"""The history: chained, append only, and never outside a transaction."""

import contextlib
import importlib

import pytest
from django.db import DatabaseError, connection, transaction

from registrations import audit
from registrations.models import AuditEvent
from tests import factories

pytestmark = pytest.mark.django_db
PROTECTION = importlib.import_module("registrations.migrations.0002_protect_history")


def three_entries() -> list[AuditEvent]:
    tenant = factories.make_tenant()
    with audit.atomic():
        return [audit.record(f"tenant.act{number}", actor=audit.SYSTEM, subject=tenant) for number in range(3)]


@pytest.mark.django_db(transaction=True)
def test_an_entry_outside_a_transaction_is_refused() -> None:
    with pytest.raises(RuntimeError):
        audit.record("tenant.added", actor=audit.SYSTEM)


def test_an_entry_outside_audit_atomic_is_refused() -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        audit.record("tenant.added", actor=audit.SYSTEM)
    with audit.atomic():
        pass
    with pytest.raises(RuntimeError):
        audit.record("tenant.added", actor=audit.SYSTEM)
    assert not AuditEvent.objects.exists()


def test_an_unchanged_chain_is_intact() -> None:
    three_entries()
    assert audit.first_broken() is None


def test_a_changed_entry_is_found() -> None:
    entries = three_entries()
    AuditEvent.objects.filter(pk=entries[1].pk).update(actor_label="Somebody else")
    assert audit.first_broken() == entries[1].pk


def test_another_notation_of_an_ip_address_keeps_the_chain_intact() -> None:
    with audit.atomic():
        actor = audit.Actor("customer", "Somebody", ip_address="2001:DB8:0:0:0:0:0:1")
        audit.record("invitation.started", actor=actor)
        audit.record("invitation.started", actor=audit.Actor("customer", "Somebody", ip_address="::ffff:192.0.2.1"))
    assert audit.first_broken() is None


def test_a_removed_entry_is_found() -> None:
    entries = three_entries()
    AuditEvent.objects.filter(pk=entries[1].pk).delete()
    assert audit.first_broken() == entries[2].pk


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "act", ["UPDATE registrations_auditevent SET reason = 'x'", "DELETE FROM registrations_auditevent"]
)
def test_the_database_refuses_to_change_the_history(act: str) -> None:
    three_entries()
    with connection.schema_editor() as editor:
        PROTECTION.protect(None, editor)
    try:
        with pytest.raises(DatabaseError, match="append only"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(act)
    finally:
        with connection.schema_editor() as editor:
            PROTECTION.unprotect(None, editor)
    assert AuditEvent.objects.count() == 3


def test_entries_of_a_block_that_raised_are_not_written() -> None:
    def fails() -> None:
        with audit.atomic():
            audit.record("tenant.renamed", actor=audit.SYSTEM)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails()
    assert not AuditEvent.objects.exists()
    with audit.atomic():
        audit.record("tenant.renamed", actor=audit.SYSTEM)
    assert AuditEvent.objects.count() == 1


def test_only_entries_of_a_rolled_back_savepoint_are_dropped() -> None:
    def fails() -> None:
        with audit.atomic():
            audit.record("tenant.two", actor=audit.SYSTEM)
            raise ZeroDivisionError

    with audit.atomic():
        audit.record("tenant.one", actor=audit.SYSTEM)
        with contextlib.suppress(ZeroDivisionError):
            fails()
        with audit.atomic():
            audit.record("tenant.three", actor=audit.SYSTEM)
        assert not AuditEvent.objects.exists()
    assert list(AuditEvent.objects.order_by("id").values_list("action", flat=True)) == ["tenant.one", "tenant.three"]
    assert audit.first_broken() is None


@pytest.mark.django_db
def test_an_entry_with_a_nul_is_stored_without_it_and_the_chain_holds() -> None:
    with audit.atomic():
        audit.record(
            "instance.changed",
            actor=audit.Actor.customer("Car\0la"),
            after={"facts": ["a\0b", {"in\0ner": "c\0d"}]},
            reason="be\0cause",
        )
    entry = AuditEvent.objects.get()
    assert (entry.actor_label, entry.reason, entry.after) == ("Carla", "because", {"facts": ["ab", {"inner": "cd"}]})
    assert audit.first_broken() is None
