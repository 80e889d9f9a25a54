"""The UMP's API: settings, services, connections, jobs."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
import requests

from sandbox.app import Sandbox
from sandbox.model import UmpCustomer
from tests.sandbox import actors
from tests.sandbox.actors import CALLBACK, Rest

SETTINGS = "/api/portal/v1/system-settings"
SYNC_APP, PORTAL = f"{SETTINGS}/sync-app", f"{SETTINGS}/authentication-portal"
CLIENT = "11111111-2222-3333-4444-555555555555"
GOOD = {"clientId": CLIENT, "clientSecret": "abc8Q~0123456789", "redirectUri": CALLBACK}


def refused(answer: requests.Response, status: int, code: str, words: str = "") -> None:
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert error["code"] == code
    assert words in error["message"]


@pytest.fixture
def customer(sandbox: Sandbox) -> UmpCustomer:
    (found,) = sandbox.world.ump("finebak").customers.values()
    return found


@pytest.fixture
def contoso_app(sandbox: Sandbox) -> dict[str, str]:
    """An application in the customer's tenant with a secret that works there."""
    application, secret = actors.make_app_with(sandbox, "Contoso", "Organization.Read.All")
    return {"applicationClientId": application.app_id, "applicationClientSecret": secret}


def test_a_call_needs_a_token_for_the_ump_api(sandbox: Sandbox, ump: Rest, graph: Rest) -> None:
    for token in ("", "nonsense", graph.token):
        refused(Rest(ump.web, ump.base, token).get(SETTINGS), 401, "Unauthorized")
    sandbox.world.clock.skew = 3700
    refused(ump.get(SETTINGS), 401, "Unauthorized")


def test_a_token_of_another_tenant_is_refused(sandbox: Sandbox, ump: Rest) -> None:
    contoso = sandbox.world.tenant("Contoso")
    sandbox.world.ump("finebak").tenant_id = contoso.id
    refused(ump.get(SETTINGS), 401, "Unauthorized", "another tenant")


def test_settings_show_only_a_hint_of_the_secret(ump: Rest) -> None:
    empty = ump.get(SETTINGS).json()
    assert (empty["clientId"], empty["clientSecretHint"], empty["changedAt"]) == (None, None, None)
    answer = ump.put(SYNC_APP, GOOD)
    assert answer.status_code == 200
    assert answer.json()["clientSecretHint"] == "abc"
    assert "0123456789" not in answer.text
    assert ump.get(SETTINGS).json() == answer.json()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"nothing": 1}, "UnknownProperty"),
        ({"clientId": "x"}, "InvalidValue"),
        ({"clientSecret": CLIENT}, "ClientSecretIdInsteadOfValue"),
        ({"clientSecret": "short"}, "InvalidValue"),
        ({"clientSecret": None}, "InvalidValue"),
        ({"redirectUri": "https://x.example/authenticate"}, "InvalidValue"),
        ({"redirectUri": "http://x.example/authenticate/OAuth2Callback"}, "InvalidValue"),
        ({"redirectUri": 5}, "InvalidValue"),
    ],
)
def test_invalid_sync_app_values_are_refused(ump: Rest, change: dict[str, Any], code: str) -> None:
    refused(ump.put(SYNC_APP, {**GOOD, **change}), 400, code)
    assert ump.get(SETTINGS).json()["clientId"] is None


def test_the_sync_app_needs_all_three_values(ump: Rest) -> None:
    for name in GOOD:
        refused(ump.put(SYNC_APP, {k: v for k, v in GOOD.items() if k != name}), 400, "MissingProperty", name)
    refused(ump.put(SYNC_APP, []), 400, "UnknownProperty")


def test_a_localhost_redirect_uri_is_accepted(ump: Rest) -> None:
    values = {**GOOD, "redirectUri": "http://umptoken.finebak.localhost:8000/authenticate/OAuth2Callback"}
    assert ump.put(SYNC_APP, values).status_code == 200


