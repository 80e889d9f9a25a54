"""The wizard's static files: which names are served, and for how long they are cached."""

from typing import Any

import pytest
from django.test import Client

from onboarding.views import assets
from registrations.models import UmpInstance
from tests import factories

HOST = "umptoken.finebak.localhost"


def get(path: str, **extra: Any) -> Any:
    return Client(headers={"host": HOST}).get(path, **extra)


@pytest.fixture(autouse=True)
def plain_instance(db: None) -> UmpInstance:
    return factories.make_instance()


@pytest.mark.parametrize("name", ["portal.css", "portal.js", "favicon.svg"])
def test_the_wizards_files_are_cached_for_a_year_under_their_hash(name: str) -> None:
    page = get("/authenticate").content.decode()
    address = next(part for part in page.split('"') if f"assets/{name}" in part)
    answer = get(address)
    assert answer.status_code == 200
    assert "immutable" in answer.headers["cache-control"]
    again = get(address, headers={"if-none-match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert get(address.partition("?")[0]).headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("name", ["other.css", "..%2f..%2fsettings.py", "../../apps.py", "portal.css/x"])
def test_no_other_file_is_served(name: str) -> None:
    assert get(f"/authenticate/assets/{name}").status_code == 404


def test_the_stylesheet_stays_small() -> None:
    assert len(assets.content("portal.css")[0]) < 15_000


def test_an_address_with_an_old_hash_is_not_cached_for_a_year() -> None:
    answer = get("/authenticate/assets/portal.js?v=0123456789abcdef")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-cache"


def test_a_file_is_only_read() -> None:
    answer = Client(headers={"host": HOST}).post("/authenticate/assets/portal.css")
    assert answer.status_code == 405
