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


@pytest.mark.django_db
@pytest.mark.parametrize("kind", [FORM, "multipart/form-data; boundary=x"])
@pytest.mark.parametrize("charset", ["unicode_escape", "utf-7", "utf-16", "latin-1", "nonsense"])
def test_another_character_set_than_utf_8_is_refused(kind: str, charset: str) -> None:
    host = factories.make_instance(status=UmpInstance.Status.ACTIVE).host
    body = (
        b'--x\r\nContent-Disposition: form-data; name="state"\r\n\r\n\\ud800\r\n--x--\r\n'
        if kind != FORM
        else b"state=%5Cud800"
    )
    for to, path in ((host, "/authenticate/OAuth2Callback"), ("localhost", "/admin/login/")):
        client = Client(headers={"host": to}, raise_request_exception=False)
        for method in ("GET", "POST", "HEAD", "PUT"):
            answer = client.generic(method, f"{path}?q=a%5Cx00b&state=%5Cud800", body, f"{kind}; charset={charset}")
            assert answer.status_code == 400, (to, method)


@pytest.mark.django_db
@pytest.mark.parametrize("charset", ["", "; charset=utf-8", "; charset=UTF8", '; charset="utf_8"'])
def test_lone_surrogates_in_utf_8_break_nothing(charset: str) -> None:
    host = factories.make_instance(status=UmpInstance.Status.ACTIVE).host
    client = Client(headers={"host": host}, raise_request_exception=False)
    answer = client.generic("POST", "/authenticate/OAuth2Callback?q=%ED%A0%80", "state=%ED%A0%80", FORM + charset)
    assert answer.status_code < 500


@pytest.mark.django_db
@pytest.mark.parametrize(
    "parameters", ["name*=a; name*1=b", "name*=nonsense''state", "name*=utf-16-be''%d8%00", "name*=idna''%ff"]
)
def test_a_broken_part_of_a_form_is_no_server_error(parameters: str) -> None:
    host = factories.make_instance(status=UmpInstance.Status.ACTIVE).host
    body = f"--x\r\nContent-Disposition: form-data; {parameters}\r\n\r\nabc\r\n--x--\r\n"
    for to, path in ((host, "/authenticate/OAuth2Callback"), ("localhost", "/admin/login/")):
        client = Client(headers={"host": to}, raise_request_exception=False)
        assert client.generic("POST", path, body, "multipart/form-data; boundary=x").status_code < 500