def test_an_outdated_etag_is_refused(ump: Rest) -> None:
    etag = ump.get(SETTINGS).headers["ETag"]
    changed = ump.put(SYNC_APP, GOOD, If_Match=etag)
    assert changed.headers["ETag"] != etag
    refused(ump.put(SYNC_APP, GOOD, If_Match=etag), 412, "PreconditionFailed")
    portal = {"customerAuthenticationPortalUrl": "https://x.example/authenticate"}
    refused(ump.put(PORTAL, portal, If_Match=etag), 412, "PreconditionFailed")
    assert ump.put(PORTAL, portal, If_Match=changed.headers["ETag"]).status_code == 200


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


@pytest.mark.parametrize("url", ["https://x.example/authenticate/", "http://x.example/authenticate", "x", None])
def test_invalid_portal_urls_are_refused(ump: Rest, url: str | None) -> None:
    refused(ump.put(PORTAL, {"customerAuthenticationPortalUrl": url}), 400, "InvalidValue")


def test_services_are_listed_and_read(sandbox: Sandbox, ump: Rest, customer: UmpCustomer) -> None:
    (found,) = ump.get("/api/v3/customer?allDetails=true").json()
    assert (found["CustomerShortName"], found["MsTenantId"]) == ("contoso1", sandbox.seed.customer.tenant_id)
    assert ump.get(f"/api/v3/customer/{customer.id}").json() == found
    refused(ump.get(f"/api/v3/customer/{CLIENT}"), 404, "CustomerNotFound")


def test_a_job_applies_an_app_registration(ump: Rest, customer: UmpCustomer, contoso_app: dict[str, str]) -> None:
    connection = f"/api/portal/v1/customers/{customer.id}/connection"
    assert ump.get(connection).json()["method"] is None
    assert ump.post(f"{connection}/validate").json()["valid"] is False
    job = ump.patch(f"/api/v3/customer/{customer.id}", {**contoso_app, "licensedUsersCount": 25}).json()["jobId"]
    assert job.startswith("wst_")
    statuses = [ump.get(f"/api/v2/task/{job}").json()["status"] for _ in range(3)]
    assert statuses == ["In Progress", "CompletedSuccess", "CompletedSuccess"]
    found = ump.get(connection).json()
    assert (found["method"], found["lastAuthenticationStatus"]) == ("app_registration", "Successful")
    assert found["applicationClientId"] == contoso_app["applicationClientId"]
    assert found["clientSecretDaysUntilExpire"] in (729, 730)
    assert ump.post(f"{connection}/validate").json()["valid"] is True
    assert ump.get(f"/api/v3/customer/{customer.id}").json()["LicensedUsersCount"] == 25


def test_a_credential_that_gets_no_token_fails_the_job(
    ump: Rest, customer: UmpCustomer, contoso_app: dict[str, str]
) -> None:
    wrong = {**contoso_app, "applicationClientSecret": "wrong-wrong-wrong-wrong"}
    job = ump.patch(f"/api/v3/customer/{customer.id}", wrong).json()["jobId"]
    ump.get(f"/api/v2/task/{job}")
    task = ump.get(f"/api/v2/task/{job}").json()
    assert task["status"] == "Failed"
    assert task["executionMessages"][0]["message"].startswith("AADSTS7000215")
    assert customer.connection.method is None


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        ({}, "InvalidBody", ""),
        ({"upgradeToLicense": 1}, "UnknownProperty", ""),
        ({"licenseType": 3}, "InvalidValue", ""),
        ({"licenseType": 4}, "InvalidLicenseType", "Invalid change for License Type!"),
        ({"licensedUsersCount": 501}, "InvalidValue", ""),
        ({"applicationClientId": "x"}, "InvalidValue", ""),
        ({"applicationClientSecret": CLIENT}, "ClientSecretIdInsteadOfValue", ""),
    ],
)
def test_invalid_changes_of_a_service_are_refused(
    ump: Rest, customer: UmpCustomer, body: dict[str, Any], code: str, words: str
) -> None:
    refused(ump.patch(f"/api/v3/customer/{customer.id}", body), 400, code, words)


