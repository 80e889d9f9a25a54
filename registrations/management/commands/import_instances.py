"""`manage.py import_instances`: create or update service providers and UMP instances from a CSV file, all or nothing."""

import csv
from io import StringIO
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from registrations import audit
from registrations.management.reporting import ReportingCommand
from registrations.services import csv_import


class Command(ReportingCommand):
    """Reads the file whole before anything is written."""

    help = (
        "Create or update UMP instances from a CSV file with the columns "
        f"{', '.join(csv_import.REQUIRED)}; optional: {', '.join(csv_import.OPTIONAL)}. subscription is audiocodes or "
        "service_provider; delivery is api (the default) or handover. Commas or semicolons separate the columns. A bad row is "
        "named with its line, column and reason, and then nothing of the file is imported."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """The file."""
        super().add_arguments(parser)
        parser.add_argument("file", help="the CSV file (UTF-8)")

    def act(self, options: dict[str, Any]) -> None:
        """Import the file. Raises CommandError listing every bad cell."""
        try:
            text = Path(options["file"]).read_text(encoding="utf-8-sig")
        except OSError as error:
            raise CommandError(f"{options['file']} cannot be read: {error.strerror}.") from error
        except UnicodeDecodeError as error:
            raise CommandError(f"{options['file']} is not text in UTF-8: save it as CSV UTF-8.") from error
        header = text.partition("\n")[0]
        separator = ";" if header.count(";") > header.count(",") else ","  # spreadsheets write either, by country
        try:
            rows = list(csv.DictReader(StringIO(text, newline=""), restkey=csv_import.SURPLUS, delimiter=separator))
        except csv.Error as error:
            raise CommandError(f"{options['file']} cannot be read as CSV: {error}.") from error
        try:
            outcomes = csv_import.import_rows(rows, actor=audit.command_line())
        except csv_import.BadRowsError as bad:
            for problem in bad.problems:
                self.stderr.write(str(problem))
            raise CommandError(f"Nothing was imported: {len(bad.problems)} problem(s).") from bad
        for outcome in outcomes:
            self.report(f"{outcome.host}: {outcome.what}", host=outcome.host, outcome=outcome.what, line=outcome.line)
