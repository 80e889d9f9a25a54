"""What has to be there before SyncPortal starts: its keys, and for the web server the collected static files.

Settings load without either, so that the commands that make them can run.
"""

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.contrib.staticfiles.storage import staticfiles_storage

from syncportal.env import refuse

NO_KEYS = "there are no keys. Make them with: .venv/bin/python manage.py make_keys"
NO_SETTINGS_OF_KEYS = (
    "SECRET_KEY or PORTAL_KEYS is not set. Print new ones, for .env, with: .venv/bin/python manage.py make_keys --print"
)
NO_STATIC_FILES = (
    "the static files are not collected. Collect them with: .venv/bin/python manage.py collectstatic --noinput"
)


def require_keys() -> None:
    """End this start with one line where a key is missing."""
    if settings.MISSING_KEYS:
        raise refuse(NO_KEYS if settings.KEY_FILES else NO_SETTINGS_OF_KEYS)


def require_static_files() -> None:
    """End this start with one line where a static file was not collected; a page that names it would fail. Needs the apps."""
    collected: dict[str, str] | None = getattr(staticfiles_storage, "hashed_files", None)
    if collected is None:
        return  # `make dev` and tests serve the sources
    names = {path for finder in get_finders() for path, _ in finder.list([])}
    if not names <= collected.keys():
        raise refuse(NO_STATIC_FILES)
