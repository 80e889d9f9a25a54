"""How a UMP validates its credentials and its portal."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from sandbox.app import Sandbox
from sandbox.ump import connection_checks
from tests.sandbox import actors
from tests.sandbox.actors import CALLBACK, Rest

SETTINGS = "/api/portal/v1/system-settings"
SYNC_APP, PORTAL = f"{SETTINGS}/sync-app", f"{SETTINGS}/authentication-portal"


def test_validating_the_sync_app_requests_a_token(sandbox: Sandbox, ump: Rest) -> None:
    path = f"{SYNC_APP}/validate"
    assert ump.post(path).json()["valid"] is False
    application, secret = actors.make_sign_in_app(sandbox)
    values = {"clientId": application.app_id, "clientSecret": secret, "redirectUri": CALLBACK}
    ump.put(SYNC_APP, values)
    found = ump.post(path).json()
    assert (found["valid"], found["error"]) == (True, None)
    ump.put(SYNC_APP, {**values, "clientSecret": "wrong-wrong-wrong-wrong"})
    found = ump.post(path).json()
    assert found["valid"] is False
    assert found["error"].startswith("AADSTS7000215")


class Portal(BaseHTTPRequestHandler):
    """A portal that answers 200 only at /authenticate and only for the right host name."""

    def do_GET(self) -> None:
        good = self.path == "/authenticate" and self.headers["Host"].startswith("umptoken.finebak.localhost:")
        self.send_response(200 if good else 302)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        return


@pytest.fixture
def portal_port() -> Iterator[int]:
    with HTTPServer(("127.0.0.1", 0), Portal) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def test_validating_the_portal_url_requests_it(ump: Rest, portal_port: int) -> None:
    path = f"{PORTAL}/validate"
    assert ump.post(path).json()["valid"] is False
    for host, valid in (("umptoken.finebak.localhost", True), ("other.localhost", False)):
        url = f"http://{host}:{portal_port}/authenticate"
        assert ump.put(PORTAL, {"customerAuthenticationPortalUrl": url}).status_code == 200
        found = ump.post(path).json()
        assert found["valid"] is valid, found
    assert "302" in found["error"]


def test_a_portal_url_that_cannot_be_reached_is_invalid(ump: Rest) -> None:
    ump.put(PORTAL, {"customerAuthenticationPortalUrl": "http://x.localhost:1/authenticate"})
    found = ump.post(f"{PORTAL}/validate").json()
    assert (found["valid"], "cannot be reached" in found["error"]) == (False, True)


@pytest.mark.parametrize("url", ["https://localhost:99999/authenticate", "https:///authenticate"])
def test_a_damaged_portal_url_is_reported_and_not_raised(sandbox: Sandbox, url: str) -> None:
    problem = connection_checks.portal_problem(url, sandbox.ca_bundle)
    assert problem is not None
    assert problem.startswith(f"{url} cannot be reached: ")
