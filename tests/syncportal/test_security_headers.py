"""Which security headers each kind of answer carries, whichever middleware adds them."""

from typing import Any

import pytest
from django.http import HttpRequest
from django.test import Client

from onboarding import middleware
from registrations.models import UmpInstance
from tests import factories

EVERYWHERE = {
    "X-Content-Type-Options": "nosniff",
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
}
ADMIN = {
    **EVERYWHERE,
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'self' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "font-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
CUSTOMER = {
    **EVERYWHERE,
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; connect-src 'self'; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "Referrer-Policy": "strict-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
TOKEN = "A" * 43  # has the form of an invitation's token, and is none
UNKNOWN_HOST = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}
NOT_FRAMED = {"X-Frame-Options": "DENY"}
HSTS = {"Strict-Transport-Security": "max-age=31536000"}
WATCHED = {*ADMIN, *CUSTOMER, *NOT_FRAMED, *HSTS, "Cross-Origin-Embedder-Policy", "Content-Security-Policy-Report-Only"}


def security_headers(response: Any) -> dict[str, str]:
    return {name: value for name, value in response.headers.items() if name in WATCHED}


@pytest.fixture
def instance(db: None) -> UmpInstance:
    """An instance whose host answers."""
    return factories.make_instance(status=UmpInstance.Status.ACTIVE)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/", 302),
        ("/admin/", 302),
        ("/admin/login/", 200),
        ("/nowhere", 404),
        ("/static/registrations/nowhere.css", 404),
    ],
)
def test_admin_pages_redirects_and_errors_carry_the_admin_headers(path: str, status: int) -> None:
    response = Client(headers={"host": "localhost"}).get(path)
    assert response.status_code == status
    assert security_headers(response) == {**ADMIN, **NOT_FRAMED}


def test_an_admin_page_for_signed_in_staff_carries_the_same_headers(operator_client: Client) -> None:
    response = operator_client.get("/admin/")
    assert response.status_code == 200
    assert security_headers(response) == {**ADMIN, **NOT_FRAMED}


def test_a_refused_permission_carries_the_admin_headers(auditor_client: Client) -> None:
    response = auditor_client.get("/admin/auth/user/")
    assert response.status_code == 403
    assert security_headers(response) == {**ADMIN, **NOT_FRAMED}


def test_a_static_file_carries_the_admin_headers() -> None:
    response = Client(headers={"host": "localhost"}).get("/static/registrations/admin.css")
    assert response.getvalue()  # reads to the end, which closes the file
    assert response.status_code == 200
    assert security_headers(response) == ADMIN
    assert response.headers["Access-Control-Allow-Origin"] == "*"


def test_the_redirect_to_a_trailing_slash_carries_the_admin_headers() -> None:
    response = Client(headers={"host": "localhost"}).get("/admin")
    assert response.status_code == 301
    assert security_headers(response) == ADMIN


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/authenticate", 200),
        ("/authenticate/", 200),
        ("/authenticate/nowhere/at/all", 404),
        ("/authenticate/progress", 403),
        (f"/authenticate/{TOKEN}/start", 302),
        (f"/authenticate/{TOKEN}", 404),
    ],
)
def test_customers_pages_redirects_and_errors_carry_the_strict_headers(
    instance: UmpInstance, path: str, status: int
) -> None:
    response = Client(headers={"host": instance.host}).get(path)
    assert response.status_code == status
    assert security_headers(response) == {**CUSTOMER, **NOT_FRAMED}
    assert response.headers["Cache-Control"] == "no-store"


def test_the_wizards_own_files_carry_the_strict_headers(instance: UmpInstance) -> None:
    response = Client(headers={"host": instance.host}).get("/authenticate/assets/portal.css")
    assert response.status_code == 200
    assert security_headers(response) == {**CUSTOMER, **NOT_FRAMED}
    assert response.headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize(("host", "path"), [("elsewhere.example", "/"), ("elsewhere.example", "/authenticate")])
def test_an_unknown_host_gets_the_least_and_hsts(db: None, host: str, path: str) -> None:
    response = Client(headers={"host": host}).get(path, secure=True)
    assert response.status_code == 404
    assert security_headers(response) == {**UNKNOWN_HOST, **HSTS}


def test_a_path_outside_the_wizard_on_a_customers_host_gets_the_least(instance: UmpInstance) -> None:
    response = Client(headers={"host": instance.host}).get("/admin/")
    assert response.status_code == 404
    assert security_headers(response) == UNKNOWN_HOST


@pytest.mark.parametrize(
    ("path", "status"),
    [("/", 302), ("/nothing", 404), ("/static/nothing.css", 404), ("/static/registrations/admin.css", 200)],
)
def test_every_answer_over_https_carries_hsts(db: None, path: str, status: int) -> None:
    response = Client(headers={"host": "localhost"}).get(path, secure=True)
    response.close()  # a static file is open until then
    assert response.status_code == status
    assert response.headers["Strict-Transport-Security"] == HSTS["Strict-Transport-Security"]
    malformed = Client(headers={"host": "localhost"}).post("/admin/login/", b"x", "multipart/form-data", secure=True)
    assert malformed.status_code == 400
    assert malformed.headers["Strict-Transport-Security"] == HSTS["Strict-Transport-Security"]


def test_an_error_while_the_host_is_looked_up_carries_hsts(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(host: str) -> None:
        raise RuntimeError("the database is away")

    monkeypatch.setattr(middleware, "instance_of", broken)
    client = Client(headers={"host": "a.example"}, raise_request_exception=False)
    response = client.get("/authenticate", secure=True)
    assert response.status_code == 500
    assert response.headers["Strict-Transport-Security"] == HSTS["Strict-Transport-Security"]


def test_hsts_is_sent_over_https_to_both_audiences(instance: UmpInstance) -> None:
    admin = Client(headers={"host": "localhost"}).get("/admin/login/", secure=True)
    customer = Client(headers={"host": instance.host}).get("/authenticate", secure=True)
    assert security_headers(admin) == {**ADMIN, **NOT_FRAMED, **HSTS}
    assert security_headers(customer) == {**CUSTOMER, **NOT_FRAMED, **HSTS}


@pytest.mark.parametrize("audience", ["admin", "customer"])
def test_an_unexpected_error_carries_the_headers_of_its_audience(
    instance: UmpInstance, monkeypatch: pytest.MonkeyPatch, audience: str
) -> None:
    def fail(self: Any, request: HttpRequest) -> None:
        raise RuntimeError("Staged.")

    monkeypatch.setattr("django.contrib.sessions.middleware.SessionMiddleware.process_request", fail)
    host, path = ("localhost", "/admin/login/") if audience == "admin" else (instance.host, "/authenticate")
    response = Client(raise_request_exception=False, headers={"host": host}).get(path)
    assert response.status_code == 500
    assert security_headers(response) == (ADMIN if audience == "admin" else CUSTOMER)
