"""The claims of tokens, as MSAL reads them."""

import jwt
import msal
import pytest
import requests

from sandbox.app import Sandbox
from tests.sandbox import actors


def claims_of(sandbox: Sandbox, upn: str, **properties: object) -> dict[str, object]:
    application, secret = actors.make_sign_in_app(sandbox, **properties)
    token = actors.sign_in(sandbox, application.app_id, secret, upn)["id_token"]
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
    back = actors.Browser(sandbox).submit(flow["auth_uri"], "carla@contoso.example", consent="accept")
    answer = app.acquire_token_by_auth_code_flow(flow, actors.returned(back))
    claims = answer["id_token_claims"]
    assert claims["preferred_username"] == "carla@contoso.example"
    assert claims["tid"] == sandbox.seed.customer.tenant_id
    assert "wids" not in claims
    account = app.get_accounts()[0]
    assert app.acquire_token_silent(["User.Read"], account, force_refresh=True)["access_token"]
