"""The commands as a script meets them: exit status, JSON lines, and files that are wrong."""

import importlib
import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import connection

from registrations import audit
from registrations.models import AuditEvent, EntraTenant, Operation, ServiceProvider, UmpInstance
from registrations.services import csv_import
from sandbox.app import Sandbox
from tests import factories

pytestmark = pytest.mark.django_db
Run = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def run() -> Run:
    """Run a command with --json and read its lines."""

    def command(name: str, *arguments: str) -> list[dict[str, Any]]:
        out = StringIO()
        call_command(name, *arguments, "--json", stdout=out)
        return [json.loads(line) for line in out.getvalue().splitlines()]

    return command


@pytest.fixture
def secret_file(sandbox: Sandbox, tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_text(sandbox.seed.provider.client_secret + "\n")
    return path


def connect(run: Run, sandbox: Sandbox, secret_file: Path, **changed: str) -> list[dict[str, Any]]:
    given = {"tenant_id": sandbox.seed.provider.tenant_id, "client_id": sandbox.seed.provider.client_id, **changed}
    return run(
        "connect_tenant",
        given["tenant_id"],
        "--name",
        "Finebak",
        "--client-id",
        given["client_id"],
        "--client-secret-file",
        str(secret_file),
    )


def test_a_working_credential_is_kept_and_never_echoed(run: Run, sandbox: Sandbox, secret_file: Path) -> None:
    (line,) = connect(run, sandbox, secret_file)
    assert line["missing"] == []
    tenant = EntraTenant.objects.get()
    assert tenant.unseal("client_secret_envelope") == sandbox.seed.provider.client_secret
    assert sandbox.seed.provider.client_secret not in json.dumps(line) + str(list(AuditEvent.objects.values()))


def test_a_wrong_secret_keeps_nothing(run: Run, sandbox: Sandbox, secret_file: Path) -> None:
    secret_file.write_text("some-other-secret-value")
    with pytest.raises(CommandError, match="AADSTS7000215"):
        connect(run, sandbox, secret_file)
    assert EntraTenant.objects.count() == AuditEvent.objects.count() == 0


@pytest.mark.parametrize(
    ("changed", "reason"),
    [({"tenant_id": "not-a-guid"}, "Enter a GUID"), ({"client_id": "umptoken"}, "Enter a GUID")],
)
def test_an_id_that_is_no_guid_is_refused(
    run: Run, sandbox: Sandbox, secret_file: Path, changed: dict[str, str], reason: str
) -> None:
    with pytest.raises(CommandError, match=reason):
        connect(run, sandbox, secret_file, **changed)


def test_a_missing_or_empty_secret_file_is_named(run: Run, sandbox: Sandbox, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="cannot be read"):
        connect(run, sandbox, tmp_path / "nowhere")
    (tmp_path / "empty").write_text("\n")
    with pytest.raises(CommandError, match="is empty"):
        connect(run, sandbox, tmp_path / "empty")


def test_microsoft_being_out_of_reach_keeps_nothing(
    run: Run, sandbox: Sandbox, secret_file: Path, settings: Any
) -> None:
    settings.ENTRA_URL = "https://localhost:1"
    with pytest.raises(CommandError, match="did not answer"):
        connect(run, sandbox, secret_file)
    assert EntraTenant.objects.count() == 0


def row(sandbox: Sandbox, **changed: str) -> dict[str, str]:
    ump = sandbox.seed.ump
    given = {
        "service_provider": "Finebak",
        "domain": "finebak.localhost",
        "subscription": "audiocodes",
        "tenant_id": sandbox.seed.provider.tenant_id,
        "app_name": "umptoken",
        "ump_url": ump.url,
        "ump_client_id": ump.client_id,
        "ump_client_secret": ump.client_secret,
        "ump_scope": ump.scope,
    }
    return {**given, **changed}


def csv_file(tmp_path: Path, *rows: dict[str, str]) -> str:
    path = tmp_path / "instances.csv"
    header = list(rows[0])
    path.write_text("\n".join([",".join(header), *(",".join(r[c] for c in header) for r in rows)]) + "\n")
    return str(path)


def test_a_file_creates_providers_and_instances_with_sealed_secrets(run: Run, sandbox: Sandbox, tmp_path: Path) -> None:
    factories.make_tenant(sandbox)
    lines = run(
        "import_instances",
        csv_file(tmp_path, row(sandbox), row(sandbox, app_name="second", ump_url="https://localhost/2")),
    )
    assert [line["outcome"] for line in lines] == ["created", "created"]
    instance = UmpInstance.objects.get(app_name="umptoken")
    assert instance.unseal("ump_client_secret_envelope") == sandbox.seed.ump.client_secret
    assert sandbox.seed.ump.client_secret not in str(lines) + str(list(AuditEvent.objects.values()))


def test_the_same_file_again_changes_nothing(run: Run, sandbox: Sandbox, tmp_path: Path) -> None:
    factories.make_tenant(sandbox)
    file = csv_file(tmp_path, row(sandbox))
    run("import_instances", file)
    told = AuditEvent.objects.count()
    (line,) = run("import_instances", file)
    assert line["outcome"] == "unchanged"
    assert AuditEvent.objects.count() == told


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


def test_a_migration_names_the_instances_that_share_a_ump(sandbox: Sandbox) -> None:
    migration = importlib.import_module("registrations.migrations.0008_one_instance_per_ump")
    migration.refuse_duplicates(apps, None)
    factories.make_instance(sandbox)
    with connection.cursor() as cursor:
        cursor.execute("DROP INDEX one_instance_per_ump")
    factories.make_instance(sandbox, app_name="second", ump_url=sandbox.seed.ump.url + "/")
    with pytest.raises(CommandError, match=r"second\.finebak\.localhost and umptoken\.finebak\.localhost \("):
        migration.refuse_duplicates(apps, None)


def test_a_missing_column_is_named(sandbox: Sandbox, tmp_path: Path) -> None:
    given = row(sandbox)
    del given["ump_scope"]
    errors = StringIO()
    with pytest.raises(CommandError):
        call_command("import_instances", csv_file(tmp_path, given), stderr=errors)
    assert "column ump_scope: this column is missing" in errors.getvalue()


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


def test_semicolons_separate_the_columns_as_well(run: Run, sandbox: Sandbox, tmp_path: Path) -> None:
    factories.make_tenant(sandbox)
    file = Path(csv_file(tmp_path, row(sandbox)))
    file.write_text(file.read_text().replace(",", ";"))
    (line,) = run("import_instances", str(file))
    assert line["outcome"] == "created"


def test_a_file_that_is_not_there_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"nowhere.csv cannot be read: No such file or directory\."):
        call_command("import_instances", str(tmp_path / "nowhere.csv"))


