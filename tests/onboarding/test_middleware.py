"""The first middleware: which host gets what, and which forwarded headers count."""

import ipaddress
from typing import Any

import pytest
from django.test import Client, RequestFactory

from onboarding import middleware
from onboarding.models import Invitation
from registrations.models import AuditEvent, UmpInstance
from tests import factories
from tests.onboarding.browser import Browser

HOST = "umptoken.finebak.localhost"


def get(path: str, host: str, **extra: Any) -> Any:
    return Client(headers={"host": host}).get(path, **extra)


@pytest.fixture
def plain_instance(db: None) -> UmpInstance:
    return factories.make_instance()


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "x.umptoken.finebak.localhost",
        "umptoken.finebak.localhost.evil.example",
        "umptoken.finebak.localhost@evil.example",
        "umptoken.finebak.localhost:port",
        "umptoken_finebak.localhost",
        "umptoken.finebak.localhost, localhost",
        "[::1",
        "..",
        "%",
        "",
    ],
)
@pytest.mark.django_db
def test_a_forged_or_malformed_host_gets_a_plain_404_without_cookies(host: str, plain_instance: UmpInstance) -> None:
    answer = get("/authenticate", host)
    assert (answer.status_code, answer.content) == (404, b"Not found.\n")
    assert answer.headers["content-type"].startswith("text/plain")
    assert not answer.cookies


@pytest.mark.parametrize("path", ["/admin/", "/admin/login/", "/static/admin/css/base.css", "/authenticated"])
def test_a_customers_host_has_no_admin(path: str, plain_instance: UmpInstance) -> None:
    answer = get(path, HOST)
    assert (answer.status_code, answer.content) == (404, b"Not found.\n")


@pytest.mark.django_db
def test_an_admin_host_has_no_wizard() -> None:
    assert get("/authenticate", "localhost").status_code == 404
    assert get("/admin/login/", "localhost").status_code == 200


@pytest.mark.parametrize(
    "host", [HOST, HOST.upper(), HOST + ".", HOST + ":8000", HOST + ".:443", "UmpToken.Finebak.localhost"]
)
def test_port_case_and_a_trailing_dot_do_not_matter(host: str, plain_instance: UmpInstance) -> None:
    assert get("/authenticate", host).status_code == 200


def test_the_portal_url_answers_200_with_one_query(plain_instance: UmpInstance, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1):
        answer = get("/authenticate", HOST)
    assert answer.status_code == 200
    assert "Open the link in your email" in answer.content.decode()
    assert not answer.cookies


def test_x_forwarded_host_never_counts(plain_instance: UmpInstance, settings: Any) -> None:
    settings.TRUSTED_PROXIES = [ipaddress.ip_network("127.0.0.0/8")]
    assert get("/authenticate", "evil.example", headers={"x-forwarded-host": HOST}).status_code == 404
    assert get("/admin/login/", HOST, headers={"x-forwarded-host": "localhost"}).status_code == 404


