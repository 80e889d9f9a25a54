"""The table of calls works against the sandbox, and the comparison finds what differs."""

import pytest

from sandbox.app import Sandbox
from tests.contract import checks, facts
from tests.contract.description import Description
from tests.sandbox import contract
from tests.sandbox.contract import Exchange, Row

ROW = Row("portal", "GET", "/things", "/things", 200)
DESCRIPTION = Description(
    {
        "calls": {
            "GET /things": "-> 200 thing",
            "POST /things": "thing -> 201 thing",
            "DELETE /things": "-> 204",
        },
        "types": {"thing": "id:string part:part parts:[part] owner:string", "part": "size:integer any:object"},
        "properties": {"resourceAccess": "id"},
    }
)


def post(body: dict[str, object]) -> Row:
    return Row("portal", "POST", "/things", "/things", 201, body)


def test_every_call_of_the_product_succeeds_at_the_sandbox(sandbox: Sandbox) -> None:
    wrong = [(e.row.method, e.row.path, e.status, e.answer) for e in contract.play(sandbox) if e.status != e.row.status]
    assert wrong == []


@pytest.mark.parametrize(
    ("row", "answer", "problems"),
    [
        (ROW, {"@odata.context": "x", "id": "1", "part": {"size": 1, "any": {"x": 1}}}, []),
        (ROW, {"id": None, "part": None, "parts": [{"size": 1}]}, []),
        (ROW, {"owner": {"@odata.id": "https://graph.microsoft.com/v1.0/things/1"}}, []),
        (ROW, {"part": {"@odata.type": "#a.part", "more": 1}}, []),
        (ROW, {"nothing": 1}, [".nothing is not described"]),
        (ROW, {"part": {"nothing": 1}}, [".part.nothing is not described"]),
        (ROW, {"part": {"size": "big"}}, [".part.size is not of type integer"]),
        (ROW, {"part": "big"}, [".part is not of type part"]),
        (ROW, {"parts": {"size": 1}}, [".parts is not a list"]),
        (ROW, {"parts": [{"size": 1}, {"size": "big"}]}, [".parts[1].size is not of type integer"]),
        (ROW, [], ["body is not of type thing"]),
        (post({"part": {"size": 1}}), {"id": "1"}, []),
        (post({"part": {"size": "big"}}), {"id": "1"}, ["request: .part.size is not of type integer"]),
        (Row("portal", "DELETE", "/things", "/things", 204), None, []),
        (Row("portal", "DELETE", "/things", "/things", 204), {}, ["a body came where the description has none"]),
        (Row("portal", "DELETE", "/things", "/things", 204, {"id": "1"}), None, ["a body was sent"]),
        (Row("portal", "PUT", "/things", "/things", 200), {}, ["the description has no such call"]),
        (Row("portal", "GET", "/things", "/things", 201), {}, ["the description has no such call"]),
        (Row("portal", "POST", "/$batch", "/$batch", 201), {}, []),
    ],
)
def test_the_comparison_names_what_differs(row: Row, answer: object, problems: list[str]) -> None:
    ((_, found),) = checks.of_exchanges([Exchange(row, row.status, answer)], DESCRIPTION)
    assert len(found) == len(problems)
    assert all(a.startswith(b) for a, b in zip(found, problems, strict=True))


def test_an_unexpected_status_is_a_failure() -> None:
    ((_, found),) = checks.of_exchanges([Exchange(ROW, 403, {})], DESCRIPTION)
    assert found == ["answered 403: {}"]


def test_a_property_that_microsoft_does_not_have_is_a_failure() -> None:
    results = dict(checks.of_tables(DESCRIPTION))
    assert results["properties of resourceAccess"] == ["type is not a property of it"]
    assert results["properties of application"] == ["Microsoft has no such type"]


def test_a_property_that_only_microsoft_has_is_a_failure() -> None:
    description = Description({"calls": {}, "types": {}, "properties": {"resourceAccess": "id more type"}})
    assert dict(checks.of_tables(description))["properties of resourceAccess"] == ["more is missing"]


def test_a_type_of_the_calls_alone_is_compared_too() -> None:
    description = Description({"calls": {}, "types": {"keyValue": "key:string"}, "properties": {}})
    assert dict(checks.of_tables(description))["properties of keyValue"] == ["value is not a property of it"]


def test_a_property_without_a_type_may_have_any_value() -> None:
    calls = {"GET /things": "-> 200 thing"}
    description = Description({"calls": calls, "types": {"thing": "id:string"}, "properties": {"thing": "id newer"}})
    ((_, found),) = checks.of_exchanges([Exchange(ROW, 200, {"id": "1", "newer": 5, "other": 1})], description)
    assert found == [".other is not described"]


def test_the_sandbox_has_every_property_that_microsoft_has() -> None:
    wrong = {name: problems for name, problems in checks.of_tables(Description(facts.read())) if problems}
    assert wrong == {}
