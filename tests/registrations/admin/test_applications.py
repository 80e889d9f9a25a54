"""The lists of registrations and client secrets say where they come from and how long they last."""

from typing import Any

from django.contrib import admin

from registrations.models import AppRegistration, ClientSecret

PAGES: dict[Any, Any] = admin.site._registry


def test_a_registrations_origin_has_three_forms() -> None:
    rows = [AppRegistration(), AppRegistration(adopted=True), AppRegistration(managed=False, adopted=True)]
    assert len({PAGES[AppRegistration].origin(row) for row in rows}) == 3


def test_every_id_has_a_copy_button_and_a_missing_one_a_dash() -> None:
    pages, guid = PAGES[AppRegistration], "0f5a1c37-7a1d-4a5e-8a51-2f0f3ab7f001"
    row = AppRegistration(object_id=guid)
    assert f'data-copy="{guid}"' in pages.object(row)
    assert pages.service_principal(row) == "–"
    assert f'data-copy="{guid}"' in PAGES[ClientSecret].key(ClientSecret(key_id=guid))
