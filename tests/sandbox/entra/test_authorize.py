"""The sign-in page: what it shows, what it refuses, and what it returns to the client."""

import base64
import hashlib
from urllib.parse import urlsplit

import jwt
import pytest
import requests

from sandbox.app import Sandbox
from tests.sandbox import actors
from tests.sandbox.actors import Browser

CARLA, NORA = "carla@contoso.example", "nora@contoso.example"


def assert_shown_not_returned(answer: requests.Response, code: int) -> None:
    assert answer.status_code == 400
    assert f"AADSTS{code}" in answer.text
    assert "Location" not in answer.headers


def test_an_unknown_client_is_refused_without_a_redirect(sandbox: Sandbox, browser: Browser) -> None:
    assert_shown_not_returned(browser.open(actors.authorize_url(sandbox, "no-such-client")), 700016)


def test_an_unregistered_redirect_uri_is_refused_without_a_redirect(
    sandbox: Sandbox, browser: Browser, client_id: str
) -> None:
    for wrong in (actors.CALLBACK + "/", actors.CALLBACK.lower(), "https://evil.example/"):
        answer = browser.open(actors.authorize_url(sandbox, client_id, redirect_uri=wrong))
        assert_shown_not_returned(answer, 50011)


def test_a_single_tenant_client_is_refused_over_organizations(sandbox: Sandbox, browser: Browser) -> None:
    application, _ = actors.make_sign_in_app(sandbox, signInAudience="AzureADMyOrg")
    assert_shown_not_returned(browser.open(actors.authorize_url(sandbox, application.app_id)), 50194)
    elsewhere = actors.authorize_url(sandbox, application.app_id, sandbox.seed.customer.tenant_id)
    assert_shown_not_returned(browser.open(elsewhere), 700016)


def test_an_unknown_tenant_is_refused(sandbox: Sandbox, browser: Browser, client_id: str) -> None:
    assert_shown_not_returned(browser.open(actors.authorize_url(sandbox, client_id, "nobody.example")), 90002)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"response_type": "cookie"}, "AADSTS90023"),
        ({"response_mode": "carrier-pigeon"}, "AADSTS90023"),
        ({"scope": "Nothing.Known"}, "AADSTS650053"),
        ({"scope": "api://nobody/read"}, "AADSTS500011"),
        ({"scope": ""}, "AADSTS90014"),
        ({"prompt": "none"}, "AADSTS50058"),
    ],
)
def test_other_errors_are_returned_to_the_client(
    sandbox: Sandbox, browser: Browser, client_id: str, changes: dict[str, str], code: str
) -> None:
    back = actors.returned(browser.open(actors.authorize_url(sandbox, client_id, **changes)))
    assert back["error_description"].startswith(code)
    assert back["state"] == "state-1"


def test_only_the_first_sign_in_asks_for_consent(sandbox: Sandbox, browser: Browser, client_id: str) -> None:
    url = actors.authorize_url(sandbox, client_id)
    asked = browser.submit(url, NORA)
    assert "Permissions requested" in asked.text
    assert "User.Read" in asked.text
    assert "Consent on behalf" not in asked.text
    assert "code" in actors.returned(browser.submit(url, NORA, consent="accept"))
    assert "code" in actors.returned(browser.submit(url, NORA))
    assert "Permissions requested" in browser.submit(url, "peter@contoso.example").text


def test_consent_creates_a_service_principal_and_a_personal_grant(
    sandbox: Sandbox, browser: Browser, client_id: str
) -> None:
    browser.submit(actors.authorize_url(sandbox, client_id), NORA, consent="accept")
    contoso = sandbox.world.tenant("Contoso")
    assert contoso.service_principal_of(client_id)
    (grant,) = contoso.permission_grants
    assert (grant.consent_type, grant.principal_id) == ("Principal", contoso.user(NORA).id)
    assert "User.Read" in grant.scope.split()


