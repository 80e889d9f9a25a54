"""Static files as an installation serves them: collected, named by their hash, and kept for years by browsers."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.management import call_command
from django.test import Client, override_settings

from syncportal import settings as installed
from syncportal import start

ADDRESS = re.compile(r"""(?:href|src)="(/static/[^"?#]+)""")
IN_CSS = re.compile(r"""url\(["']?([^"')]+)["']?\)""")


@pytest.fixture(scope="module")
def collected(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The real storage, after collectstatic."""
    root = tmp_path_factory.mktemp("static")
    with override_settings(
        STATIC_ROOT=str(root),
        STORAGES=installed.STORAGES,
        WHITENOISE_AUTOREFRESH=False,
        WHITENOISE_USE_FINDERS=False,
    ):
        call_command("collectstatic", interactive=False, verbosity=0)
        yield root


@pytest.fixture
def visitor(collected: Path) -> Client:
    """Somebody on the admin's host."""
    return Client(headers={"host": "localhost"})


def addresses_of(page: Any) -> set[str]:
    return set(ADDRESS.findall(page.content.decode()))


@pytest.mark.django_db
def test_every_static_file_of_a_page_is_hashed_answered_and_kept_for_years(
    visitor: Client, operator_client: Client
) -> None:
    addresses = addresses_of(visitor.get("/admin/login/")) | addresses_of(operator_client.get("/admin/"))
    assert any("/registrations/admin." in address for address in addresses)
    for address in addresses:
        assert re.search(r"\.[0-9a-f]{12}\.\w+$", address), address
        answer = visitor.get(address)
        assert answer.status_code == 200, address
        assert answer.getvalue()
        assert answer.headers["Cache-Control"] == "max-age=315360000, public, immutable"


@pytest.mark.django_db
def test_every_file_that_a_stylesheet_names_is_there(visitor: Client, collected: Path, operator_client: Client) -> None:
    stylesheets = [each for each in addresses_of(operator_client.get("/admin/")) if each.endswith(".css")]
    assert stylesheets
    for address in stylesheets:
        path = collected / address.removeprefix("/static/")
        for named in IN_CSS.findall(path.read_text()):
            if not named.startswith(("data:", "#")):
                assert (path.parent / named.partition("?")[0].partition("#")[0]).resolve().is_file(), (address, named)


@pytest.mark.django_db
def test_an_unhashed_address_is_not_kept_for_years(visitor: Client) -> None:
    answer = visitor.get("/static/registrations/admin.css")
    assert answer.getvalue()
    assert "immutable" not in answer.headers["Cache-Control"]


def test_a_start_with_collected_files_goes_ahead(collected: Path) -> None:
    start.require_static_files()


def test_a_start_without_collected_files_is_refused(collected: Path, tmp_path: Path) -> None:
    with override_settings(STATIC_ROOT=str(tmp_path)), pytest.raises(SystemExit, match="manage.py collectstatic"):
        start.require_static_files()


def test_a_start_that_lacks_one_collected_file_is_refused(collected: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(staticfiles_storage.hashed_files, "registrations/admin.css")  # type: ignore[attr-defined]
    with pytest.raises(SystemExit, match="not collected"):
        start.require_static_files()


def test_the_sources_need_not_be_collected_where_they_are_served() -> None:
    with override_settings(
        STORAGES={"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
    ):
        start.require_static_files()


def test_a_start_with_an_old_collected_file_is_refused(collected: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = "registrations/admin.000000000000.js"
    monkeypatch.setitem(staticfiles_storage.hashed_files, "registrations/admin.js", old)  # type: ignore[attr-defined]
    with pytest.raises(SystemExit, match="since the last update"):
        start.require_static_files()
