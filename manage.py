#!/usr/bin/env python
"""Django's command line for SyncPortal."""

import os
import sys

try:
    from django.core.management import BaseCommand, ManagementUtility, get_commands
    from django.db import DatabaseError, InterfaceError, ProgrammingError
    from django.db.migrations.exceptions import MigrationSchemaMissing

    from registrations import unavailable
    from syncportal import start
except ModuleNotFoundError:
    sys.exit(
        "SyncPortal's packages are not in this Python. Run .venv/bin/python manage.py ...; `make demo` makes .venv."
    )

WITHOUT_KEYS = {"make_keys", "collectstatic", "makemigrations"}
OURS = {"registrations", "onboarding"}  # the apps whose commands use secrets


class CommandLine(ManagementUtility):
    """Django's command line, which refuses the commands that work on secrets where keys or database are not the right ones."""

    def fetch_command(self, subcommand: str) -> BaseCommand:
        """The command of this name. Ends the start with one line where it needs keys and there are none."""
        command = super().fetch_command(subcommand)
        if subcommand in WITHOUT_KEYS:
            return command
        start.require_keys()
        asks_for_help = {"--help", "-h"} & set(self.argv)
        if (subcommand == "migrate" or get_commands()[subcommand] in OURS) and not asks_for_help:
            start.require_database(start.COMMAND_STATEMENT_SECONDS)
        return command


def main() -> None:
    """Run one management command with SyncPortal's settings. A database that cannot be used is one line, not a traceback."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "syncportal.settings")
    try:
        CommandLine(sys.argv).execute()
    except (DatabaseError, InterfaceError, MigrationSchemaMissing) as error:
        if not isinstance(error, (ProgrammingError, MigrationSchemaMissing)) and not unavailable.is_outage(error):
            raise
        sys.exit(_sentence(error))


def _sentence(error: Exception) -> str:
    words = unavailable.sentence_of(error)
    if isinstance(error, ProgrammingError) or "no such" in words:
        return (
            f"The database lacks what this version needs ({words}). "
            "Is DATABASE_URL the one you mean? Then run: .venv/bin/python manage.py migrate"
        )
    if "unable to open" in words:
        words += ". If its folder is missing, make_keys makes it"
    if unavailable.is_unusable_file(error):
        words += ". Is DATABASE_URL the one you mean? A damaged file is restored from a backup"
    return f"The database cannot be used: {words}"


if __name__ == "__main__":
    main()
