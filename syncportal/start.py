"""What has to be there before SyncPortal starts: its keys, a database that fits, and for the web server the static files.

Settings load without them, so that the commands that make them can run.
"""

import logging
import os
import signal
import threading
from pathlib import Path
from typing import Any, cast

from django.apps import apps
from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.contrib.staticfiles.storage import ManifestFilesMixin, staticfiles_storage
from django.core.files.storage import Storage
from django.db import DatabaseError, OperationalError, connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

from registrations import unavailable
from syncportal.env import refuse

logger = logging.getLogger(__name__)

# The longest that one statement may take, in seconds; 0 is without a limit. A page is waited for, and its slowest statement
# takes a second; a worker's sweep over a large table may take longer.
WEB_STATEMENT_SECONDS = 15
WORKER_STATEMENT_SECONDS = 60
COMMAND_STATEMENT_SECONDS = 0  # migrations and imports take what they need
# PgBouncer's answer to `options`, which carries statement_timeout, with its default configuration:
# https://www.pgbouncer.org/config.html#ignore_startup_parameters
POOLER_REFUSES = "unsupported startup parameter"
BEHIND_POOLER = (
    "DATABASE_URL leads to a connection pooler such as PgBouncer that does not pass statement_timeout on. "
    "Add ?disable_server_side_cursors=true to DATABASE_URL (README, Behind PgBouncer)."
)
OURS = "registrations/"  # our own static files, which are collected without a change
NO_KEYS = "there are no keys. Make them with: .venv/bin/python manage.py make_keys"
NO_SETTINGS_OF_KEYS = (
    "SECRET_KEY or PORTAL_KEYS is not set. Print new ones, for .env, with: .venv/bin/python manage.py make_keys --print"
)
NO_STATIC_FILES = (
    "the static files are not collected, or not since the last update. Collect them with: "
    ".venv/bin/python manage.py collectstatic --noinput"
)


def require_keys() -> None:
    """End this start with one line if a key is missing."""
    if settings.MISSING_KEYS:
        raise refuse(NO_KEYS if settings.KEY_FILES else NO_SETTINGS_OF_KEYS)


def require_database(statement_seconds: int) -> None:
    """End this start with one line if the database or the keys are not the right ones. Needs the apps.

    The connections of this process, and of those that it forks, get the limit on statements; what DATABASE_URL says in
    `options` wins. Raises Django's database errors if the database cannot be asked.
    """
    try:
        _check_database(statement_seconds if _limit_statements(statement_seconds) else 0)
    finally:
        connection.close()  # a forked process must not share it


def require_database_if_it_answers(statement_seconds: int) -> None:
    """For servers: as `require_database`, but a database that is away at the start is a warning, because it comes back.

    Then the first connection checks it, before anybody is served with it.
    """
    expected = statement_seconds if _limit_statements(statement_seconds) else 0
    try:
        _check_database(expected)
    except unavailable.OUTAGES as error:
        logger.warning(
            "Database and keys could not be checked at the start (%s). The first connection checks them.",
            unavailable.sentence_of(error),
        )
        connection_created.connect(FirstConnection(expected), weak=False)
    finally:
        connection.close()


class FirstConnection:
    """Makes up for the check that a start had to leave out. A refusal ends this process, and the next start names it."""

    def __init__(self, statement_seconds: int) -> None:
        self.statement_seconds = statement_seconds
        self.lock = threading.RLock()
        self.is_checked = False

    def __call__(self, connection: BaseDatabaseWrapper, **_: Any) -> None:
        """Check once; threads that connect meanwhile wait. Raises OperationalError for a refusal: the page is a 503."""
        with self.lock:
            if self.is_checked:
                return
            try:
                _check_database(self.statement_seconds)
            except SystemExit as refusal:
                connection.close()  # the next statement connects, and is refused again
                logger.critical("%s", refusal)
                end_process()
                raise OperationalError(str(refusal)) from None
            except unavailable.OUTAGES:
                connection.close()
                raise
            self.is_checked = True


def end_process() -> None:
    """Have this server finish what it does and end, as an operator's stop does."""
    os.kill(os.getpid(), signal.SIGTERM)


def _check_database(statement_seconds: int) -> None:
    """Raises SystemExit if database or keys are not the right ones. 0: what limits statements is not ours to check."""
    if connection.vendor == "sqlite" and not Path(settings.DATABASES["default"]["NAME"]).exists():
        return  # asking would create it
    if connection.vendor == "postgresql":
        _require_postgresql(statement_seconds)
    canaries = apps.get_model("registrations", "KeyCanary")
    try:
        tables = connection.introspection.table_names()
    except DatabaseError as error:
        if not unavailable.is_unusable_file(error):
            raise
        raise refuse(f"the file that DATABASE_URL names cannot be used ({unavailable.sentence_of(error)}).") from None
    if canaries._meta.db_table in tables:  # it is not before `migrate`
        refusal = canaries._default_manager.refusal()
        if refusal:
            raise refuse(refusal)


def _limit_statements(seconds: int) -> bool:
    """Have each new connection ask for the limit. False where the URL decides, or a pooler would refuse to pass it on."""
    database = connection.settings_dict  # one dictionary for the connections of all threads
    options = database["OPTIONS"]
    given = options.get("options", "")
    if connection.vendor != "postgresql" or database.get("DISABLE_SERVER_SIDE_CURSORS") or "statement_timeout" in given:
        return False
    options["options"] = f"{given} -c statement_timeout={seconds * 1000}".strip()
    return True


def _require_postgresql(statement_seconds: int) -> None:
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT name, setting FROM pg_settings WHERE name IN ('server_encoding', 'statement_timeout')"
            )
            found = dict(cursor.fetchall())
    except OperationalError as error:
        if POOLER_REFUSES in str(error):
            raise refuse(BEHIND_POOLER) from None
        raise
    if found["server_encoding"] != "UTF8":
        raise refuse(
            f"the database's encoding is {found['server_encoding']}, and names need UTF8. "
            "Create one with: createdb --encoding UTF8 --template template0"
        )
    if statement_seconds and int(found["statement_timeout"]) != statement_seconds * 1000:
        raise refuse(BEHIND_POOLER)


def require_static_files() -> None:
    """End this start with one line if a static file is missing or out of date. Needs the apps.

    A page that names a missing file would fail, and one that names an old file would show it. Only our own files are
    compared: those of libraries may be rewritten when they are collected, and they come with their packages' versions.
    """
    try:
        collected: dict[str, str] | None = getattr(staticfiles_storage, "hashed_files", None)
    except ValueError:  # the manifest is damaged
        raise refuse(NO_STATIC_FILES) from None
    if collected is None:
        return  # `make dev` and tests serve the sources
    found = [(path, source) for finder in get_finders() for path, source in finder.list([])]
    if not {path for path, _ in found} <= collected.keys():
        raise refuse(NO_STATIC_FILES)
    if any(_is_stale(path, source, collected[path]) for path, source in found if path.startswith(OURS)):
        raise refuse(NO_STATIC_FILES)


def _is_stale(path: str, source: Storage, collected: str) -> bool:
    with source.open(path) as file:
        current = cast(ManifestFilesMixin, staticfiles_storage).hashed_name(path, file)
    return current != collected or not staticfiles_storage.exists(collected)
