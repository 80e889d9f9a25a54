"""The periodic tasks of the customers' side: only what has expired is deleted."""

from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.utils import timezone

from onboarding import tasks
from onboarding.models import SignIn
from syncportal.celery import app
from tests.onboarding.browser import Browser

pytestmark = pytest.mark.django_db


def test_only_an_expired_sign_in_loses_its_flow(customer: Browser, link: str) -> None:
    customer.start(link)
    customer.start(link, way="token")
    expired, valid = SignIn.objects.order_by("created_at")
    SignIn.objects.filter(pk=expired.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    tasks.forget_sign_ins()
    assert SignIn.objects.get(pk=expired.pk).flow_envelope == ""
    assert SignIn.objects.get(pk=valid.pk).flow_envelope == valid.flow_envelope != ""


def test_an_expired_session_is_deleted_and_a_valid_one_stays() -> None:
    now = timezone.now()
    for key, ends_at in (("expired", now - timedelta(seconds=1)), ("valid", now + timedelta(hours=1))):
        Session.objects.create(session_key=key, session_data="", expire_date=ends_at)
    tasks.forget_sessions()
    assert list(Session.objects.values_list("session_key", flat=True)) == ["valid"]


def test_the_scheduler_knows_both_tasks_by_their_names() -> None:
    scheduled = {entry["task"] for entry in app.conf.beat_schedule.values()}
    assert {tasks.forget_sign_ins.name, tasks.forget_sessions.name} <= scheduled
