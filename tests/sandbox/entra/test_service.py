"""The addresses of Entra's API and pages."""

import requests

from sandbox.app import Sandbox
from tests.sandbox import actors


def test_an_unknown_address_is_404(sandbox: Sandbox, web: requests.Session) -> None:
    assert web.get(f"{sandbox.entra_url}/nothing/here", timeout=20).status_code == 404


def test_the_sign_in_pages_are_on_entras_own_host_too(sandbox: Sandbox, web: requests.Session) -> None:
    authorize = "/organizations/oauth2/v2.0/authorize"
    for address in (sandbox.entra_url, sandbox.people_url):
        answer = web.get(f"{address}{authorize}", timeout=20)
        assert answer.status_code == 400
        assert "AADSTS90014" in answer.text or "90014" in answer.text


def test_tokens_are_issued_over_https_only(sandbox: Sandbox, web: requests.Session) -> None:
    assert web.post(f"{sandbox.people_url}/organizations/oauth2/v2.0/token", timeout=20).status_code == 404


def test_a_token_is_issued_only_for_a_post(sandbox: Sandbox, web: requests.Session) -> None:
    answer = web.get(f"{sandbox.entra_url}/organizations/oauth2/v2.0/token", timeout=20)
    assert answer.status_code == 405


def test_no_token_answer_may_be_cached(sandbox: Sandbox) -> None:
    for answer in (actors.request_token(sandbox), actors.request_token(sandbox, client_secret="wrong")):
        assert answer.headers["Cache-Control"] == "no-store, no-cache"
        assert answer.headers["Pragma"] == "no-cache"
