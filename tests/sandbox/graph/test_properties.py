"""The table of Graph's properties."""

import pytest

from sandbox.graph import views
from sandbox.graph.properties import TYPES
from sandbox.world import World

KINDS = {"any", "text", "flag", "guid", "instant", "texts", "guids", "number", "object", "objects"}


@pytest.mark.parametrize("name", TYPES)
def test_every_property_has_a_known_type(name: str) -> None:
    for known in TYPES[name].values():
        assert known.kind in KINDS
        assert (known.of in TYPES) == (known.kind in ("object", "objects"))


def test_the_table_knows_every_property_of_an_answer() -> None:
    world = World()
    tenant = world.add_tenant("Litware")
    application = world.add_application(tenant, "A client")
    principal = tenant.service_principal_of(application.app_id)
    assert principal is not None
    assert set(views.application(application, tenant)) <= set(TYPES["application"])
    assert set(views.service_principal(world, principal)) <= set(TYPES["servicePrincipal"])
    assert set(views.app_management_policy(tenant)) <= set(TYPES["tenantAppManagementPolicy"])
    assert set(views.organization(tenant)) <= set(TYPES["organization"])


def test_an_answer_has_every_property_of_the_table() -> None:
    world = World()
    tenant = world.add_tenant("Litware")
    application = world.add_application(tenant, "A client")
    principal = tenant.service_principal_of(application.app_id)
    assert principal is not None
    assert set(TYPES["application"]) - set(views.application(application, tenant)) == {"logo"}  # a stream
    assert set(TYPES["servicePrincipal"]) - set(views.service_principal(world, principal)) == set()
    assert set(TYPES["organization"]) - set(views.organization(tenant)) == set()
