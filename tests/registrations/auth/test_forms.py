"""What the sign-in page says after a refusal."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from tests import factories
from tests.registrations.auth.sign_in import sign_in

pytestmark = pytest.mark.django_db


def test_the_refusal_of_a_throttled_sign_in_says_to_wait(operator: User) -> None:
    for _ in range(5):
        sign_in("olga", "wrong")
    client = Client(headers={"host": "localhost"}, REMOTE_ADDR="192.0.2.1")
    answer = client.post(reverse("admin:login"), {"username": "olga", "password": factories.PASSWORD})
    assert "Wait 15 minutes" in answer.content.decode()


def test_a_wrong_password_is_reported_once(db: None) -> None:
    client = Client(headers={"host": "localhost"})
    page = client.post(reverse("admin:login"), {"username": "olga", "password": "wrong"}).content.decode()
    assert "do not match an active member of staff" in page
    assert "Please correct" not in page
    assert "Please correct the marked" not in page
    assert "Please correct the marked fields" in client.post(reverse("admin:login"), {"username": ""}).content.decode()
