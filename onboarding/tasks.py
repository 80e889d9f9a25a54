"""Celery tasks of the customer's side: one line each."""

from importlib import import_module

from celery import shared_task
from django.conf import settings

from onboarding.services import sign_in_requests


@shared_task
def forget_sign_ins() -> None:
    """Delete what is kept of sign-ins from which nobody returned in time."""
    sign_in_requests.delete_expired_flows()


@shared_task
def forget_sessions() -> None:
    """Delete sessions that have ended."""
    import_module(settings.SESSION_ENGINE).SessionStore.clear_expired()
