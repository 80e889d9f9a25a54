"""The addresses of Entra's API and pages."""

import requests

from sandbox.app import Sandbox
from tests.sandbox import actors


def test_an_unknown_address_is_404(sandbox: Sandbox, web: requests.Session) -> None:
    assert web.get(f"{sandbox.entra_url}/nothing/here", timeout=20).status_code == 404


def test_the_api_and_the_pages_do_not_answer_for_each_other(sandbox: Sandbox, web: requests.Session) -> None:
    token, authorize = "/organizations/oauth2/v2.0/token", "/organizations/oauth2/v2.0/authorize"
    assert web.get(f"{sandbox.entra_url}{authorize}", timeout=20).status_code == 404
    assert web.post(f"{sandbox.people_url}{token}", timeout=20).status_code == 404


def test_a_token_is_issued_only_for_a_post(sandbox: Sandbox, web: requests.Session) -> None:
    answer = web.get(f"{sandbox.entra_url}/organizations/oauth2/v2.0/token", timeout=20)
    assert answer.status_code == 405


def test_no_token_answer_may_be_cached(sandbox: Sandbox) -> None:
    for answer in (actors.request_token(sandbox), actors.request_token(sandbox, client_secret="wrong")):
        assert answer.headers["Cache-Control"] == "no-store, no-cache"
        assert answer.headers["Pragma"] == "no-cache"
