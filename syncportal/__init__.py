"""The project package: it wires the applications together and decides nothing."""

from syncportal.celery import app as celery_app

__all__ = ["celery_app"]