def test_a_licence_can_change_within_its_family(ump: Rest, customer: UmpCustomer) -> None:
    job = ump.patch(f"/api/v3/customer/{customer.id}", {"licenseType": 1}).json()["jobId"]
    for _ in range(2):
        ump.get(f"/api/v2/task/{job}")
    assert customer.license_type == 1


def test_a_delegated_token_is_stored_and_validated(sandbox: Sandbox, ump: Rest, customer: UmpCustomer) -> None:
    application, secret = actors.make_sign_in_app(sandbox)
    ump.put(SYNC_APP, {"clientId": application.app_id, "clientSecret": secret, "redirectUri": CALLBACK})
    url = actors.authorize_url(sandbox, application.app_id, scope="openid offline_access User.Read")
    back = actors.Browser(sandbox).submit(url, "carla@contoso.example", consent="accept")
    token = actors.token_answer(
        sandbox,
        "organizations",
        grant_type="authorization_code",
        client_id=application.app_id,
        client_secret=secret,
        code=actors.returned(back)["code"],
        redirect_uri=CALLBACK,
    ).json()["refresh_token"]
    connection = f"/api/portal/v1/customers/{customer.id}/connection"
    body = {
        "method": "delegated_token",
        "tenantId": sandbox.seed.customer.tenant_id,
        "username": "carla@contoso.example",
        "refreshToken": token,
    }
    for change, code in (
        ({"tenantId": CLIENT}, "WrongTenant"),
        ({"method": "password"}, "InvalidValue"),
        ({"nothing": 1}, "UnknownProperty"),
        ({"refreshToken": ""}, "InvalidValue"),
    ):
        refused(ump.put(connection, {**body, **change}), 400, code)
    answer = ump.put(connection, body)
    assert answer.json()["method"] == "delegated_token"
    assert token not in answer.text
    assert ump.post(f"{connection}/validate").json()["valid"] is True
    sandbox.world.tenant("Contoso").user("carla@contoso.example").enabled = False
    found = ump.post(f"{connection}/validate").json()
    assert (found["valid"], found["error"][:12]) == (False, "AADSTS50057:")


def test_unknown_addresses_and_methods_are_refused(sandbox: Sandbox, ump: Rest) -> None:
    refused(ump.get("/api/nothing"), 404, "NotFound")
    refused(ump.delete(SETTINGS), 405, "MethodNotAllowed")
    refused(ump.get("/api/v2/task/wst_none"), 404, "TaskNotFound")
    other = Rest(ump.web, sandbox.ump_url("none"), ump.token)
    refused(other.get(SETTINGS), 404, "NotFound")


def test_a_body_that_is_not_json_is_refused(ump: Rest) -> None:
    for data, kind in (("{", "application/json"), ("{}", "text/plain")):
        answer = ump.web.put(
            f"{ump.base}{SYNC_APP}",
            data=data,
            headers={"Authorization": f"Bearer {ump.token}", "Content-Type": kind},
            timeout=20,
        )
        refused(answer, 400, "InvalidBody")


def test_an_older_ump_lacks_the_contract_api(sandbox: Sandbox, ump: Rest) -> None:
    sandbox.world.ump("finebak").lacks_contract_api = True
    refused(ump.get(SETTINGS), 404, "NotFound")
    assert ump.get("/api/v3/customer").status_code == 200


def test_a_ump_can_be_offline(sandbox: Sandbox, ump: Rest) -> None:
    sandbox.world.ump("finebak").offline = "503"
    refused(ump.get(SETTINGS), 503, "ServiceUnavailable")
    sandbox.world.ump("finebak").offline = "cut"
    with pytest.raises(requests.ConnectionError):
        ump.get(SETTINGS)


def test_more_umps_and_services_can_be_added(sandbox: Sandbox, ump: Rest) -> None:
    sandbox.world.add_ump("second", sandbox.seed.ump.tenant_id)
    sandbox.world.add_ump_customer("second", "fab1", "Fabrikam", sandbox.world.tenant("Fabrikam").id, 5)
    second = Rest(ump.web, sandbox.ump_url("second"), ump.token)
    assert [c["CustomerShortName"] for c in second.get("/api/v3/customer").json()] == ["fab1"]
