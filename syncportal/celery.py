"""The Celery application and its schedule. Operation rows are the queue; Celery only rings the bell."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "syncportal.settings")

app = Celery("syncportal")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.conf.beat_schedule = {
    "run-due-operations": {"task": "registrations.tasks.sweep", "schedule": 20.0},
    "forget-expired-credentials": {"task": "registrations.tasks.forget_expired_credentials", "schedule": 300.0},
    "forget-abandoned-sign-ins": {"task": "onboarding.tasks.forget_sign_ins", "schedule": 300.0},
    "forget-ended-sessions": {"task": "onboarding.tasks.forget_sessions", "schedule": 24 * 3600.0},
}
