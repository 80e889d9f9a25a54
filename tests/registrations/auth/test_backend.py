"""Signing in: recorded, for staff only, and never with what was typed."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from registrations.models import AuditEvent
from tests import factories
from tests.registrations.auth.sign_in import is_signed_in, sign_in

pytestmark = pytest.mark.django_db


def test_a_correct_password_signs_in_and_is_recorded(operator: User) -> None:
    assert is_signed_in(sign_in("olga", factories.PASSWORD))
    event = AuditEvent.objects.get()
    assert (event.action, event.actor_label, event.ip_address) == ("staff.signed_in", "Olga Operator", "192.0.2.1")


def test_a_wrong_password_is_recorded_without_the_password(operator: User) -> None:
    assert not is_signed_in(sign_in("olga", "my-other-password"))
    event = AuditEvent.objects.get()
    assert (event.action, event.actor_label) == ("staff.sign_in_refused", "olga")
    assert "my-other-password" not in f"{event.before}{event.after}{event.actor_id}"


def test_a_password_entered_as_user_name_is_not_stored(operator: User) -> None:
    sign_in(factories.PASSWORD, "")
    sign_in(factories.PASSWORD, "x")
    event = AuditEvent.objects.get()
    assert event.actor_label == "Unknown user name"
    assert factories.PASSWORD not in f"{event.actor_id}{event.after}{event.subject_label}"


def test_users_who_are_not_staff_cannot_sign_in(stranger: User) -> None:
    assert not is_signed_in(sign_in("stranger", factories.PASSWORD))
    assert AuditEvent.objects.get().action == "staff.sign_in_refused"


def test_a_deactivated_user_is_signed_out_at_the_next_request(operator: User, operator_client: Client) -> None:
    assert is_signed_in(operator_client)
    User.objects.filter(pk=operator.pk).update(is_active=False)
    assert not is_signed_in(operator_client)
