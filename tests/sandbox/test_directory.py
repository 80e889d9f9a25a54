"""Directory operations: consent, roles, secrets and resources."""

import pytest

from sandbox import directory
from sandbox.catalogue import GLOBAL_ADMINISTRATOR, GRAPH, GRAPH_APP_ID
from sandbox.model import Tenant
from sandbox.world import World

APP = "11111111-2222-3333-4444-555555555555"


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def tenant(world: World) -> Tenant:
    return world.add_tenant("Litware")


def test_permissions_of_an_unknown_resource_cannot_be_granted(world: World, tenant: Tenant) -> None:
    with pytest.raises(LookupError, match=f"no resource {APP}"):
        directory.grant_roles_by_value(world.state, tenant, APP, APP, ["User.Read.All"], 0.0)
    assert tenant.app_role_assignments == []


def test_an_unknown_permission_cannot_be_granted(world: World, tenant: Tenant) -> None:
    with pytest.raises(KeyError):
        directory.grant_roles_by_value(world.state, tenant, APP, GRAPH_APP_ID, ["Nothing.Known"], 0.0)
    assert tenant.app_role_assignments == []


def test_a_permission_is_granted_only_once(world: World, tenant: Tenant) -> None:
    first, second = (
        directory.grant_roles_by_value(world.state, tenant, APP, GRAPH_APP_ID, ["User.Read.All"], 0.0) for _ in range(2)
    )
    assert first == second == tenant.app_role_assignments


def test_a_second_consent_adds_scopes_to_the_first(tenant: Tenant) -> None:
    client, target = (directory.ensure_service_principal(tenant, app_id, 0.0) for app_id in (APP, GRAPH_APP_ID))
    directory.consent(tenant, client, target, ["openid", "User.Read"], None)
    directory.consent(tenant, client, target, ["User.Read", "profile"], None)
    (grant,) = tenant.permission_grants
    assert grant.scope == "openid User.Read profile"


def test_the_consent_of_one_person_covers_nobody_else(tenant: Tenant) -> None:
    assert directory.consented_scopes(tenant, APP, GRAPH_APP_ID, "carla") == []
    client, target = (directory.ensure_service_principal(tenant, app_id, 0.0) for app_id in (APP, GRAPH_APP_ID))
    directory.consent(tenant, client, target, ["User.Read"], "carla")
    directory.consent(tenant, client, target, ["openid"], None)
    assert directory.consented_scopes(tenant, APP, GRAPH_APP_ID, "carla") == ["User.Read", "openid"]
    assert directory.consented_scopes(tenant, APP, GRAPH_APP_ID, "nora") == ["openid"]


def test_a_new_service_principal_never_reuses_a_deleted_ones_id(tenant: Tenant) -> None:
    first = directory.add_service_principal(tenant, APP, 0.0)
    tenant.deleted_service_principals[first.id] = tenant.service_principals.pop(first.id)
    assert directory.add_service_principal(tenant, APP, 0.0).id != first.id


def test_an_api_is_found_by_each_of_its_audiences(world: World, tenant: Tenant) -> None:
    own = world.add_application(tenant, "An API", identifierUris=["api://litware/"])
    for audience in ("api://litware", "API://Litware/", f"api://{own.app_id}", own.app_id):
        found = directory.resource_by_audience(world.state, audience)
        assert found is not None
        assert found.app_id == own.app_id
    assert directory.resource_by_audience(world.state, "https://graph.microsoft.com/") is GRAPH
    assert directory.resource_by_audience(world.state, "api://nobody") is None


def test_an_assigned_role_is_activated_once(tenant: Tenant) -> None:
    for person in ("carla", "nora"):
        directory.assign_role(tenant, person, GLOBAL_ADMINISTRATOR, 0.0)
    assert tenant.activated_roles == [GLOBAL_ADMINISTRATOR]
    assert tenant.roles_of("nora") == [GLOBAL_ADMINISTRATOR]
