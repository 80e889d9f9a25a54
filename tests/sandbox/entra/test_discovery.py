"""Discovery documents and signing keys, and MSAL as their client."""

import jwt
import msal
import pytest
import requests

from sandbox.app import Sandbox
from tests.sandbox import actors


def configuration(sandbox: Sandbox, web: requests.Session, tenant: str) -> requests.Response:
    return web.get(f"{sandbox.entra_url}/{tenant}/v2.0/.well-known/openid-configuration", timeout=20)


def test_token_endpoint_uses_https_and_sign_in_page_http(sandbox: Sandbox, web: requests.Session) -> None:
    tenant = sandbox.seed.provider.tenant_id
    found = configuration(sandbox, web, tenant).json()
    assert found["token_endpoint"] == f"{sandbox.entra_url}/{tenant}/oauth2/v2.0/token"
    assert found["authorization_endpoint"] == f"{sandbox.people_url}/{tenant}/oauth2/v2.0/authorize"
    assert found["issuer"] == f"{sandbox.entra_url}/{tenant}/v2.0"


def test_a_domain_resolves_to_the_tenants_id(sandbox: Sandbox, web: requests.Session) -> None:
    found = configuration(sandbox, web, "contoso.example").json()
    assert sandbox.seed.customer.tenant_id in found["token_endpoint"]


@pytest.mark.parametrize("segment", ["organizations", "common"])
def test_multitenant_endpoints_have_a_placeholder_as_issuer(
    sandbox: Sandbox, web: requests.Session, segment: str
) -> None:
    found = configuration(sandbox, web, segment).json()
    assert found["issuer"] == f"{sandbox.entra_url}/{{tenantid}}/v2.0"
    assert f"/{segment}/" in found["token_endpoint"]


def test_an_unknown_tenant_has_no_discovery_document(sandbox: Sandbox, web: requests.Session) -> None:
    actors.entra_error(configuration(sandbox, web, "nobody.example"), 90002, "invalid_request")


def test_a_tenant_cannot_be_addressed_by_display_name(sandbox: Sandbox, web: requests.Session) -> None:
    actors.entra_error(configuration(sandbox, web, "Contoso"), 90002, "invalid_request")


def test_instance_discovery_names_this_host(sandbox: Sandbox, web: requests.Session) -> None:
    found = web.get(f"{sandbox.entra_url}/common/discovery/instance?api-version=1.1", timeout=20).json()
    assert found["metadata"][0]["aliases"] == [sandbox.entra_url.removeprefix("https://")]


def test_an_unknown_address_is_404(sandbox: Sandbox, web: requests.Session) -> None:
    assert web.get(f"{sandbox.entra_url}/nothing/here", timeout=20).status_code == 404


def test_unmodified_msal_gets_an_app_only_token(sandbox: Sandbox, web: requests.Session) -> None:
    provider = sandbox.seed.provider
    app = msal.ConfidentialClientApplication(
        provider.client_id,
        client_credential=provider.client_secret,
        authority=f"{sandbox.entra_url}/{provider.tenant_id}",
        instance_discovery=False,
        http_client=web,
    )
    answer = app.acquire_token_for_client([actors.GRAPH_SCOPE])
    claims = jwt.decode(answer["access_token"], options={"verify_signature": False})
    assert sorted(claims["roles"]) == [
        "Application.Read.All",
        "Application.ReadWrite.OwnedBy",
        "Organization.Read.All",
        "Policy.Read.All",
    ]
    assert (claims["idtyp"], claims["tid"], claims["appid"]) == ("app", provider.tenant_id, provider.client_id)


