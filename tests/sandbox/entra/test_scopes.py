"""The scope parameter, parsed and grouped by resource."""

import pytest

from sandbox.catalogue import GRAPH, GRAPH_APP_ID, TEAMS_ADMIN, TEAMS_ADMIN_APP_ID
from sandbox.entra import scopes
from sandbox.entra.errors import EntraError
from sandbox.model import Application
from sandbox.world import World

USER_READ = {"id": "e1fe6dd8-ba31-4d61-89e7-88639da4683d", "type": "Scope"}
ORGANIZATION_READ_ALL = {"id": "498476ce-e0fe-48b0-b801-37ba7e2685c6", "type": "Role"}
UNKNOWN = {"id": "11111111-2222-3333-4444-555555555555", "type": "Scope"}


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def application(world: World) -> Application:
    """An application that requires one role, one scope and one unknown scope of Graph."""
    required = [{"resourceAppId": GRAPH_APP_ID, "resourceAccess": [USER_READ, ORGANIZATION_READ_ALL, UNKNOWN]}]
    return world.add_application(world.add_tenant("Litware"), "A client", requiredResourceAccess=required)


@pytest.mark.parametrize(
    ("scope", "code"),
    [
        ("Nothing.Known", 650053),
        ("Application.ReadWrite.OwnedBy", 650053),  # only an application permission
        (f"{TEAMS_ADMIN_APP_ID}/User.Read", 650053),
        ("api://nobody/read", 500011),
    ],
)
def test_unknown_scopes_and_resources_are_refused(
    world: World, application: Application, scope: str, code: int
) -> None:
    with pytest.raises(EntraError, match=f"^AADSTS{code}: "):
        scopes.parse(world, application, scope)


def test_scopes_are_grouped_by_resource(world: World, application: Application) -> None:
    wanted = f"openid user.read {TEAMS_ADMIN_APP_ID}/user_impersonation https://graph.microsoft.com/Group.Read.All"
    found = scopes.parse(world, application, wanted)
    assert found.openid == ["openid"]
    assert [(asked.resource, asked.values) for asked in found.asked] == [
        (GRAPH, ["User.Read", "Group.Read.All"]),
        (TEAMS_ADMIN, ["user_impersonation"]),
    ]


def test_default_means_what_the_registration_requires(world: World, application: Application) -> None:
    (asked,) = scopes.parse(world, application, "https://graph.microsoft.com/.default").asked
    assert scopes.expand(application, asked) == ["User.Read"]
    assert scopes.required(application, GRAPH) == (["User.Read"], [ORGANIZATION_READ_ALL["id"]])
    assert scopes.required(application, TEAMS_ADMIN) == ([], [])


def test_the_sandboxs_own_address_is_its_graph(world: World, application: Application) -> None:
    world.own_url = "https://localhost:8443"
    (asked,) = scopes.parse(world, application, "https://localhost:8443/.default").asked
    assert asked.resource == GRAPH
