"""The lists of registrations and client secrets say where they come from and how long they last."""

from typing import Any

from django.contrib import admin

from registrations.models import AppRegistration

PAGES: dict[Any, Any] = admin.site._registry


def test_a_registrations_origin_has_three_forms() -> None:
    rows = [AppRegistration(), AppRegistration(adopted=True), AppRegistration(managed=False, adopted=True)]
    assert len({PAGES[AppRegistration].origin(row) for row in rows}) == 3
