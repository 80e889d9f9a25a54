"""Client secrets at Graph."""

from datetime import UTC, datetime, timedelta

import pytest

from sandbox.app import Sandbox
from tests.sandbox import actors
from tests.sandbox.actors import Rest, graph_error
from tests.sandbox.graph.principals import NOBODY


def in_days(days: float) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_the_value_of_a_secret_is_shown_once(sandbox: Sandbox, graph: Rest) -> None:
    made = graph.new_application()
    path = f"/applications/{made['id']}"
    wanted = {"passwordCredential": {"displayName": "syncportal:1", "endDateTime": "2028-01-01T00:00:00Z"}}
    added = graph.post(f"{path}/addPassword", wanted)
    assert added.status_code == 200
    secret = added.json()
    assert secret["endDateTime"] == "2028-01-01T00:00:00Z"
    assert secret["secretText"].startswith(secret["hint"])
    (kept,) = graph.get(f"{path}?$select=passwordCredentials").json()["passwordCredentials"]
    assert kept == {
        "customKeyIdentifier": None,
        "displayName": "syncportal:1",
        "endDateTime": secret["endDateTime"],
        "hint": secret["hint"],
        "keyId": secret["keyId"],
        "secretText": None,
        "startDateTime": secret["startDateTime"],
    }
    graph.post("/servicePrincipals", {"appId": made["appId"]})
    answer = actors.client_credentials(sandbox, "finebak.localhost", made["appId"], secret["secretText"])
    assert answer.status_code == 200


def test_a_secret_without_an_end_date_lasts_two_years(graph: Rest) -> None:
    made = graph.new_application()
    secret = graph.post(f"/applications/{made['id']}/addPassword").json()
    start, end = (datetime.fromisoformat(secret[name]) for name in ("startDateTime", "endDateTime"))
    assert timedelta(days=729) < end - start < timedelta(days=732)


@pytest.mark.parametrize("path", ["/applications(appId='{appId}')", "/applications/{id}/microsoft.graph.addPassword"])
def test_add_password_accepts_every_documented_address(graph: Rest, path: str) -> None:
    made = graph.new_application()
    address = path.format(**made)
    if not address.endswith("addPassword"):
        address += "/addPassword"
    assert graph.post(address).status_code == 200


def test_invalid_secrets_are_refused(graph: Rest) -> None:
    made = graph.new_application()
    path = f"/applications/{made['id']}/addPassword"
    for body in (
        {"nothing": 1},
        {"passwordCredential": {"nothing": 1}},
        {"passwordCredential": {"secretText": "chosen-by-me"}},
        {"passwordCredential": {"endDateTime": "tomorrow"}},
        {"passwordCredential": {"endDateTime": in_days(-1)}},
        {"passwordCredential": {"startDateTime": "9999-12-31T23:59:59Z"}},
        {"passwordCredential": {"displayName": "x" * 121}},
        {"passwordCredential": "text"},
    ):
        graph_error(graph.post(path, body), 400, "Request_BadRequest")
    graph_error(graph.post("/applications/none/addPassword"), 400, "Request_BadRequest", "Invalid object identifier")
    graph_error(graph.post(f"/applications/{NOBODY}/addPassword"), 404, "Request_ResourceNotFound")


def test_a_removed_secret_stops_working_and_cannot_be_removed_again(sandbox: Sandbox, graph: Rest) -> None:
    made = graph.new_application()
    graph.post("/servicePrincipals", {"appId": made["appId"]})
    secret = graph.post(f"/applications/{made['id']}/addPassword").json()
    path = f"/applications/{made['id']}/removePassword"
    assert graph.post(path, {"keyId": secret["keyId"]}).status_code == 204
    answer = graph.post(path, {"keyId": secret["keyId"]})
    graph_error(answer, 400, "Request_BadRequest", "No password credential found with keyId")
    refused = actors.client_credentials(sandbox, "finebak.localhost", made["appId"], secret["secretText"])
    actors.entra_error(refused, 7000215, "invalid_client", 401)
    graph_error(graph.post(path, {"keyId": "no-guid"}), 400, "Request_BadRequest")


def test_a_policy_limits_the_lifetime_of_secrets(sandbox: Sandbox, graph: Rest) -> None:
    sandbox.world.tenant("Finebak").secret_policy.max_lifetime_days = 180
    made = graph.new_application()
    path = f"/applications/{made['id']}/addPassword"
    graph_error(graph.post(path), 400, "CredentialInvalidLifetimeAsPerAppPolicy")
    assert graph.post(path, {"passwordCredential": {"endDateTime": in_days(179)}}).status_code == 200
    policy = graph.get("/policies/defaultAppManagementPolicy").json()
    (rule,) = policy["applicationRestrictions"]["passwordCredentials"]
    assert (rule["restrictionType"], rule["maxLifetime"]) == ("passwordLifetime", "P180D")
    assert policy["isEnabled"] is True


def test_a_policy_forbids_secrets(sandbox: Sandbox, graph: Rest) -> None:
    sandbox.world.tenant("Finebak").secret_policy.secrets_forbidden = True
    made = graph.new_application()
    answer = graph.post(f"/applications/{made['id']}/addPassword")
    graph_error(answer, 400, "CredentialTypeNotAllowedAsPerAppPolicy")
    (rule,) = graph.get("/policies/defaultAppManagementPolicy").json()["applicationRestrictions"]["passwordCredentials"]
    assert rule["restrictionType"] == "passwordAddition"


def test_without_a_policy_nothing_is_restricted(graph: Rest) -> None:
    policy = graph.get("/policies/defaultAppManagementPolicy").json()
    assert policy["isEnabled"] is False
    assert policy["applicationRestrictions"]["passwordCredentials"] == []


def test_a_create_can_include_a_secret(graph: Rest) -> None:
    answer = graph.post("/applications", {"displayName": "X", "passwordCredentials": [{"displayName": "one"}]})
    assert answer.status_code == 201
    assert answer.json()["passwordCredentials"][0]["secretText"]


def test_too_many_secrets_are_refused(sandbox: Sandbox, graph: Rest) -> None:
    made = graph.new_application("full")
    application = sandbox.world.find_application(unique_name="full")
    assert application is not None
    application.passwords = [sandbox.world.add_secret(application)] * 900
    answer = graph.post(f"/applications/{made['id']}/addPassword")
    graph_error(answer, 400, "Request_BadRequest", "size of the object has exceeded its limit")