def test_an_empty_file_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "empty.csv").touch()
    errors = StringIO()
    with pytest.raises(CommandError, match="Nothing was imported"):
        call_command("import_instances", str(tmp_path / "empty.csv"), stderr=errors)
    assert "the file is empty" in errors.getvalue()


def test_an_address_of_a_delivered_instance_is_not_changed_by_a_file(sandbox: Sandbox) -> None:
    factories.make_tenant(sandbox)
    csv_import.import_rows([row(sandbox)], actor=audit.SYSTEM)
    UmpInstance.objects.update(delivered_at="2026-01-01T00:00:00Z")
    with pytest.raises(csv_import.BadRowsError) as refusal:
        csv_import.import_rows([row(sandbox, ump_url="https://localhost/other")], actor=audit.SYSTEM)
    assert "with a reason" in refusal.value.problems[0].reason


def test_provision_and_wait_works_where_no_worker_does(
    run: Run, sandbox: Sandbox, portal: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("registrations.tasks.enqueue", lambda operation_id: False)
    instance = factories.make_instance(sandbox)
    lines = run("provision", instance.host, "--wait")
    assert [line["step"] for line in lines if "step" in line] == [step.name for step in Operation.objects.get().steps]
    assert lines[-1]["status"] == "succeeded"


def test_provision_and_wait_fails_where_the_operation_fails(
    run: Run, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("registrations.tasks.enqueue", lambda operation_id: False)
    instance = factories.make_instance(sandbox)
    sandbox.world.ump("finebak").lacks_contract_api = True
    with pytest.raises(CommandError, match=instance.host):
        run("provision", instance.host, "--wait")


def test_an_unknown_host_is_refused_before_any_other_is_started(run: Run, sandbox: Sandbox) -> None:
    instance = factories.make_instance(sandbox)
    with pytest.raises(CommandError, match=r"nobody\.example"):
        run("provision", instance.host, "nobody.example")
    assert Operation.objects.count() == 0


def test_a_host_named_twice_is_provisioned_once(run: Run, sandbox: Sandbox) -> None:
    instance = factories.make_instance(sandbox)
    lines = run("provision", instance.host, instance.host.upper())
    assert [line["host"] for line in lines] == [instance.host]
