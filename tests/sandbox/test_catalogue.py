"""Microsoft's permissions, roles and applications."""

from sandbox.catalogue import GRAPH, MICROSOFT_RESOURCES, OPENID_SCOPES


def test_an_application_permission_is_not_found_as_a_scope() -> None:
    assert GRAPH.by_scope("Application.ReadWrite.OwnedBy") is None
    assert GRAPH.by_role_id("18a4783c-866b-4cc7-a460-3d5e5662c884") is not None
    assert GRAPH.by_scope_id("18a4783c-866b-4cc7-a460-3d5e5662c884") is None


def test_a_scope_is_found_in_any_case() -> None:
    found = GRAPH.by_scope("user.read")
    assert found is not None
    assert found.value == "User.Read"


def test_ids_and_names_of_permissions_are_unique() -> None:
    for resource in MICROSOFT_RESOURCES.values():
        ids = [i for p in resource.permissions for i in (p.scope_id, p.role_id) if i]
        names = [p.value for p in resource.permissions]
        assert len(ids) == len(set(ids))
        assert len(names) == len(set(names))


def test_nobody_needs_an_administrator_for_the_openid_scopes() -> None:
    for name in OPENID_SCOPES:
        found = GRAPH.by_scope(name)
        assert found is not None
        assert not found.admin_only


def test_the_ids_of_the_teams_admin_api_are_the_published_ones() -> None:
    """https://learn.microsoft.com/graph/permissions-reference has Graph's; these are those of the API's service principal."""
    found = {
        p.value: p.role_id or p.scope_id
        for p in MICROSOFT_RESOURCES["48ac35b8-9aa8-4d74-927d-1f4a14a0b239"].permissions
    }
    assert found == {
        "user_impersonation": "e60370c1-e451-437e-aa6e-d76df38e5f15",
        "application_access": "15391dcf-e272-4693-b514-06792e967d66",
        "application_access_custom_sba_appliance": "2becb389-af30-4221-8e0a-3384b5a0c656",
        "Communications.Get": "f9d2a51f-70e2-41af-b617-3fceaa33ae55",
    }
