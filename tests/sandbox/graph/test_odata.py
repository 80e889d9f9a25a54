"""Select, filters and pages at Graph."""

from tests.sandbox.actors import Rest, graph_error


def test_select_returns_only_the_selected_properties(graph: Rest) -> None:
    made = graph.new_application()
    found = graph.get(f"/applications/{made['id']}?$select=id,tags").json()
    assert set(found) == {"@odata.context", "id", "tags"}


def test_filters_find_applications(graph: Rest) -> None:
    one, two = graph.new_application("one", displayName="O'Neil", tags=["red"]), graph.new_application("two")
    for expression, wanted in (
        ("displayName eq 'O''Neil'", [one]),
        (f"appId eq '{two['appId']}'", [two]),
        ("startswith(displayName,'sync a')", [two]),
        ("tags/any(t:t eq 'red')", [one]),
        (f"id eq '{one['id']}' or id eq '{two['id']}'", [one, two]),
        ("uniqueName eq 'three'", []),
    ):
        found = graph.get(f"/applications?$filter={expression}").json()["value"]
        assert [a["id"] for a in found] == [a["id"] for a in wanted], expression
    for wrong in ("nothing eq 'x'", "displayName gt 'x'", "what is this"):
        graph_error(graph.get(f"/applications?$filter={wrong}"), 400, "Request_UnsupportedQuery")


def test_a_long_list_is_paged(graph: Rest) -> None:
    for number in range(3):
        graph.new_application(f"app-{number}")
    first = graph.get("/applications?$top=4&$select=id").json()
    rest = graph.web.get(
        first["@odata.nextLink"], headers={"Authorization": f"Bearer {graph.token}"}, timeout=20
    ).json()
    ids = [a["id"] for a in first["value"] + rest["value"]]
    assert len(ids) == len(set(ids)) == 6
    assert "@odata.nextLink" not in rest
    graph_error(graph.get("/applications?$top=1000"), 400, "Request_UnsupportedQuery")


def test_an_unknown_property_cannot_be_selected(graph: Rest) -> None:
    graph_error(graph.get("/applications?$select=id,nothing"), 400, "BadRequest", "property named 'nothing'")
