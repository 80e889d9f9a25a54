"""The lists of registrations and client secrets say where they come from and how long they last."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib import admin
from django.utils import timezone
from django.utils.html import strip_tags

from registrations.models import AppRegistration, ClientSecret

PAGES: dict[Any, Any] = admin.site._registry


@pytest.mark.parametrize(
    ("status", "days", "word"),
    [
        ("delivered", -1, "Expired"),
        ("delivered", 1, "Expiring"),
        ("delivered", 700, "Delivered"),
        ("discarded", -1, "To be removed"),  # nobody uses it any more
        ("proven", None, "Proven"),
    ],
)
def test_a_live_secrets_state_shows_its_expiry(status: str, days: int | None, word: str) -> None:
    expires_at = None if days is None else timezone.now() + timedelta(days=days)
    secret = ClientSecret(status=status, expires_at=expires_at)
    assert strip_tags(PAGES[ClientSecret].state(secret)).endswith(word)


def test_a_registrations_origin_has_three_forms() -> None:
    rows = [AppRegistration(), AppRegistration(adopted=True), AppRegistration(managed=False, adopted=True)]
    assert len({PAGES[AppRegistration].origin(row) for row in rows}) == 3
