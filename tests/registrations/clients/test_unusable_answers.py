"""A 200 whose JSON lacks a value, or has another type in its place: an error with words, never a KeyError or a TypeError."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from registrations import connections
from registrations.clients.discovery_cache import DiscoveryCache
from registrations.clients.graph.client import GraphClient
from registrations.clients.ump import UmpClient
from registrations.errors import NotYetError, PortalError, RemoteUnavailableError, UnexplainedRefusalError
from registrations.models import UmpInstance
from sandbox.app import Sandbox
from tests import factories

pytestmark = pytest.mark.django_db
ID = "0f5a1c37-7a1d-4a5e-8a51-2f0f3ab7f0ee"

EMPTY: list[Any] = [{}, [], [5], {"value": 5}, {"value": [5]}, {"value": [{}]}, "text", 5, None]
GRAPH: dict[str, Callable[[GraphClient], object]] = {
    "organization": lambda graph: graph.organization(),
    "my_directory_roles": lambda graph: graph.my_directory_roles(),
    "secret_policy": lambda graph: graph.secret_policy(),
    "find_application": lambda graph: graph.find_application("x"),
    "read_application": lambda graph: graph.read_application(ID),
    "find_namesakes": lambda graph: graph.find_namesakes("x"),
    "find_deleted": lambda graph: graph.find_deleted("x", ID),
    "find_deleted_principal": lambda graph: graph.find_deleted_principal(ID),
    "create_application": lambda graph: graph.create_application("x", {}),
    "ensure_service_principal": lambda graph: graph.ensure_service_principal(ID),
    "new_service_principal": lambda graph: graph.ensure_service_principal(ID, is_new=True),
    "find_service_principal": lambda graph: graph.find_service_principal(ID),
    "resource": lambda graph: graph.resource(ID),
    "granted_roles": lambda graph: graph.granted_roles(ID),
    "directory_roles_of": lambda graph: graph.directory_roles_of(ID),
    "credentials": lambda graph: graph.credentials(ID),
    "add_secret": lambda graph: graph.add_secret(ID, "x", datetime(2030, 1, 1, tzinfo=UTC)),
    "delegated_grants": lambda graph: graph.delegated_grants(ID),
}
GRAPH_BODIES: list[Any] = [
    *EMPTY,
    {"id": 5.5, "appId": ID},
    {"id": ID, "appId": ID, "web": "x"},
    {"id": ID, "appId": ID, "web": {"redirectUris": 5}},
    {"id": ID, "appId": ID, "passwordCredentials": [{"keyId": None}], "createdDateTime": "yesterday"},
    {"id": ID, "appId": ID, "passwordCredentials": [5]},
    {"id": ID, "appRoles": [{"value": "x"}]},
    {"id": ID, "appRoles": {"value": "x"}},
    {"keyId": ID, "secretText": 5.5, "endDateTime": "2030-01-01T00:00:00Z"},
    {"keyId": ID, "secretText": "x", "endDateTime": 2030.5},
    {"keyId": ID, "secretText": "x"},
    {"value": [{"id": ID, "appId": ID, "scope": 5.5, "uniqueName": "x", "displayName": []}]},
    {"value": [{"id": {}, "appId": ID, "scope": None, "uniqueName": "x", "roleTemplateId": []}]},
    {"value": [], "@odata.nextLink": 5.5},
    {"applicationRestrictions": []},
    {"isEnabled": True, "applicationRestrictions": {"passwordCredentials": [{"restrictionType": []}]}},
    {
        "isEnabled": True,
        "applicationRestrictions": {
            "passwordCredentials": [{"restrictionType": "passwordLifetime", "maxLifetime": {"x": 1}}]
        },
    },
    {
        "isEnabled": True,
        "applicationRestrictions": {
            "passwordCredentials": [
                {"restrictionType": "passwordLifetime", "restrictForAppsCreatedAfterDateTime": "soon"}
            ]
        },
    },
]
UMP: dict[str, Callable[[UmpClient], object]] = {
    "read_settings": lambda ump: ump.read_settings(),
    "apply_sync_app": lambda ump: ump.apply_sync_app(client_id=ID, client_secret="s", redirect_uri="r", etag=""),
    "apply_portal_url": lambda ump: ump.apply_portal_url("https://x.example", etag=""),
    "validate_sync_app": lambda ump: ump.validate_sync_app(),
    "validate_portal_url": lambda ump: ump.validate_portal_url(),
    "validate_connection": lambda ump: ump.validate_connection(ID),
    "apply_token": lambda ump: ump.apply_token(ID, tenant_id=ID, username="u", refresh_token="r"),
    "find_customer": lambda ump: ump.find_customer("contoso"),
    "connect_customer": lambda ump: ump.connect_customer(ID, client_id=ID, client_secret="s"),
    "read_task": lambda ump: ump.read_task("tsk_1"),
}
SETTINGS = {
    "clientId": "",
    "clientSecretHint": None,
    "redirectUri": "",
    "customerAuthenticationPortalUrl": "",
    "umpVersion": "8",
}
UMP_BODIES: list[Any] = [
    {},
    [5],
    {"value": 5},
    "text",
    5,
    None,
    *({name: value for name, value in SETTINGS.items() if name != left_out} for left_out in SETTINGS),
    {**SETTINGS, "clientId": {}},
    {"valid": "yes"},
    {"jobId": None},
    {"status": 5.5},
    {"status": None, "executionMessages": 5},
    [{"CustomerShortName": "contoso"}],
    [{"UmpCustomerGuid": ID}],
    [{"UmpCustomerGuid": ID, "CustomerShortName": []}],
    [{"UmpCustomerGuid": ID, "CustomerShortName": "contoso", "MsTenantId": {}}],
    {"method": [], "tenantId": ID},
]


def outcome(act: Callable[[], object]) -> PortalError | None:
    """The PortalError that the act ends with, if any. Every other error is the test's."""
    try:
        act()
    except PortalError as error:
        return error
    return None


