"""Select, filters and pages at Graph."""

import pytest

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


EVENTUAL = {"ConsistencyLevel": "eventual"}


@pytest.mark.parametrize(
    "query",
    [
        "$orderby=displayName",
        "$filter=displayName ne 'x'",
        "$filter=not startswith(displayName,'x')",
        '$search="displayName:x"',
    ],
)
def test_advanced_queries_need_header_and_count(graph: Rest, query: str) -> None:
    graph_error(graph.get(f"/applications?{query}"), 400, "Request_UnsupportedQuery", "ConsistencyLevel")
    assert graph.get(f"/applications?{query}&$count=true", **EVENTUAL).status_code == 200


@pytest.mark.parametrize("option", ["$skip=1", "$apply=x", "$format=json", "$nothing=1"])
def test_an_option_that_is_not_carried_out_is_refused(graph: Rest, option: str) -> None:
    graph_error(graph.get(f"/applications?{option}"), 400, "BadRequest", "is not supported")


def test_a_count_is_given_only_with_the_header(graph: Rest) -> None:
    assert "@odata.count" not in graph.get("/applications?$count=true").json()
    assert graph.get("/applications?$count=true", **EVENTUAL).json()["@odata.count"] >= 1
    graph_error(graph.get("/applications/$count"), 400, "Request_BadRequest", "ConsistencyLevel")
    assert int(graph.get("/applications/$count", **EVENTUAL).text) >= 1


def test_sorting_searching_and_in_find_and_order(graph: Rest) -> None:
    ids = [graph.new_application(name, displayName=f"order {name}")["id"] for name in ("b", "c", "a")]
    asked = '/applications?$search="displayName:order"&$orderby=displayName desc&$count=true'
    found = graph.get(asked, **EVENTUAL).json()["value"]
    assert [each["displayName"] for each in found] == ["order c", "order b", "order a"]
    one_of = graph.get(f"/applications?$filter=id in ('{ids[0]}', '{ids[2]}')").json()["value"]
    assert {each["id"] for each in one_of} == {ids[0], ids[2]}
    ends = graph.get("/applications?$filter=endsWith(displayName,'der a')&$count=true", **EVENTUAL).json()["value"]
    assert [each["id"] for each in ends] == [ids[2]]


@pytest.mark.parametrize("direction", ["desc", "DESC", "Desc", " desc ", "ASC", ""])
def test_a_sort_direction_may_be_written_in_capitals(graph: Rest, direction: str) -> None:
    for name in ("b", "a"):
        graph.new_application(name, displayName=f"order {name}")
    asked = f'/applications?$search="displayName:order"&$orderby=displayName {direction}&$count=true'
    names = [each["displayName"] for each in graph.get(asked, **EVENTUAL).json()["value"]]
    assert names == sorted(names, reverse="desc" in direction.lower())


def test_an_option_without_its_dollar_sign_is_carried_out_or_refused(graph: Rest) -> None:
    made = graph.new_application("one", displayName="only one")
    answer = graph.get("/applications?top=1&select=id")
    (found,) = answer.json()["value"]
    assert set(found) == {"id"}
    assert "@odata.nextLink" in answer.json()
    assert answer.headers["x-ms-resource-unit"] == "1"
    assert [a["id"] for a in graph.get("/applications?filter=displayName eq 'only one'").json()["value"]] == [
        made["id"]
    ]
    assert graph.get(f"/applications/{made['id']}?expand=owners").json()["owners"]
    for option in ("skip=1", "format=json", "apply=x"):
        graph_error(graph.get(f"/applications?{option}"), 400, "BadRequest", "is not supported")
    assert graph.get("/applications?other=1").status_code == 200  # not of OData


@pytest.mark.parametrize("option", ["$select=id", "select=id", "$expand=owners", "$filter=id eq 'x'", "$nothing=1"])
def test_a_write_with_an_option_is_refused_before_it_is_done(graph: Rest, option: str) -> None:
    made = graph.new_application("one")
    path = f"/applications/{made['id']}"
    for answer in (
        graph.post(f"/applications?{option}", {"displayName": "two"}),
        graph.patch(f"{path}?{option}", {"displayName": "two"}),
        graph.post(f"{path}/addPassword?{option}", {"passwordCredential": {"displayName": "x"}}),
        graph.delete(f"{path}?{option}"),
    ):
        graph_error(answer, 400, "BadRequest", "is not supported")
    assert graph.get("/applications?$filter=displayName eq 'two'").json()["value"] == []
    assert graph.get(path).json()["passwordCredentials"] == []


def test_owners_are_expanded_and_other_names_refused(graph: Rest) -> None:
    made = graph.new_application()
    assert graph.get(f"/applications/{made['id']}?$expand=owners").json()["owners"][0]["id"]
    graph_error(graph.get(f"/applications/{made['id']}?$expand=nothing"), 400, "BadRequest")
    graph_error(graph.get("/applications?$expand=owners&$count=true", **EVENTUAL), 400, "Request_UnsupportedQuery")
