"""The JSON of Graph's types."""

import pytest

from sandbox.catalogue import GRAPH_APP_ID, MICROSOFT_TENANT_ID
from sandbox.graph import views
from sandbox.model import AppRoleAssignment, Tenant, User
from sandbox.world import World


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def tenant(world: World) -> Tenant:
    return world.add_tenant("Litware")


def test_an_answer_never_contains_the_value_of_a_secret(world: World, tenant: Tenant) -> None:
    application = world.add_application(tenant, "A client")
    secret = world.add_secret(application).secret
    shown = views.application(application, tenant)
    assert secret not in str(shown)
    (password,) = shown["passwordCredentials"]
    assert (password["secretText"], password["hint"]) == (None, secret[:3])


def test_certificate_keys_are_shown_only_on_request(world: World, tenant: Tenant) -> None:
    application = world.add_application(tenant, "A client", keyCredentials=[{"keyId": "1", "key": "MIIC"}])
    assert views.application(application, tenant)["keyCredentials"] == [{"keyId": "1", "key": None}]
    with_keys = views.application(application, tenant, with_keys=True)
    assert with_keys["keyCredentials"] == [{"keyId": "1", "key": "MIIC"}]


def test_a_replica_shows_only_the_passwords_that_it_knows(world: World, tenant: Tenant) -> None:
    application = world.add_application(tenant, "A client")
    world.add_secret(application)
    assert views.application(application, tenant, passwords=[])["passwordCredentials"] == []


def test_properties_that_were_never_set_have_graphs_defaults(world: World, tenant: Tenant) -> None:
    shown = views.application(world.add_application(tenant, "A client", web={"homePageUrl": "x"}), tenant)
    assert shown["web"]["homePageUrl"] == "x"
    assert shown["web"]["implicitGrantSettings"] == {
        "enableAccessTokenIssuance": False,
        "enableIdTokenIssuance": False,
    }
    assert (shown["tags"], shown["notes"], shown["spa"]) == ([], None, {"redirectUris": []})


def test_a_service_principal_of_graph_belongs_to_microsoft(world: World, tenant: Tenant) -> None:
    principal = tenant.service_principal_of(GRAPH_APP_ID)
    assert principal is not None
    shown = views.service_principal(world, principal)
    assert (shown["displayName"], shown["appOwnerOrganizationId"]) == ("Microsoft Graph", MICROSOFT_TENANT_ID)


def test_an_assignment_to_a_deleted_principal_has_no_name(world: World, tenant: Tenant) -> None:
    assignment = AppRoleAssignment("id", "gone", "gone-too", "role", "2026-01-01T00:00:00Z", 0.0)
    shown = views.app_role_assignment(world, tenant, assignment)
    assert (shown["principalDisplayName"], shown["resourceDisplayName"]) == (None, None)


def test_a_guest_has_no_mailbox() -> None:
    assert views.user(User("1", "Greta", "greta@x.example", "Guest"))["mail"] is None
    assert views.user(User("1", "Greta", "greta@x.example"))["mail"] == "greta@x.example"


def test_a_secret_policy_is_enabled_only_if_it_has_rules(tenant: Tenant) -> None:
    assert views.app_management_policy(tenant)["isEnabled"] is False
    tenant.secret_policy.max_lifetime_days = 180
    tenant.secret_policy.secrets_forbidden = True
    policy = views.app_management_policy(tenant)
    rules = policy["applicationRestrictions"]["passwordCredentials"]
    assert policy["isEnabled"] is True
    assert [(rule["restrictionType"], rule["maxLifetime"]) for rule in rules] == [
        ("passwordAddition", None),
        ("passwordLifetime", "P180D"),
    ]
