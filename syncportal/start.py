"""What has to be there before SyncPortal works: its keys, and for the web server the collected static files.

Settings load without either, so that the commands that make them can run.
"""

from django.conf import settings

from syncportal.env import refuse

NO_KEYS = "there are no keys. Make them with: .venv/bin/python manage.py make_keys"
NO_SETTINGS_OF_KEYS = (
    "SECRET_KEY or PORTAL_KEYS is not set. Print new ones, for .env, with: .venv/bin/python manage.py make_keys --print"
)


def require_keys() -> None:
    """End this start with one line where a key is missing."""
    if settings.MISSING_KEYS:
        raise refuse(NO_KEYS if settings.KEY_FILES else NO_SETTINGS_OF_KEYS)
