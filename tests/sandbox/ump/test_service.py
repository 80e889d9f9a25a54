"""The UMP's API: settings, services, connections, jobs."""

import pytest
import requests

from sandbox.app import Sandbox
from sandbox.model import UmpCustomer
from tests.sandbox import actors
from tests.sandbox.actors import CALLBACK, Rest, ump_error

SETTINGS = "/api/portal/v1/system-settings"
SYNC_APP, PORTAL = f"{SETTINGS}/sync-app", f"{SETTINGS}/authentication-portal"
CLIENT = "11111111-2222-3333-4444-555555555555"
GOOD = {"clientId": CLIENT, "clientSecret": "abc8Q~0123456789", "redirectUri": CALLBACK}


def test_a_call_needs_a_token_for_the_ump_api(sandbox: Sandbox, ump: Rest, graph: Rest) -> None:
    for token in ("", "nonsense", graph.token):
        ump_error(Rest(ump.web, ump.base, token).get(SETTINGS), 401, "Unauthorized")
    sandbox.world.clock.skew = 3700
    ump_error(ump.get(SETTINGS), 401, "Unauthorized")


def test_a_token_of_another_tenant_is_refused(sandbox: Sandbox, ump: Rest) -> None:
    contoso = sandbox.world.tenant("Contoso")
    sandbox.world.ump("finebak").tenant_id = contoso.id
    ump_error(ump.get(SETTINGS), 401, "Unauthorized", "another tenant")


def test_settings_show_only_a_hint_of_the_secret(ump: Rest) -> None:
    empty = ump.get(SETTINGS).json()
    assert (empty["clientId"], empty["clientSecretHint"], empty["changedAt"]) == (None, None, None)
    answer = ump.put(SYNC_APP, GOOD)
    assert answer.status_code == 200
    assert answer.json()["clientSecretHint"] == "abc"
    assert "0123456789" not in answer.text
    assert ump.get(SETTINGS).json() == answer.json()


def test_an_outdated_etag_is_refused(ump: Rest) -> None:
    etag = ump.get(SETTINGS).headers["ETag"]
    changed = ump.put(SYNC_APP, GOOD, If_Match=etag)
    assert changed.headers["ETag"] != etag
    ump_error(ump.put(SYNC_APP, GOOD, If_Match=etag), 412, "PreconditionFailed")
    portal = {"customerAuthenticationPortalUrl": "https://x.example/authenticate"}
    ump_error(ump.put(PORTAL, portal, If_Match=etag), 412, "PreconditionFailed")
    assert ump.put(PORTAL, portal, If_Match=changed.headers["ETag"]).status_code == 200


def test_services_are_listed_and_read(sandbox: Sandbox, ump: Rest, customer: UmpCustomer) -> None:
    (found,) = ump.get("/api/v3/customer?allDetails=true").json()
    assert (found["CustomerShortName"], found["MsTenantId"]) == ("contoso1", sandbox.seed.customer.tenant_id)
    assert ump.get(f"/api/v3/customer/{customer.id}").json() == found
    ump_error(ump.get(f"/api/v3/customer/{CLIENT}"), 404, "CustomerNotFound")


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
        ump_error(ump.put(connection, {**body, **change}), 400, code)
    answer = ump.put(connection, body)
    assert answer.json()["method"] == "delegated_token"
    assert token not in answer.text
    assert ump.post(f"{connection}/validate").json()["valid"] is True
    sandbox.world.tenant("Contoso").user("carla@contoso.example").enabled = False
    found = ump.post(f"{connection}/validate").json()
    assert (found["valid"], found["error"][:12]) == (False, "AADSTS50057:")


def test_unknown_addresses_and_methods_are_refused(sandbox: Sandbox, ump: Rest) -> None:
    ump_error(ump.get("/api/nothing"), 404, "NotFound")
    ump_error(ump.delete(SETTINGS), 405, "MethodNotAllowed")
    ump_error(ump.get("/api/v2/task/wst_none"), 404, "TaskNotFound")
    other = Rest(ump.web, sandbox.ump_url("none"), ump.token)
    ump_error(other.get(SETTINGS), 404, "NotFound")


def test_a_body_that_is_not_json_is_refused(ump: Rest) -> None:
    for data, kind in (("{", "application/json"), ("{}", "text/plain")):
        answer = ump.web.put(
            f"{ump.base}{SYNC_APP}",
            data=data,
            headers={"Authorization": f"Bearer {ump.token}", "Content-Type": kind},
            timeout=20,
        )
        ump_error(answer, 400, "InvalidBody")


def test_an_older_ump_lacks_the_contract_api(sandbox: Sandbox, ump: Rest) -> None:
    sandbox.world.ump("finebak").lacks_contract_api = True
    ump_error(ump.get(SETTINGS), 404, "NotFound")
    assert ump.get("/api/v3/customer").status_code == 200


def test_a_ump_can_be_offline(sandbox: Sandbox, ump: Rest) -> None:
    sandbox.world.ump("finebak").offline = "503"
    ump_error(ump.get(SETTINGS), 503, "ServiceUnavailable")
    sandbox.world.ump("finebak").offline = "cut"
    with pytest.raises(requests.ConnectionError):
        ump.get(SETTINGS)


def test_more_umps_and_services_can_be_added(sandbox: Sandbox, ump: Rest) -> None:
    sandbox.world.add_ump("second", sandbox.seed.ump.tenant_id)
    sandbox.world.add_ump_customer("second", "fab1", "Fabrikam", sandbox.world.tenant("Fabrikam").id, 5)
    second = Rest(ump.web, sandbox.ump_url("second"), ump.token)
    assert [c["CustomerShortName"] for c in second.get("/api/v3/customer").json()] == ["fab1"]
