"""`manage.py import_instances`: create or update service providers and UMP instances from a CSV file, all or nothing."""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from registrations import audit
from registrations.management.reporting import ReportingCommand
from registrations.services import csv_file, csv_import


class Command(ReportingCommand):
    """Reads the file whole before anything is written."""

    help = (
        f"Create or update UMP instances from a CSV file. {csv_import.COLUMNS} subscription is audiocodes or "
        "service_provider; delivery is api (the default) or handover. Commas, semicolons or tabs separate the columns. A bad row is "
        "named with its line, column and reason, and then nothing of the file is imported."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """The file."""
        super().add_arguments(parser)
        parser.add_argument("file", nargs="?", help="the CSV file (UTF-8)")
        parser.add_argument(
            "--template",
            action="store_true",
            help="print a file to begin with, with every column and an example; import nothing",
        )

    def act(self, options: dict[str, Any]) -> None:
        """Import the file, or print the template. Raises CommandError listing every bad cell."""
        if options["template"]:
            self.stdout.write(csv_import.template(), ending="")
            return
        if not options["file"]:
            raise CommandError("Name the CSV file, or print a file to begin with: --template.")
        try:
            table = csv_file.read(
                Path(options["file"]).read_bytes(), known=(*csv_import.REQUIRED, *csv_import.OPTIONAL)
            )
            outcomes = csv_import.import_table(table, actor=audit.command_line())
        except OSError as error:
            raise CommandError(f"{options['file']} cannot be read: {error.strerror}.") from error
        except csv_file.UnreadableFileError as error:
            raise CommandError(f"{options['file']} {error}") from error
        except csv_import.BadRowsError as bad:
            for problem in bad.problems:
                self.stderr.write(str(problem))
            if bad.advice:
                self.stderr.write(f"{bad.advice} --template prints a file to begin with.")
            raise CommandError(f"Nothing was imported: {len(bad.problems)} problem(s).") from bad
        for outcome in outcomes:
            self.report(f"{outcome.host}: {outcome.what}", host=outcome.host, outcome=outcome.what, line=outcome.line)
