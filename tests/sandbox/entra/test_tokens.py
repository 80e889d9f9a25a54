"""The claims and the signature of ID tokens."""

import jwt
import pytest
import requests

from sandbox.app import Sandbox
from tests.sandbox import actors


def sign_in(sandbox: Sandbox, client_id: str, secret: str, upn: str = "carla@contoso.example") -> dict[str, str]:
    url = actors.authorize_url(sandbox, client_id)
    code = actors.returned(actors.Browser(sandbox).submit(url, upn, consent="accept"))["code"]
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
