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
