"""The command that imports instances from a file."""

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from demo.services import PROJECT
from registrations.models import AuditEvent, UmpInstance
from registrations.services import csv_import
from sandbox.app import Sandbox
from tests import factories
from tests.registrations.instance_files import csv_file, row
from tests.registrations.management.lines import Run

pytestmark = pytest.mark.django_db
README = PROJECT / "README.md"


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
    events = AuditEvent.objects.count()
    (line,) = run("import_instances", file)
    assert line["outcome"] == "unchanged"
    assert AuditEvent.objects.count() == events


def test_semicolons_separate_columns_too(run: Run, sandbox: Sandbox, tmp_path: Path) -> None:
    factories.make_tenant(sandbox)
    file = Path(csv_file(tmp_path, row(sandbox)))
    file.write_text(file.read_text().replace(",", ";"))
    (line,) = run("import_instances", str(file))
    assert line["outcome"] == "created"


def test_the_template_has_every_column_and_is_not_imported_as_it_is(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    call_command("import_instances", "--template")
    file = tmp_path / "instances.csv"
    file.write_text(capsys.readouterr().out)
    assert file.read_text().splitlines()[0].split(",") == [*csv_import.REQUIRED, *csv_import.OPTIONAL]
    errors = StringIO()
    with pytest.raises(CommandError, match="Nothing was imported"):
        call_command("import_instances", str(file), stderr=errors)
    assert {line.split(":")[0] for line in errors.getvalue().splitlines()} == {
        "Line 2, column tenant_id",
        "Line 2, column ump_client_id",
    }


def test_a_command_without_a_file_says_how_to_get_one() -> None:
    with pytest.raises(CommandError, match="--template"):
        call_command("import_instances")


def test_readme_names_each_column_of_the_import() -> None:
    table = README.read_text().split("| column | | meaning |\n|---|---|---|\n")[1].split("\n\n")[0]
    named: dict[str, str] = {}
    for line in table.splitlines():
        _, names, word, *_ = (cell.strip() for cell in line.split("|"))
        named |= dict.fromkeys(names.replace("`", "").split(", "), word)
    expected = dict.fromkeys(csv_import.REQUIRED, "required") | dict.fromkeys(csv_import.OPTIONAL, "optional")
    assert named == expected


def test_a_missing_file_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"nowhere.csv cannot be read: No such file or directory\."):
        call_command("import_instances", str(tmp_path / "nowhere.csv"))


def test_an_empty_file_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "empty.csv").touch()
    errors = StringIO()
    with pytest.raises(CommandError, match="Nothing was imported"):
        call_command("import_instances", str(tmp_path / "empty.csv"), stderr=errors)
    assert "the file is empty" in errors.getvalue()
