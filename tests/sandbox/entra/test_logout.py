"""The end-session endpoint."""

from urllib.parse import urlencode

import pytest
import requests

from sandbox.app import Sandbox
from tests.sandbox import actors

CARLA, NORA = "carla@contoso.example", "nora@contoso.example"


def logout_url(sandbox: Sandbox, tenant: str = "organizations", **query: str) -> str:
    return f"{sandbox.people_url}/{tenant}/oauth2/v2.0/logout?{urlencode(query)}"


def log_out(web: requests.Session, url: str, method: str = "GET") -> requests.Response:
    return web.request(method, url, allow_redirects=False, timeout=20)


def is_signed_in(sandbox: Sandbox, web: requests.Session, client_id: str, upn: str) -> bool:
    """Whether the browser is still signed in: then a sign-in with a hint shows no account picker."""
    url = actors.authorize_url(sandbox, client_id, login_hint=upn)
    return "Pick an account" not in web.get(url, allow_redirects=False, timeout=20).text


@pytest.fixture
def signed_in(sandbox: Sandbox, web: requests.Session, client_id: str) -> requests.Session:
    """A browser in which two people have signed in."""
    for upn in (CARLA, NORA):
        user = sandbox.world.tenant("Contoso").user(upn)
        form = {"user": user.id, "consent": "accept"}
        web.post(actors.authorize_url(sandbox, client_id), data=form, allow_redirects=False, timeout=20)
    assert is_signed_in(sandbox, web, client_id, CARLA)
    return web


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_signing_out_forgets_the_accounts_of_the_browser(
    sandbox: Sandbox, signed_in: requests.Session, client_id: str, method: str
) -> None:
    answer = log_out(signed_in, logout_url(sandbox), method)
    assert answer.status_code == 200
    assert "You signed out of your account" in answer.text
    assert not is_signed_in(sandbox, signed_in, client_id, CARLA)
    assert not is_signed_in(sandbox, signed_in, client_id, NORA)


def test_a_hint_signs_one_account_out(sandbox: Sandbox, signed_in: requests.Session, client_id: str) -> None:
    log_out(signed_in, logout_url(sandbox, logout_hint=CARLA))
    assert not is_signed_in(sandbox, signed_in, client_id, CARLA)
    assert is_signed_in(sandbox, signed_in, client_id, NORA)


def test_the_browser_is_sent_back_to_a_registered_address(
    sandbox: Sandbox, web: requests.Session, client_id: str
) -> None:
    answer = log_out(web, logout_url(sandbox, post_logout_redirect_uri=actors.CALLBACK))
    assert (answer.status_code, answer.headers["Location"]) == (302, actors.CALLBACK)
    answer = log_out(web, logout_url(sandbox, post_logout_redirect_uri=actors.CALLBACK, state="a b"), "POST")
    assert answer.headers["Location"] == f"{actors.CALLBACK}?state=a+b"


@pytest.mark.parametrize("target", ["https://evil.example/", actors.CALLBACK + "/", "javascript:alert(1)"])
def test_the_browser_is_not_sent_anywhere_else(
    sandbox: Sandbox, web: requests.Session, client_id: str, target: str
) -> None:
    answer = log_out(web, logout_url(sandbox, post_logout_redirect_uri=target))
    assert (answer.status_code, answer.headers.get("Location")) == (200, None)


def test_an_address_of_another_tenants_own_application_is_not_used(sandbox: Sandbox, web: requests.Session) -> None:
    uri = "https://own.example/out"
    finebak = sandbox.world.tenant("Finebak")
    sandbox.world.add_application(finebak, "Own", web={"redirectUris": [uri]})
    for tenant, status in ((finebak.id, 302), ("contoso.example", 200), ("organizations", 200)):
        assert log_out(web, logout_url(sandbox, tenant, post_logout_redirect_uri=uri)).status_code == status


def test_an_unknown_tenant_has_no_sign_out(sandbox: Sandbox, web: requests.Session) -> None:
    answer = log_out(web, logout_url(sandbox, "nobody.example"))
    assert answer.status_code == 400
    assert "AADSTS90002" in answer.text
