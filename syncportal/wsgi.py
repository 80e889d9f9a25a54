"""The WSGI entry point for gunicorn."""

import os

import django
from django.core.wsgi import get_wsgi_application

from syncportal import start

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "syncportal.settings")
start.require_keys()
django.setup()
start.require_database_if_it_answers(start.WEB_STATEMENT_SECONDS)
start.require_static_files()
application = get_wsgi_application()
