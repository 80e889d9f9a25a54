"""What a connection needs, against what Microsoft publishes."""

from onboarding import requirements
from registrations.clients.graph.client import TEAMS_ADMIN_API_APP_ID
from sandbox.catalogue import GRAPH, MICROSOFT_RESOURCES

# The sandbox shows the names for people who accept for themselves (User.Read), or none of Microsoft's (the others).
OTHERWISE_IN_THE_SANDBOX = {"User.Read", "openid", "profile", "offline_access"}


def test_display_names_are_those_of_microsofts_permissions_reference() -> None:
    """The sandbox's names were copied from the reference too, by somebody else: both are wrong, or none."""
    teams = MICROSOFT_RESOURCES[TEAMS_ADMIN_API_APP_ID]
    scopes = requirements.SCOPES_FIRST_SIGN_IN + requirements.SCOPES
    scopes += requirements.TOKEN_SCOPES + requirements.TOKEN_SCOPES_ELSEWHERE
    for scope in scopes:
        if scope.value in OTHERWISE_IN_THE_SANDBOX:
            continue
        found = GRAPH.by_scope(scope.value) or teams.by_scope(scope.value)
        assert found is not None, scope.value
        assert found.description == scope.display_name
    for needed in requirements.PERMISSIONS:
        permissions = MICROSOFT_RESOURCES[needed.resource_app_id].permissions
        [name] = [each.description for each in permissions if each.value == needed.value]
        assert name == needed.display_name
