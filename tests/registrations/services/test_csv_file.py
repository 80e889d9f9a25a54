"""Files of UMP instances as spreadsheets and people write them."""

from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from registrations.models import UmpInstance
from registrations.services import csv_file
from sandbox.app import Sandbox
from tests import factories
from tests.registrations.instance_files import row

pytestmark = pytest.mark.django_db
Import = Callable[[str | bytes], str]


@pytest.fixture
def header(sandbox: Sandbox) -> list[str]:
    factories.make_tenant(sandbox)
    return list(row(sandbox))


@pytest.fixture
def cells(sandbox: Sandbox) -> list[str]:
    return list(row(sandbox).values())


@pytest.fixture
def imported(tmp_path: Path) -> Import:
    """Import a file of this text; what the command says."""

    def run(text: str | bytes) -> str:
        file = tmp_path / "instances.csv"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        out = StringIO()
        call_command("import_instances", str(file), stdout=out)
        return out.getvalue()

    return run


@pytest.fixture
def refused(tmp_path: Path) -> Import:
    """Import a file that is refused; every line that the command says."""

    def run(text: str | bytes) -> str:
        file = tmp_path / "instances.csv"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        errors = StringIO()
        with pytest.raises(CommandError) as refusal:
            call_command("import_instances", str(file), stderr=errors)
        assert not UmpInstance.objects.exists()
        return f"{errors.getvalue()}{refusal.value}"

    return run


@pytest.mark.parametrize("second", ["app_name", "App Name", " APP-NAME ", "\ufeffapp_name"])
def test_a_column_that_stands_twice_is_refused(
    refused: Import, header: list[str], cells: list[str], second: str
) -> None:
    said = refused(f"{','.join([*header, second])}\n{','.join([*cells, 'other'])}\n")
    assert "Line 1, column app_name: this column stands twice" in said


def test_line_numbers_are_the_files_own(refused: Import, header: list[str], cells: list[str]) -> None:
    good = ",".join(cells)
    broken = good.replace("/.default", "\n/.default").replace("api://", '"api://') + '"'
    bad = good.replace("umptoken", "other").replace("finebak.localhost", "https://x")
    said = refused(f"\n{','.join(header)}\r\n{broken}\n\n,,,,\n{bad}\n")
    assert "Line 3, column ump_scope: Delete the character U+000A (line break)" in said
    assert "Line 7, column domain" in said


def test_a_nul_is_refused_at_its_cell(refused: Import, header: list[str], cells: list[str]) -> None:
    line = ",".join(cells).replace("api://", "api:\0//")
    said = refused(f"{','.join(header)}\n{line}\n")
    assert "Line 2, column ump_scope: Delete the character U+0000 (NUL) at position 5" in said


@pytest.mark.parametrize("character", ["\u202e", "\u200b"])
def test_a_misleading_name_is_refused_at_its_cell(
    refused: Import, header: list[str], cells: list[str], character: str
) -> None:
    said = refused(f"{','.join(header)}\n{','.join(cells).replace('Finebak', f'Fine{character}bak')}\n")
    assert f"Line 2, column service_provider: Delete the character U+{ord(character):04X}" in said


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16", "utf-16-le"])
def test_another_encoding_is_one_line_that_says_what_to_do(
    refused: Import, header: list[str], cells: list[str], encoding: str
) -> None:
    said = refused(f"{','.join(header)}\n{','.join(cells).replace('Finebak', 'Finebäk')}\n".encode(encoding))
    assert "save it again as CSV UTF-8" in said
    assert "\n" not in said.strip()


def test_quotes_that_do_not_end_name_their_line(refused: Import, header: list[str], cells: list[str]) -> None:
    assert "line 2" in refused(f'{",".join(header)}\n"{",".join(cells)}\n')


@pytest.mark.parametrize("port", [":0", ":99999", ":abc", ":-1", ":"])
def test_a_port_that_cannot_be_is_refused_at_its_cell(
    refused: Import, header: list[str], cells: list[str], sandbox: Sandbox, port: str
) -> None:
    text = ",".join(cells).replace(sandbox.seed.ump.url, f"https://localhost{port}/tenantui")
    assert "Line 2, column ump_url: This is not an address that can be reached" in refused(
        f"{','.join(header)}\n{text}\n"
    )


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("start", ["", "\ufeff", "\n\n"])
def test_separators_line_ends_and_a_bom_are_fine(
    imported: Import, header: list[str], cells: list[str], separator: str, end: str, start: str
) -> None:
    lines = [separator.join(header), separator.join(cells), ""]
    assert imported(start + end.join(lines)) == "umptoken.finebak.localhost: created\n"


@pytest.mark.parametrize(
    "first", ["sep=;", "SEP=;", '"sep=;"', "sep=;;;;;;", "sep = ;", 'sep=";"', "sep=", "Sep=\\t", '"sep=;";;;']
)
def test_a_line_that_names_the_separator_is_fine(
    imported: Import, header: list[str], cells: list[str], first: str
) -> None:
    assert "created" in imported(f"\ufeff{first}\r\n{';'.join(header)}\r\n{';'.join(cells)}\r\n")


