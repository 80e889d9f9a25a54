"""The settings of `make dev` and of tests: static files come from their sources at each request, so none are collected.

Nothing about security differs from `syncportal.settings`.
"""

from syncportal.settings import *  # noqa: F403  a settings module extends another one in this way

STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
WHITENOISE_AUTOREFRESH = True
WHITENOISE_USE_FINDERS = True
WHITENOISE_MAX_AGE = 0
