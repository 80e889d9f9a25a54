#!/usr/bin/env python
"""Django's command line for SyncPortal."""

import os
import sys

try:
    from django.core.management import execute_from_command_line
    from django.db import DatabaseError, OperationalError, ProgrammingError
except ModuleNotFoundError:
    sys.exit(
        "SyncPortal's packages are not in this Python. Run .venv/bin/python manage.py ...; `make demo` makes .venv."
    )


def main() -> None:
    """Run one management command with SyncPortal's settings. A database that cannot be used is one line, not a traceback."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "syncportal.settings")
    try:
        execute_from_command_line(sys.argv)
    except (OperationalError, ProgrammingError) as error:
        sys.exit(_sentence(error))


def _sentence(error: DatabaseError) -> str:
    words = (str(error).splitlines() or [type(error).__name__])[0]
    if isinstance(error, ProgrammingError) or "no such" in words:
        return (
            f"The database lacks what this version needs ({words}). "
            "Is DATABASE_URL the one you mean? Then run: .venv/bin/python manage.py migrate"
        )
    return f"The database cannot be used: {words}"


if __name__ == "__main__":
    main()