@pytest.mark.parametrize("call", GRAPH)
def test_an_answer_of_graph_that_cannot_be_used_is_an_error_with_words(
    sandbox: Sandbox, instance: UmpInstance, call: str
) -> None:
    graph = connections.graph_as_app(instance.provider.tenant)
    status = 201 if call == "create_application" else 200
    for body in GRAPH_BODIES:
        sandbox.faults.clear()
        sandbox.faults.add("graph", "status", status=status, body=body, times=3)
        error = outcome(lambda: GRAPH[call](graph))
        assert error is None or isinstance(error, NotYetError), (body, error)
        # Only an answer without a list of what was asked for, or one without required values, may pass for "there is none".
        if body == {} and call not in {"secret_policy", "credentials"}:
            assert isinstance(error, RemoteUnavailableError), call


@pytest.mark.parametrize("call", UMP)
def test_an_answer_of_a_ump_that_cannot_be_used_may_pass_by_itself(sandbox: Sandbox, call: str) -> None:
    ump = connections.ump(factories.make_instance(sandbox))
    for body in UMP_BODIES:
        sandbox.faults.clear()
        sandbox.faults.add("ump", "status", status=200, body=body)
        error = outcome(lambda: UMP[call](ump))
        assert error is None or isinstance(error, UnexplainedRefusalError | NotYetError), (body, error)
        if body == {} or (isinstance(body, dict) and call == "read_settings"):
            assert isinstance(error, UnexplainedRefusalError), body


@pytest.mark.parametrize(
    "body",
    [
        *EMPTY,
        {"access_token": 5.5, "expires_in": 3600},
        {"access_token": "x", "expires_in": "soon"},
        {"access_token": "x", "expires_in": {}},
        {"access_token": "x", "expires_in": 3600, "scope": ["x"]},
        {"access_token": "x", "expires_in": 3600, "id_token": "x.y"},
        {"access_token": "x", "expires_in": 3600, "client_info": "!"},
        {"error": ["x"]},
        {"error": "x", "error_codes": 5},
        {"error": "x", "error_codes": {"0": 5}},
    ],
)
@pytest.mark.parametrize("status", [200, 400])
def test_a_token_answer_that_cannot_be_used_is_an_error_with_words(sandbox: Sandbox, body: Any, status: int) -> None:
    sandbox.faults.add("entra", "status", method="POST", path="/token", status=status, body=body)
    entra, tenant_id = connections.entra(), sandbox.seed.customer.tenant_id
    with pytest.raises(PortalError):
        entra.app_token(tenant_id=tenant_id, app_id=ID, client_secret="s", scope="https://graph.microsoft.com/.default")


@pytest.mark.parametrize(
    "body",
    [*EMPTY, {"issuer": "x"}, {"issuer": "x", "authorization_endpoint": "x", "token_endpoint": 5.5, "jwks_uri": "x"}],
)
def test_a_discovery_document_that_cannot_be_used_is_an_error_with_words_and_not_cached(
    sandbox: Sandbox, body: Any
) -> None:
    DiscoveryCache.forget()
    sandbox.faults.add("entra", "status", method="GET", path="openid-configuration", status=200, body=body, times=4)
    entra, tenant_id = connections.entra(), sandbox.seed.customer.tenant_id
    for act in (
        lambda: entra.discovery(tenant_id),
        lambda: entra.tenant_id_of(tenant_id),
        lambda: entra.verify_id_token("x.y.z", app_id=ID, authority="organizations"),
        lambda: entra.app_token(tenant_id=tenant_id, app_id=ID, client_secret="s", scope="s/.default"),
    ):
        assert isinstance(outcome(act), RemoteUnavailableError)
    assert DiscoveryCache._cached == {}


@pytest.mark.parametrize(
    "body", [*EMPTY, {"keys": 5}, {"keys": [5]}, {"keys": [{}]}, {"keys": [{"kid": None, "kty": 5}]}]
)
def test_signing_keys_that_cannot_be_used_are_an_error_with_words(sandbox: Sandbox, body: Any) -> None:
    sandbox.faults.add("entra", "status", method="GET", path="/keys", status=200, body=body)
    token = sandbox.keys.sign({"tid": sandbox.seed.customer.tenant_id})
    error = outcome(lambda: connections.entra().verify_id_token(token, app_id=ID, authority="organizations"))
    assert error is not None