def test_an_administrator_can_consent_for_the_organization(sandbox: Sandbox, browser: Browser, client_id: str) -> None:
    url = actors.authorize_url(sandbox, client_id)
    assert "Consent on behalf of your organization" in browser.submit(url, CARLA).text
    browser.submit(url, CARLA, consent="accept", organisation="yes")
    (grant,) = sandbox.world.tenant("Contoso").permission_grants
    assert (grant.consent_type, grant.principal_id) == ("AllPrincipals", None)
    assert "code" in actors.returned(browser.submit(url, NORA))


def test_declining_returns_the_cancel_subcode(sandbox: Sandbox, browser: Browser, client_id: str) -> None:
    back = actors.returned(browser.submit(actors.authorize_url(sandbox, client_id), CARLA, consent="decline"))
    assert (back["error"], back["error_subcode"], back["state"]) == ("access_denied", "cancel", "state-1")
    assert back["error_description"].startswith("AADSTS65004")
    assert not sandbox.world.tenant("Contoso").permission_grants


@pytest.mark.parametrize("upn", [NORA, "peter@contoso.example"])
def test_an_admin_only_scope_needs_an_active_administrator(
    sandbox: Sandbox, browser: Browser, client_id: str, upn: str
) -> None:
    url = actors.authorize_url(sandbox, client_id, scope="openid Application.ReadWrite.All")
    assert "Need admin approval" in browser.submit(url, upn).text
    assert "Need admin approval" in browser.submit(url, upn, consent="accept").text
    back = actors.returned(browser.submit(url, upn, consent="decline"))
    assert back["error"] == "access_denied"
    assert back["error_description"].startswith("AADSTS90094")


def test_an_application_administrator_may_consent_to_delegated_scopes(
    sandbox: Sandbox, browser: Browser, client_id: str
) -> None:
    url = actors.authorize_url(sandbox, client_id, scope="openid Application.ReadWrite.All")
    assert "code" in actors.returned(browser.submit(url, "appie@contoso.example", consent="accept"))


def test_a_disabled_application_blocks_every_sign_in(sandbox: Sandbox, browser: Browser, client_id: str) -> None:
    url = actors.authorize_url(sandbox, client_id)
    browser.submit(url, CARLA, consent="accept")
    principal = sandbox.world.tenant("Contoso").service_principal_of(client_id)
    assert principal is not None
    principal.properties["accountEnabled"] = False
    assert "AADSTS7000112" in browser.submit(url, CARLA).text


def test_form_post_returns_a_form_with_a_button(sandbox: Sandbox, browser: Browser, client_id: str) -> None:
    url = actors.authorize_url(sandbox, client_id, response_mode="form_post")
    answer = browser.submit(url, CARLA, consent="accept")
    assert answer.status_code == 200
    assert f'action="{actors.CALLBACK}"' in answer.text
    assert "<button" in answer.text
    assert actors.returned(answer)["state"] == "state-1"


def test_the_code_is_sent_to_the_registered_redirect_uri(sandbox: Sandbox, browser: Browser, client_id: str) -> None:
    answer = browser.submit(actors.authorize_url(sandbox, client_id), CARLA, consent="accept")
    assert urlsplit(answer.headers["Location"])._replace(query="").geturl() == actors.CALLBACK


IMPLICIT = {"redirectUris": [actors.CALLBACK], "implicitGrantSettings": {"enableIdTokenIssuance": True}}


@pytest.mark.parametrize(
    ("wish", "mode", "where", "brought"),
    [
        ("id_token", "", "fragment", {"id_token"}),
        ("code id_token", "", "fragment", {"id_token", "code"}),
        ("code id_token", "form_post", "form", {"id_token", "code"}),
        ("code", "fragment", "fragment", {"code"}),
    ],
)
def test_a_hybrid_sign_in_brings_what_it_asks_for(
    sandbox: Sandbox, browser: Browser, wish: str, mode: str, where: str, brought: set[str]
) -> None:
    application, _ = actors.make_sign_in_app(sandbox, web=IMPLICIT)
    url = actors.authorize_url(
        sandbox, application.app_id, response_type=wish, response_mode=mode, nonce="n-1", scope="openid profile"
    )
    answer = browser.submit(url, CARLA, consent="accept")
    assert ("#" in answer.headers.get("Location", "")) == (where == "fragment")
    found = actors.returned(answer)
    assert {"code", "id_token"} & set(found) == brought
    if "id_token" in brought:
        assert jwt.decode(found["id_token"], options={"verify_signature": False})["nonce"] == "n-1"


