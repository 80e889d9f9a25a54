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


def test_an_option_in_capitals_is_carried_out_or_refused(graph: Rest) -> None:
    for name in ("b", "a"):
        graph.new_application(name, displayName=f"order {name}")
    for query in ("$Select=id", "Select=id", "$SELECT=id"):
        assert set(graph.get(f"/applications?{query}").json()["value"][0]) == {"id"}
    asked = "$Filter=startswith(displayName,'order')&$orderBy=displayName&$Count=true&$Top=1"
    page = graph.get(f"/applications?{asked}", **EVENTUAL).json()
    assert (page["@odata.count"], [each["displayName"] for each in page["value"]]) == (2, ["order a"])
    for option in ("$Skip=1", "Format=json", "$deltaToken=x"):
        graph_error(graph.get(f"/applications?{option}"), 400, "BadRequest", "is not supported")
    graph_error(graph.get("/applications?$select=id&$Select=tags"), 400, "BadRequest", "more than once")


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


NONE = "$filter=displayName eq 'nobody has this name'"
LISTS = (
    "/applications",
    "/servicePrincipals",
    "/directory/deletedItems/microsoft.graph.application",
    "/directory/deletedItems/microsoft.graph.servicePrincipal",
    "/organization",
)


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("option", ["$expand=nothing", "$select=nothing"])
def test_an_unknown_name_is_refused_in_an_empty_list_too(graph: Rest, path: str, option: str) -> None:
    graph_error(graph.get(f"{path}?{NONE}&{option}"), 400, "BadRequest", "Parsing OData Select and Expand failed")


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("name", ["nothing", "verifiedDomains", "web", "displayName,id", "displayName sideways"])
def test_an_unsortable_name_is_refused_in_an_empty_list_too(graph: Rest, path: str, name: str) -> None:
    answer = graph.get(f"{path}?{NONE}&$orderby={name}&$count=true", **EVENTUAL)
    graph_error(answer, 400, "Request_UnsupportedQuery", "Unsupported sort property")


@pytest.mark.parametrize("path", [*LISTS, "/applications/$count"])
@pytest.mark.parametrize(
    "clause",
    [
        "nothing eq 'x'",
        "nothing ne 'x'",
        "nothing in ('x')",
        "startswith(nothing,'x')",
        "endswith(nothing,'x')",
        "nothing/any(t:t eq 'x')",
        "not(nothing eq 'x')",
        "(nothing eq 'x')",
        "web/homePageUrl eq 'x'",
    ],
)
@pytest.mark.parametrize("rest", ["", "displayName eq 'nobody' and ", "displayName ne 'nobody' or "])
def test_an_unknown_property_is_refused_wherever_it_stands_in_a_filter(
    graph: Rest, path: str, clause: str, rest: str
) -> None:
    count = "" if path.endswith("$count") else "&$count=true"
    answer = graph.get(f"{path}?$filter={rest}{clause}{count}", **EVENTUAL)
    graph_error(answer, 400, "Request_UnsupportedQuery", "unsupported or invalid property")


@pytest.mark.parametrize(
    "clause",
    [
        "web eq 'x'",
        "tags eq 'x'",
        "startswith(tags,'x')",
        "startswith(isDisabled,'x')",
        "displayName/any(t:t eq 'x')",
        "appRoles/any(t:t eq 'x')",
        "isDisabled eq 'true'",
        "displayName eq true",
        "displayName gt 'x'",
        "displayName eq",
        "displayName eq 'x' and",
        "displayName eq 'x",
        "(displayName eq 'x'",
        "displayName eq 'x')",
        "contains(displayName,'x')",
        "tags/any(t:u eq 'x')",
        "tags/all(t:t eq 'x')",
        "displayName in ()",
        "((" * 60,
        "not " * 60 + "displayName eq 'x'",
    ],
)
def test_a_filter_that_is_not_carried_out_is_refused(graph: Rest, clause: str) -> None:
    answer = graph.get(f"/applications?$filter={clause}&$count=true", **EVENTUAL)
    graph_error(answer, 400, "Request_UnsupportedQuery")