def test_empty_rows_and_columns_at_the_end_are_fine(imported: Import, header: list[str], cells: list[str]) -> None:
    rows = [[*header, "", ""], [*cells, "", " "], ["", "", ""], [""] * 14, []]
    assert imported("\n".join(",".join(each) for each in rows)) == "umptoken.finebak.localhost: created\n"


@pytest.mark.parametrize("last", ["\x1a", "\u200b,\ufeff,\u00a0", "\u2060", "\x1a\n", "\u00ad,\u200e"])
def test_a_last_row_of_what_cannot_be_seen_is_empty(
    imported: Import, header: list[str], cells: list[str], last: str
) -> None:
    assert imported(f"{','.join(header)}\n{','.join(cells)}\n{last}") == "umptoken.finebak.localhost: created\n"


def test_the_end_of_file_of_dos_behind_the_last_cell_is_no_part_of_it(
    imported: Import, header: list[str], cells: list[str], sandbox: Sandbox
) -> None:
    imported(f"{','.join(header)}\n{','.join(cells)}\x1a")
    assert UmpInstance.objects.get().ump_scope == sandbox.seed.ump.scope


@pytest.mark.parametrize(
    ("first", "separator"), [("sep=;", ","), ("sep=,", ";"), ("\n\nsep=;", ";"), ("\r\n sep=\t", "\t")]
)
def test_a_separator_line_that_is_wrong_or_below_a_blank_one_is_fine(
    imported: Import, header: list[str], cells: list[str], first: str, separator: str
) -> None:
    assert "created" in imported(f"{first}\n{separator.join(header)}\n{separator.join(cells)}\n")


def test_lines_are_counted_with_blank_ones_above_the_separator_line(
    refused: Import, header: list[str], cells: list[str]
) -> None:
    bad = ";".join(cells).replace("finebak.localhost", "https://x")
    assert "Line 4, column domain" in refused(f"\nsep=;\n{';'.join(header)}\n{bad}\n")


def test_a_nul_in_the_header_is_refused_at_its_cell(refused: Import, header: list[str], cells: list[str]) -> None:
    text = f"{','.join(header)}\n{','.join(cells)}\n".replace("domain", "do\0main", 1)
    assert "has a character U+0000 (NUL) in line 1, cell 2" in refused(text)


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
def test_a_bad_byte_is_found_on_the_files_own_line(
    refused: Import, header: list[str], cells: list[str], end: str
) -> None:
    lines = ["", ",".join(header), ",".join(cells).replace("Finebak", "Fineb\xe4k")]
    assert "(line 3)" in refused(end.join(lines).encode("cp1252"))


@pytest.mark.parametrize(
    "path", ["//tenantui", "/x//tenantui", "/./tenantui", "/x/../tenantui", "/tenant%75i", "/%2E%2e/x"]
)
def test_a_ump_url_with_another_spelling_of_its_path_is_refused_at_its_cell(
    refused: Import, header: list[str], cells: list[str], sandbox: Sandbox, path: str
) -> None:
    text = ",".join(cells).replace(sandbox.seed.ump.url, f"https://localhost{path}")
    assert "Line 2, column ump_url: Write the path plainly" in refused(f"{','.join(header)}\n{text}\n")


def test_columns_are_headed_as_people_head_them(imported: Import, header: list[str], cells: list[str]) -> None:
    headed = [f" {name.replace('_', ' ').title()}\u00a0" for name in header]
    assert "created" in imported(f"{','.join(headed)}\n{','.join(cells)}\n")


@pytest.mark.parametrize(
    "change",
    [
        lambda line, ump: line.replace(ump.url, ump.url + "/"),
        lambda line, ump: line.replace("https://localhost", "HTTPS://LocalHost"),
        lambda line, ump: line.replace(ump.client_id, "{" + ump.client_id.upper() + "}"),
        lambda line, ump: line.replace("umptoken", "UmpToken"),
        lambda line, ump: line.replace("finebak.localhost", "Finebak.LOCALHOST."),
        lambda line, ump: line.replace("Finebak,", "\u00a0Finebak\u200b,"),
        lambda line, ump: line.replace(ump.client_secret, f"\ufeff{ump.client_secret}\u00a0"),
        lambda line, ump: line.replace(ump.scope, f"{ump.scope}\u200b"),
        lambda line, ump: line.replace(ump.scope, f"{ump.scope}/"),
        lambda line, ump: line.replace(ump.scope, ump.scope.upper()),
        lambda line, ump: line.replace(ump.scope, ump.scope.replace("api://", "api://{").replace("/.d", "}/.d")),
    ],
)
def test_the_same_values_in_another_form_are_unchanged(
    imported: Import, header: list[str], cells: list[str], sandbox: Sandbox, change: Callable[..., str]
) -> None:
    line = ",".join(cells)
    imported(f"{','.join(header)}\n{line}\n")
    UmpInstance.objects.update(delivered_at="2026-01-01T00:00:00Z")
    changed = change(line, sandbox.seed.ump)
    assert changed != line
    assert imported(f"{','.join(header)}\n{changed}\n") == "umptoken.finebak.localhost: unchanged\n"


def test_a_table_of_nothing_has_no_rows() -> None:
    assert csv_file.read(b"\xef\xbb\xbf\n\n,,\n", known=["app_name"]) == csv_file.Table(1)