def test_an_id_token_needs_the_switch_and_a_nonce(sandbox: Sandbox, browser: Browser, client_id: str) -> None:
    asked = {"response_type": "id_token", "scope": "openid"}
    refused = actors.returned(browser.submit(actors.authorize_url(sandbox, client_id, **asked, nonce="n"), CARLA))
    assert "AADSTS700054" in refused["error_description"]
    application, _ = actors.make_sign_in_app(sandbox, web=IMPLICIT)
    no_nonce = actors.returned(browser.open(actors.authorize_url(sandbox, application.app_id, **asked)))
    assert "AADSTS90014" in no_nonce["error_description"]
    in_query = actors.authorize_url(sandbox, application.app_id, **asked, nonce="n", response_mode="query")
    assert "AADSTS90023" in actors.returned(browser.open(in_query))["error_description"]


def test_an_access_token_for_two_apis_is_refused_in_the_answer_to_the_client(
    sandbox: Sandbox, browser: Browser
) -> None:
    application, _ = actors.make_sign_in_app(sandbox, web={**IMPLICIT, "implicitGrantSettings": BOTH})
    two = f"openid User.Read {actors.TEAMS_ID}/user_impersonation"
    asked = {"response_type": "id_token token", "nonce": "n-1", "scope": two}
    answer = browser.submit(actors.authorize_url(sandbox, application.app_id, **asked), CARLA, consent="accept")
    assert "AADSTS28000" in actors.returned(answer)["error_description"]


def test_claims_follow_the_openid_scopes(sandbox: Sandbox, browser: Browser) -> None:
    application, _ = actors.make_sign_in_app(sandbox, web=IMPLICIT)
    url = actors.authorize_url(sandbox, application.app_id, response_type="id_token", nonce="n", scope="openid")
    bare = actors.returned(browser.submit(url, CARLA, consent="accept"))["id_token"]
    claims = jwt.decode(bare, options={"verify_signature": False})
    assert {"oid", "name", "preferred_username", "email"} & set(claims) == set()


BOTH = {"enableIdTokenIssuance": True, "enableAccessTokenIssuance": True}


def half_hash(value: str) -> str:
    """https://openid.net/specs/openid-connect-core-1_0.html#ImplicitIDToken: the left half, base64url, for RS256."""
    digest = hashlib.sha256(value.encode()).digest()
    return base64.urlsafe_b64encode(digest[: len(digest) // 2]).decode().rstrip("=")


@pytest.mark.parametrize("mode", ["fragment", "form_post"])
@pytest.mark.parametrize(
    ("wish", "hashes"),
    [
        ("id_token", {}),
        ("code id_token", {"c_hash": "code"}),
        ("id_token token", {"at_hash": "access_token"}),
    ],
)
def test_an_id_token_has_the_hash_of_what_comes_beside_it(
    sandbox: Sandbox, browser: Browser, wish: str, hashes: dict[str, str], mode: str
) -> None:
    application, _ = actors.make_sign_in_app(sandbox, web={**IMPLICIT, "implicitGrantSettings": BOTH})
    asked = {"response_type": wish, "response_mode": mode, "nonce": "n-1"}
    url = actors.authorize_url(sandbox, application.app_id, **asked)
    found = actors.returned(browser.submit(url, CARLA, consent="accept"))
    claims = jwt.decode(found["id_token"], options={"verify_signature": False})
    assert {name: claims[name] for name in ("c_hash", "at_hash") if name in claims} == {
        name: half_hash(found[value]) for name, value in hashes.items()
    }


def test_an_id_token_of_the_token_endpoint_has_no_hashes(sandbox: Sandbox) -> None:
    application, secret = actors.make_sign_in_app(sandbox)
    token = actors.sign_in(sandbox, application.app_id, secret)["id_token"]
    assert {"c_hash", "at_hash"} & set(jwt.decode(token, options={"verify_signature": False})) == set()
