"""The addresses of Entra's API and pages."""

import requests

from sandbox.app import Sandbox


def test_an_unknown_address_is_404(sandbox: Sandbox, web: requests.Session) -> None:
    assert web.get(f"{sandbox.entra_url}/nothing/here", timeout=20).status_code == 404