@pytest.mark.parametrize("mode", ["query", "form_post"])
@pytest.mark.filterwarnings("ignore:response_mode='form_post' is recommended")
def test_unmodified_msal_signs_a_person_in(sandbox: Sandbox, web: requests.Session, mode: str) -> None:
    application, secret = actors.make_sign_in_app(sandbox)
    app = msal.ConfidentialClientApplication(
        application.app_id,
        client_credential=secret,
        authority=f"{sandbox.entra_url}/organizations",
        instance_discovery=False,
        http_client=web,
    )
    flow = app.initiate_auth_code_flow(["User.Read"], redirect_uri=actors.CALLBACK, response_mode=mode)
    back = actors.Browser(sandbox).press(flow["auth_uri"], "carla@contoso.example", consent="accept")
    answer = app.acquire_token_by_auth_code_flow(flow, actors.returned(back))
    claims = answer["id_token_claims"]
    assert claims["preferred_username"] == "carla@contoso.example"
    assert claims["tid"] == sandbox.seed.customer.tenant_id
    assert "wids" not in claims
    account = app.get_accounts()[0]
    assert app.acquire_token_silent(["User.Read"], account, force_refresh=True)["access_token"]


def test_the_id_token_is_signed_with_a_published_key(sandbox: Sandbox, web: requests.Session) -> None:
    application, secret = actors.make_sign_in_app(sandbox)
    token = sign_in(sandbox, application.app_id, secret)["id_token"]
    keys = web.get(f"{sandbox.entra_url}/organizations/discovery/v2.0/keys", timeout=20).json()
    key = jwt.PyJWKSet.from_dict(keys)[jwt.get_unverified_header(token)["kid"]]
    claims = jwt.decode(token, key.key, algorithms=["RS256"], audience=application.app_id)
    assert claims["iss"] == f"{sandbox.entra_url}/{claims['tid']}/v2.0"
    assert claims["ver"] == "2.0"


def test_a_rotation_publishes_old_and_new_keys(sandbox: Sandbox, web: requests.Session) -> None:
    url = f"{sandbox.entra_url}/common/discovery/v2.0/keys"
    before = {key["kid"] for key in web.get(url, timeout=20).json()["keys"]}
    sandbox.rotate_signing_key()
    after = {key["kid"] for key in web.get(url, timeout=20).json()["keys"]}
    assert before < after
    application, secret = actors.make_sign_in_app(sandbox)
    token = sign_in(sandbox, application.app_id, secret)["id_token"]
    assert jwt.get_unverified_header(token)["kid"] in after - before


def sign_in(sandbox: Sandbox, client_id: str, secret: str, upn: str = "carla@contoso.example") -> dict[str, str]:
    url = actors.authorize_url(sandbox, client_id)
    code = actors.returned(actors.Browser(sandbox).press(url, upn, consent="accept"))["code"]
    answer = actors.token_answer(
        sandbox,
        "organizations",
        grant_type="authorization_code",
        client_id=client_id,
        client_secret=secret,
        code=code,
        redirect_uri=actors.CALLBACK,
    )
    return dict(answer.json())


def claims_of(sandbox: Sandbox, upn: str, **properties: object) -> dict[str, object]:
    application, secret = actors.make_sign_in_app(sandbox, **properties)
    token = sign_in(sandbox, application.app_id, secret, upn)["id_token"]
    return dict(jwt.decode(token, options={"verify_signature": False}))


def test_wids_are_issued_if_the_registration_asks_for_them(sandbox: Sandbox) -> None:
    claims = claims_of(sandbox, "carla@contoso.example", groupMembershipClaims="DirectoryRole")
    assert "62e90394-69f5-4237-9190-012177145e10" in list(claims["wids"])  # type: ignore[call-overload]


def test_an_eligible_role_is_not_in_wids(sandbox: Sandbox) -> None:
    claims = claims_of(sandbox, "peter@contoso.example", groupMembershipClaims="All")
    assert claims["wids"] == ["b79fbf4d-3ef9-4689-8143-76b194e85509"]


@pytest.mark.parametrize(
    ("upn", "acct"), [("carla@contoso.example", 0), ("greta_fabrikam.example#EXT#@contoso.example", 1)]
)
def test_acct_tells_a_guest_from_a_member(sandbox: Sandbox, upn: str, acct: int) -> None:
    claims = claims_of(sandbox, upn, optionalClaims={"idToken": [{"name": "acct"}, {"name": "login_hint"}]})
    assert claims["acct"] == acct
    assert ("idp" in claims) == bool(acct)
    assert "login_hint" in claims