@pytest.mark.parametrize(
    ("peer", "forwarded", "seen"),
    [
        ("203.0.113.9", "198.51.100.1", "203.0.113.9"),  # no proxy of ours: whatever it says is ignored
        ("10.0.0.2", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.2", "6.6.6.6, 198.51.100.1", "198.51.100.1"),  # what stands further left may be invented
        ("10.0.0.2", "198.51.100.1, 10.0.0.3", "198.51.100.1"),
        ("10.0.0.2", "10.0.0.4, 10.0.0.3", "10.0.0.4"),
        ("10.0.0.2", "198.51.100.1, nonsense", "10.0.0.2"),
        ("10.0.0.2", "", "10.0.0.2"),
        ("::ffff:10.0.0.2", "2001:db8::7", "2001:db8::7"),
        ("10.0.0.2", "198.51.100.1:5678", "198.51.100.1"),  # with the port, as some proxies write it
        ("10.0.0.2", "[2001:db8::7]:443", "2001:db8::7"),
        ("10.0.0.2", "[2001:db8::7]", "2001:db8::7"),
        ("10.0.0.2", "198.51.100.1:5678, 10.0.0.3:80", "198.51.100.1"),
        ("10.0.0.2", "198.51.100.1:x", "10.0.0.2"),
        ("10.0.0.2", "198.51.100.1:5678:9", "10.0.0.2"),
        ("10.0.0.2", "[2001:db8::7", "10.0.0.2"),
        ("10.0.0.2", "[198.51.100.1", "10.0.0.2"),
        ("10.0.0.2", ":443", "10.0.0.2"),
        ("10.0.0.2", "fe80::1%eth0", "10.0.0.2"),  # a zone means something on that machine alone
        ("10.0.0.2", "198.51.100.\u0661", "10.0.0.2"),
        ("10.0.0.2", ",,,", "10.0.0.2"),
    ],
)
def test_the_client_is_the_rightmost_untrusted_address(peer: str, forwarded: str, seen: str, settings: Any) -> None:
    settings.TRUSTED_PROXIES = [ipaddress.ip_network("10.0.0.0/24")]
    meta = {"REMOTE_ADDR": peer, "HTTP_X_FORWARDED_FOR": forwarded, "HTTP_X_FORWARDED_PROTO": "https"}
    middleware.resolve_peer(meta)
    assert meta["REMOTE_ADDR"] == seen
    assert "HTTP_X_FORWARDED_FOR" not in meta
    assert meta.get("wsgi.url_scheme") == (None if peer.startswith("203") else "https")


def test_without_trusted_proxies_no_forwarded_header_counts(rf: RequestFactory) -> None:
    request = rf.get("/", headers={"x-forwarded-proto": "https", "x-forwarded-for": "198.51.100.1"})
    middleware.resolve_peer(request.META)
    assert not request.is_secure()
    assert request.META["REMOTE_ADDR"] == "127.0.0.1"


@pytest.mark.django_db
def test_a_post_behind_a_tls_proxy_passes_the_origin_check(
    customer: Browser, link: str, invitation: Invitation, settings: Any
) -> None:
    settings.TRUSTED_PROXIES = [ipaddress.ip_network("127.0.0.1/32")]
    proxied = {"x-forwarded-proto": "https", "x-forwarded-for": "198.51.100.1", "origin": f"https://{customer.host}"}
    path = "/authenticate/" + link.rpartition("/")[2]
    token = customer.open(path, headers=proxied).content.decode().split('csrfmiddlewaretoken" value="')[1].split('"')[0]
    answer = customer.client.post(path + "/start", {"csrfmiddlewaretoken": token}, headers=proxied)
    assert answer.status_code == 303
    assert answer.headers["strict-transport-security"]
    assert AuditEvent.objects.get(action="invitation.started").ip_address == "198.51.100.1"


@pytest.mark.django_db
def test_a_post_whose_proxy_is_not_trusted_fails_the_origin_check(customer: Browser, link: str) -> None:
    path = "/authenticate/" + link.rpartition("/")[2]
    forged = {"x-forwarded-proto": "https", "origin": f"https://{customer.host}"}
    token = customer.open(path).content.decode().split('csrfmiddlewaretoken" value="')[1].split('"')[0]
    answer = customer.client.post(path + "/start", {"csrfmiddlewaretoken": token}, headers=forged)
    assert answer.status_code == 403
    assert "This form has expired" in answer.content.decode()


@pytest.mark.django_db
def test_a_form_without_its_csrf_token_gets_plain_text_on_the_admin_host() -> None:
    client = Client(enforce_csrf_checks=True, headers={"host": "localhost"})
    answer = client.post("/admin/login/", {"username": "olga"})
    assert answer.status_code == 403
    assert answer.headers["content-type"].startswith("text/plain")


def test_customers_pages_have_the_strict_policy_and_admin_pages_their_own(plain_instance: UmpInstance) -> None:
    page = get("/authenticate", HOST)
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "unsafe" not in page.headers["content-security-policy"]
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["referrer-policy"] == "strict-origin"
    admin = get("/admin/login/", "localhost")
    assert "script-src 'self' 'unsafe-eval'" in admin.headers["content-security-policy"]
    for answer in (page, admin):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "strict-transport-security" not in answer.headers
    assert get("/authenticate", HOST, secure=True).headers["strict-transport-security"]


def test_messages_to_staff_are_in_no_cookie(operator_client: Client, plain_instance: UmpInstance) -> None:
    answer = operator_client.post(
        f"/admin/registrations/entratenant/{plain_instance.provider.tenant_id}/check-credential/"
    )
    assert answer.status_code == 302
    assert "messages" not in answer.cookies
    assert "The check started" in operator_client.get("/admin/").content.decode()


@pytest.mark.parametrize("host", [HOST, "finebak.localhost", "FINEBAK.localhost:8000"])
@pytest.mark.django_db
def test_the_root_of_a_providers_host_says_whom_to_ask(host: str, plain_instance: UmpInstance) -> None:
    answer = get("/", host)
    page = answer.content.decode()
    assert "unsafe-eval" not in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"
    assert "Open the link in your email" in page
    assert "onboarding@finebak.example" in page


@pytest.mark.parametrize(
    "path", ["/authenticate/OAuth2Callback", "/authenticate/progress", "/admin/", "/x", "/authenticate/x"]
)
@pytest.mark.django_db
def test_a_providers_own_domain_has_nothing_of_the_wizard(path: str, plain_instance: UmpInstance) -> None:
    answer = get(path, "finebak.localhost")
    assert (answer.status_code, answer.content) == (404, b"Not found.\n")
