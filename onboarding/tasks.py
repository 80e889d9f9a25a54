"""Celery tasks of the customers' side: one line each."""

from importlib import import_module

from celery import shared_task
from django.conf import settings

from onboarding.services import sign_in_requests, unfinished_sign_ins


@shared_task
def forget_sign_ins() -> None:
    """Refuse second sign-ins that nobody finished, and delete the sealed flows of expired ones."""
    unfinished_sign_ins.refuse_all()
    sign_in_requests.delete_expired_flows()


@shared_task
def forget_sessions() -> None:
    """Delete expired sessions."""
    import_module(settings.SESSION_ENGINE).SessionStore.clear_expired()
