"""What has to be there before SyncPortal starts: its keys, and for the web server the collected static files.

Settings load without either, so that the commands that make them can run.
"""

from typing import cast

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.contrib.staticfiles.storage import ManifestFilesMixin, staticfiles_storage
from django.core.files.storage import Storage

from syncportal.env import refuse

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
