"""What all commands share: the secret's file, JSON lines, and one line for a refusal."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from registrations.errors import WrongStateError
from registrations.management.reporting import ReportingCommand, read_secret


class Command(ReportingCommand):
    """Reports one line, or is refused."""

    def add_arguments(self, parser: Any) -> None:
        super().add_arguments(parser)
        parser.add_argument("--refuse", action="store_true")

    def act(self, options: dict[str, Any]) -> None:
        if options["refuse"]:
            raise WrongStateError("It has ended.")
        self.report("Done in 2 s.", seconds=2)


@pytest.mark.parametrize(("arguments", "line"), [([], "Done in 2 s."), (["--json"], {"seconds": 2})])
def test_a_result_is_a_sentence_or_a_json_line(arguments: list[str], line: object) -> None:
    out = StringIO()
    call_command(Command(), *arguments, stdout=out)
    (written,) = out.getvalue().splitlines()
    assert (json.loads(written) if arguments else written) == line


def test_an_expected_refusal_is_one_line_without_traceback() -> None:
    with pytest.raises(CommandError, match=r"^It has ended\.$"):
        call_command(Command(), "--refuse")


def test_a_secret_is_read_without_its_line_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "secret").write_text(" abc \n")
    assert read_secret(str(tmp_path / "secret")) == "abc"
    monkeypatch.setattr("sys.stdin", StringIO("from a pipe\n"))
    assert read_secret("-") == "from a pipe"


@pytest.mark.parametrize(
    ("content", "reason"), [(b"", "is empty"), (b" \n", "is empty"), (b"\xff\xfe", "not text in UTF-8")]
)
def test_a_file_without_a_readable_secret_is_named(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "secret").write_bytes(content)
    with pytest.raises(CommandError, match=reason):
        read_secret(str(tmp_path / "secret"))


def test_a_byte_order_mark_is_no_part_of_a_secret(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes("\ufeffabc\r\n".encode())
    assert read_secret(str(tmp_path / "secret")) == "abc"
