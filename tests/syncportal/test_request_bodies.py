"""Bodies are refused by their headers: too long, of unknown length, or made for files."""

import tempfile
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from registrations.models import UmpInstance
from tests import factories

FORM = "application/x-www-form-urlencoded"


class NeverRead:
    """A body that fails the test when somebody reads it."""

    def read(self, *_: Any) -> bytes:
        raise AssertionError("The body was read.")

    readline = read


def send(host: str, path: str, cookies: str = "", **meta: Any) -> Any:
    client = Client(headers={"host": host})
    environ = {"CONTENT_TYPE": FORM, "REQUEST_METHOD": "POST", "wsgi.input": NeverRead(), "HTTP_COOKIE": cookies}
    return client.generic("POST", path, **{**environ, **meta})


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/admin/login/", "/admin/auth/user/add/", "/nothing"])
@pytest.mark.parametrize("kind", [FORM, "multipart/form-data; boundary=x"])
def test_a_body_of_120_megabytes_is_refused_unread(path: str, kind: str) -> None:
    answer = send("localhost", path, CONTENT_LENGTH="120000000", CONTENT_TYPE=kind)
    assert answer.status_code == 413
    assert "larger" in answer.content.decode()


@pytest.mark.django_db
def test_customers_pages_take_short_forms_only() -> None:
    host = factories.make_instance(status=UmpInstance.Status.ACTIVE).host
    for path in (
        "/authenticate/OAuth2Callback",
        "/authenticate/registration",
        "/authenticate/" + "A" * 43 + "/existing",
    ):
        assert send(host, path, CONTENT_LENGTH="65537").status_code == 413
        assert send(host, path, "__Host-session=x", CONTENT_LENGTH="65537").status_code == 413


@pytest.mark.parametrize("length", ["-1", "many", ""])
def test_a_body_without_a_proper_length_is_refused(length: str) -> None:
    answer = send("localhost", "/admin/login/", CONTENT_LENGTH=length, HTTP_TRANSFER_ENCODING="chunked")
    assert answer.status_code in {411, 413}


def test_a_large_body_made_for_files_is_refused() -> None:
    meta = {"CONTENT_LENGTH": "90000", "CONTENT_TYPE": "multipart/form-data; boundary=x"}
    assert send("localhost", "/admin/auth/user/add/", "__Host-session=x", **meta).status_code == 415


@pytest.mark.django_db
def test_a_small_file_is_refused_and_never_stored(operator_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_file(*_: Any, **__: Any) -> None:
        raise AssertionError("A temporary file was made.")

    for name in ("NamedTemporaryFile", "TemporaryFile", "mkstemp"):
        monkeypatch.setattr(tempfile, name, no_file)
    form = {"csv": SimpleUploadedFile("a.csv", b"host,tenant\n" * 100)}
    assert operator_client.post("/admin/login/", form).status_code == 400


@pytest.mark.django_db
def test_refused_bodies_carry_the_security_headers() -> None:
    answer = send("localhost", "/admin/login/", CONTENT_LENGTH="120000000", **{"wsgi.url_scheme": "https"})
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
    assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
