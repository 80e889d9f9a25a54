"""The WSGI entry point for gunicorn."""

import os

from django.core.wsgi import get_wsgi_application

from syncportal import start

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "syncportal.settings")
start.require_keys()
application = get_wsgi_application()
