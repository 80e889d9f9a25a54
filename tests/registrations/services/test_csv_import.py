"""Rows of UMP instances: each bad cell is named, and one bad row stops the file."""

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from registrations import audit
from registrations.models import AuditEvent, ServiceProvider, UmpInstance
from registrations.services import csv_import
from sandbox.app import Sandbox
from tests import factories
from tests.registrations.instance_files import csv_file, row, table_of

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("changed", "column"),
    [
        ({"app_name": ""}, "app_name"),
        ({"app_name": "ump token"}, "app_name"),
        ({"domain": "https://finebak.com"}, "domain"),
        ({"subscription": "mine"}, "subscription"),
        ({"tenant_id": "11111111-2222-4333-8444-555555555555"}, "tenant_id"),
        ({"ump_url": "http://localhost/tenantui"}, "ump_url"),
        ({"ump_url": "https://evil.example/tenantui"}, "ump_url"),
        ({"ump_client_id": "x"}, "ump_client_id"),
        ({"ump_client_secret": ""}, "ump_client_secret"),
        ({"delivery": "pigeon"}, "delivery"),
    ],
)
def test_a_bad_row_is_named_and_nothing_of_the_file_is_imported(
    sandbox: Sandbox, tmp_path: Path, changed: dict[str, str], column: str
) -> None:
    factories.make_tenant(sandbox)
    good = row(sandbox, delivery="api", app_name="good")
    errors = StringIO()
    with pytest.raises(CommandError, match="Nothing was imported"):
        call_command(
            "import_instances",
            csv_file(tmp_path, good, {**good, "app_name": "bad", "ump_url": "https://localhost/2", **changed}),
            stderr=errors,
        )
    assert f"Line 3, column {column}" in errors.getvalue()
    assert UmpInstance.objects.count() == ServiceProvider.objects.count() == AuditEvent.objects.count() == 0


def test_two_rows_for_one_ump_are_refused_with_the_other_host(sandbox: Sandbox, tmp_path: Path) -> None:
    factories.make_tenant(sandbox)
    second = row(sandbox, app_name="second", ump_url=sandbox.seed.ump.url + "/")
    errors = StringIO()
    with pytest.raises(CommandError, match="Nothing was imported"):
        call_command("import_instances", csv_file(tmp_path, row(sandbox), second), stderr=errors)
    assert "Line 3, column ump_url: umptoken.finebak.localhost has this UMP base URL" in errors.getvalue()


def test_a_missing_column_is_named(sandbox: Sandbox, tmp_path: Path) -> None:
    given = row(sandbox)
    del given["ump_scope"]
    errors = StringIO()
    with pytest.raises(CommandError):
        call_command("import_instances", csv_file(tmp_path, given), stderr=errors)
    assert "column ump_scope: this column is required and missing" in errors.getvalue()
    for column in (*csv_import.REQUIRED, *csv_import.OPTIONAL, "--template"):
        assert column in errors.getvalue()


def test_a_row_with_too_many_cells_is_named(sandbox: Sandbox, tmp_path: Path) -> None:
    factories.make_tenant(sandbox)
    file = Path(csv_file(tmp_path, row(sandbox)))
    file.write_text(file.read_text().rstrip("\n") + ",surplus\n")
    with pytest.raises(CommandError, match="Nothing was imported"):
        call_command("import_instances", str(file), stderr=StringIO())


def test_every_bad_cell_of_a_file_is_named_at_once(sandbox: Sandbox, tmp_path: Path) -> None:
    factories.make_tenant(sandbox)
    bad = row(sandbox, app_name="ump token", ump_url="http://localhost/x", ump_client_id="x", delivery="fax", domain="")
    errors = StringIO()
    with pytest.raises(CommandError, match="4 problem"):
        call_command("import_instances", csv_file(tmp_path, {**bad, "domain": "finebak.com"}), stderr=errors)
    for column in ("app_name", "ump_url", "ump_client_id", "delivery"):
        assert f"Line 2, column {column}" in errors.getvalue()
    assert "'fax' is neither api nor handover" in errors.getvalue()


def test_two_rows_of_one_host_are_refused(sandbox: Sandbox, tmp_path: Path) -> None:
    factories.make_tenant(sandbox)
    given = row(sandbox)
    errors = StringIO()
    with pytest.raises(CommandError):
        call_command("import_instances", csv_file(tmp_path, given, given), stderr=errors)
    assert "Line 3, column app_name: line 2 has" in errors.getvalue()
    assert UmpInstance.objects.count() == 0


@pytest.mark.parametrize("changed", [{"ump_url": "https://localhost/other"}, {"delivery": "handover"}])
def test_an_address_of_a_delivered_instance_is_not_changed_by_a_file(sandbox: Sandbox, changed: dict[str, str]) -> None:
    factories.make_tenant(sandbox)
    csv_import.import_table(table_of(row(sandbox)), actor=audit.SYSTEM)
    UmpInstance.objects.update(delivered_at="2026-01-01T00:00:00Z")
    with pytest.raises(csv_import.BadRowsError) as refusal:
        csv_import.import_table(table_of(row(sandbox, **changed)), actor=audit.SYSTEM)
    assert "with a reason" in refusal.value.problems[0].reason


def test_a_file_without_a_delivery_leaves_a_delivered_instance_as_it_is(sandbox: Sandbox) -> None:
    factories.make_tenant(sandbox)
    csv_import.import_table(table_of(row(sandbox)), actor=audit.SYSTEM)
    UmpInstance.objects.update(delivered_at="2026-01-01T00:00:00Z", delivery="handover")
    (outcome,) = csv_import.import_table(table_of(row(sandbox)), actor=audit.SYSTEM)
    assert (outcome.what, UmpInstance.objects.get().delivery) == ("unchanged", "handover")


def test_a_file_can_bring_the_providers_contact(sandbox: Sandbox, tmp_path: Path) -> None:
    factories.make_tenant(sandbox)
    contact = {"contact_name": "Desk", "contact_email": "desk@finebak.example", "contact_phone": "+44 1"}
    call_command("import_instances", csv_file(tmp_path, {**row(sandbox), **contact}))
    provider = ServiceProvider.objects.get()
    assert (provider.contact_name, provider.contact_email, provider.contact_phone) == tuple(contact.values())
    call_command("import_instances", csv_file(tmp_path, row(sandbox)))
    provider.refresh_from_db()
    assert provider.contact_email == "desk@finebak.example"


def test_a_contact_that_is_no_email_address_is_named(sandbox: Sandbox, tmp_path: Path) -> None:
    factories.make_tenant(sandbox)
    errors = StringIO()
    with pytest.raises(CommandError, match="Nothing was imported"):
        call_command("import_instances", csv_file(tmp_path, {**row(sandbox), "contact_email": "desk"}), stderr=errors)
    assert "Line 2, column contact_email" in errors.getvalue()