@pytest.mark.parametrize(
    "clause",
    [
        "not(displayName eq 'x')",
        "NOT (displayName eq 'x')",
        "not displayName eq 'x'",
        "(not startswith(displayName,'x'))",
        "displayName eq 'y' or not(displayName eq 'x')",
        "displayName ne 'x'",
        "endsWith (displayName,'x')",
    ],
)
def test_every_advanced_filter_needs_header_and_count(graph: Rest, clause: str) -> None:
    answer = graph.get(f"/applications?$filter={clause}")
    graph_error(answer, 400, "Request_UnsupportedQuery", "ConsistencyLevel")
    assert graph.get(f"/applications?$filter={clause}&$count=true", **EVENTUAL).status_code == 200


@pytest.mark.parametrize(
    ("path", "clause"),
    [
        ("applications", "appId eq 'none'"),
        ("applications", "id in ('none')"),
        ("applications", "id ne 'none'"),
        ("servicePrincipals", "appId eq 'none'"),
        ("servicePrincipals", "startswith(displayName,'x') or id eq '1'"),
        ("roleManagement/directory/roleAssignments", "principalId eq 'none'"),
    ],
)
def test_a_filter_for_a_malformed_id_is_refused(carla: Rest, path: str, clause: str) -> None:
    answer = carla.get(f"/{path}?$filter={clause}&$count=true", **EVENTUAL)
    graph_error(answer, 400, "Request_UnsupportedQuery", "query filter clause specified for property")


def test_words_of_a_filter_inside_a_text_are_text(graph: Rest) -> None:
    names = ("a and b", "not(a) or b", "one endswith(x) ne 'two'")
    made = [graph.new_application(f"app-{number}", displayName=name) for number, name in enumerate(names)]
    for application, name in zip(made, names, strict=True):
        quoted = name.replace("'", "''")
        found = graph.get(f"/applications?$filter=displayName eq '{quoted}'").json()["value"]
        assert [a["id"] for a in found] == [application["id"]]


def test_parentheses_and_negations_decide_what_is_found(graph: Rest) -> None:
    red, blue = (graph.new_application(name, displayName=f"order {name}", tags=[name]) for name in ("red", "blue"))
    for clause, wanted in (
        ("startswith(displayName,'order') and (tags/any(t:t eq 'red') or uniqueName eq 'blue')", [red, blue]),
        ("tags/any(t:t eq 'red') or tags/any(t:t eq 'blue') and uniqueName eq 'none'", [red]),
        ("startswith(displayName,'order') and not(tags/any(t:t eq 'red'))", [blue]),
        ("startswith(displayName,'order') and not tags/any(t:t eq 'red') and uniqueName ne 'blue'", []),
    ):
        found = graph.get(f"/applications?$filter={clause}&$count=true", **EVENTUAL).json()["value"]
        assert {a["id"] for a in found} == {a["id"] for a in wanted}, clause


def test_an_option_that_is_given_twice_is_refused(graph: Rest) -> None:
    for query in ("$select=id&$select=tags", "$top=1&top=2", "$filter=id eq 'x'&$filter=id eq 'y'"):
        graph_error(graph.get(f"/applications?{query}"), 400, "BadRequest", "more than once")
        part = {"id": "1", "method": "GET", "url": f"/applications?{query}"}
        (answer,) = graph.post("/$batch", {"requests": [part]}).json()["responses"]
        assert (answer["status"], answer["body"]["error"]["code"]) == (400, "BadRequest")


@pytest.mark.parametrize("query", ["$count=yes", "$top=²", "$top=x", "$skiptoken=²"])
def test_a_value_that_an_option_does_not_take_is_refused(graph: Rest, query: str) -> None:
    assert graph.get(f"/applications?{query}").status_code == 400


def test_a_property_that_the_type_lacks_cannot_be_searched(graph: Rest) -> None:
    answer = graph.get('/servicePrincipals?$search="uniqueName:x"', **EVENTUAL)
    graph_error(answer, 400, "Request_UnsupportedQuery", "Unsupported search")
