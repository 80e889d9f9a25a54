"""The organization and the signed-in person at Graph."""

import pytest

from sandbox import directory
from sandbox.app import Sandbox
from sandbox.catalogue import GLOBAL_ADMINISTRATOR
from tests.sandbox import actors
from tests.sandbox.actors import Rest, graph_error
from tests.sandbox.graph.principals import NOBODY


def test_me_needs_a_delegated_token(sandbox: Sandbox, graph: Rest) -> None:
    graph_error(graph.get("/me"), 400, "Request_BadRequest", "delegated")
    carla = actors.delegated(sandbox, "carla@contoso.example", "User.Read")
    found = carla.get("/me?$select=id,displayName,userPrincipalName,userType").json()
    assert (found["displayName"], found["userType"]) == ("Carla", "Member")


ROLES = "/me/transitiveMemberOf/microsoft.graph.directoryRole"


@pytest.mark.parametrize(
    ("query", "level"),
    [("", "eventual"), ("?$count=true", ""), ("?$count=false", "eventual"), ("?$count=true", "strong")],
)
def test_a_cast_of_transitive_members_needs_count_and_consistency_level(
    sandbox: Sandbox, query: str, level: str
) -> None:
    person = actors.delegated(sandbox, "carla@contoso.example", "User.Read")
    answer = person.get(ROLES + query, **({"ConsistencyLevel": level} if level else {}))
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "Request_UnsupportedQuery")


def test_a_new_role_is_missing_from_the_index_for_a_while(sandbox: Sandbox) -> None:
    contoso = sandbox.world.tenant(sandbox.seed.customer.tenant_id)
    sandbox.world.lag["role_index"] = 60.0
    nora = contoso.user("nora@contoso.example")
    directory.assign_role(contoso, nora.id, GLOBAL_ADMINISTRATOR, sandbox.world.clock.now())
    person = actors.delegated(sandbox, nora.upn, "User.Read")
    assert person.get(f"{ROLES}?$count=true", ConsistencyLevel="eventual").json()["value"] == []
    assert [role["displayName"] for role in person.get("/me/memberOf").json()["value"]] == ["Global Administrator"]
    sandbox.world.lag["role_index"] = 0.0
    assert len(person.get(f"{ROLES}?$count=true", ConsistencyLevel="eventual").json()["value"]) == 1


@pytest.mark.parametrize(
    ("upn", "names"),
    [
        ("carla@contoso.example", ["Global Administrator"]),
        ("paul@contoso.example", ["Privileged Role Administrator", "Application Administrator"]),
        ("nora@contoso.example", []),
        ("peter@contoso.example", []),
    ],
)
def test_a_person_sees_only_active_roles(sandbox: Sandbox, upn: str, names: list[str]) -> None:
    person = actors.delegated(sandbox, upn, "User.Read")
    cast = person.get(f"{ROLES}?$count=true&$select=displayName,roleTemplateId", ConsistencyLevel="eventual")
    assert [role["displayName"] for role in cast.json()["value"]] == names
    everything = person.get("/me/transitiveMemberOf").json()["value"]
    assert [role["@odata.type"] for role in everything] == ["#microsoft.graph.directoryRole"] * len(names)


def test_user_read_shows_only_part_of_the_organization(sandbox: Sandbox, graph: Rest) -> None:
    carla = actors.delegated(sandbox, "carla@contoso.example", "User.Read")
    (limited,) = carla.get("/organization").json()["value"]
    assert (limited["displayName"], limited["tenantType"]) == ("Contoso", None)
    assert limited["verifiedDomains"][0]["name"] == "contoso.example"
    (full,) = graph.get("/organization?$select=id,displayName,verifiedDomains,tenantType").json()["value"]
    assert (full["displayName"], full["tenantType"]) == ("Finebak", "AAD")
    assert graph.get(f"/organization/{full['id']}").json()["id"] == full["id"]
    graph_error(graph.get(f"/organization/{NOBODY}"), 404, "Request_ResourceNotFound")


def test_an_organization_has_what_microsofts_has(graph: Rest) -> None:
    (found,) = graph.get("/organization?$select=city,businessPhones,partnerTenantType,privacyProfile").json()["value"]
    assert found == {"city": None, "businessPhones": [], "partnerTenantType": None, "privacyProfile": None}


def test_a_property_that_a_user_does_not_have_cannot_be_selected(sandbox: Sandbox) -> None:
    carla = actors.delegated(sandbox, "carla@contoso.example", "User.Read")
    graph_error(carla.get("/me?$select=id,nothing"), 400, "BadRequest", "property named 'nothing'")
