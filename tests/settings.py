"""The settings of tests: those of `make dev`, with fixed keys, so that a fresh clone needs none and no installation's are used."""

import base64

from syncportal.settings_dev import *  # noqa: F403  a settings module extends another one in this way

SECRET_KEY = "only-for-tests-" * 4
PORTAL_KEYS = "k1:" + base64.b64encode(b"only-for-tests--" * 2).decode()
MISSING_KEYS = []
# A strong hash costs half a second of work, and most tests sign somebody in. What the product uses: tests/syncportal/test_settings.py.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
