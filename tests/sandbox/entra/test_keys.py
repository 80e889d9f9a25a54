"""Tokens are signed with published keys."""

import jwt
import requests

from sandbox.app import Sandbox
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
