"""Tokens are signed with published keys."""

from pathlib import Path

import jwt
import pytest
import requests

from sandbox.app import Sandbox
from sandbox.entra.keys import SigningKeys
from tests.sandbox import actors


def test_the_id_token_is_signed_with_a_published_key(sandbox: Sandbox, web: requests.Session) -> None:
    application, secret = actors.make_sign_in_app(sandbox)
    token = actors.sign_in(sandbox, application.app_id, secret)["id_token"]
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
    token = actors.sign_in(sandbox, application.app_id, secret)["id_token"]
    assert jwt.get_unverified_header(token)["kid"] in after - before


@pytest.fixture
def keys(tmp_path: Path) -> SigningKeys:
    return SigningKeys(tmp_path / "signing-key.pem")


def test_a_token_of_an_unknown_key_is_refused(keys: SigningKeys, tmp_path: Path) -> None:
    other = SigningKeys(tmp_path / "other-key.pem")
    with pytest.raises(jwt.InvalidTokenError):
        keys.verify(other.sign({"aud": "graph", "exp": 200}), ["graph"], 100)


def test_an_expired_token_and_one_for_another_api_are_refused(keys: SigningKeys) -> None:
    token = keys.sign({"aud": "graph", "exp": 200})
    assert keys.verify(token, ["graph"], 199)["exp"] == 200
    with pytest.raises(jwt.ExpiredSignatureError):
        keys.verify(token, ["graph"], 200)
    with pytest.raises(jwt.InvalidAudienceError):
        keys.verify(token, ["ump"], 199)


def test_a_rotated_key_still_verifies_its_tokens(keys: SigningKeys) -> None:
    token = keys.sign({"aud": "graph", "exp": 200})
    keys.rotate()
    assert keys.verify(token, ["graph"], 100)["aud"] == "graph"
