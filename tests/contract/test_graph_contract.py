"""The table of calls works against the sandbox, and the comparison finds what differs."""

import pytest

from sandbox.app import Sandbox
from tests.contract import checks
from tests.contract.description import Description
from tests.sandbox import contract
from tests.sandbox.contract import Exchange
from tests.sandbox.contract_calls import Row

ROW = Row("portal", "GET", "/things", "/things", 200)
THING = {"type": "object", "properties": {"id": {"type": "string"}, "part": {"$ref": "#/components/schemas/part"}}}
DOCUMENT = {
    "paths": {"/things": {"get": {"responses": {"200": {"$ref": "#/components/responses/things"}}}}},
    "components": {
        "responses": {"things": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/thing"}}}}},
        "schemas": {"thing": THING, "part": {"type": "object", "properties": {"size": {"type": "integer"}}}},
    },
}


def test_every_call_of_the_product_succeeds_at_the_sandbox(sandbox: Sandbox) -> None:
    wrong = [(e.row.method, e.row.path, e.status, e.answer) for e in contract.play(sandbox) if e.status != e.row.status]
    assert wrong == []


@pytest.mark.parametrize(
    ("row", "answer", "problems"),
    [
        (ROW, {"@odata.context": "x", "id": "1", "part": {"size": 1}}, []),
        (ROW, {"id": None, "part": None}, []),
        (ROW, {"nothing": 1}, [".nothing is not described"]),
        (ROW, {"part": {"nothing": 1}}, [".part.nothing is not described"]),
        (ROW, {"part": {"size": "big"}}, [".part.size is not a integer"]),
        (Row("portal", "PUT", "/things", "/things", 200), {}, ["the description has no such call"]),
        (Row("portal", "GET", "/things", "/things", 201), {}, ["the description has no such call"]),
        (Row("portal", "POST", "/$batch", "/$batch", 201), {}, []),
    ],
)
def test_the_comparison_names_what_differs(row: Row, answer: dict[str, object], problems: list[str]) -> None:
    ((_, found),) = checks.of_exchanges([Exchange(row, row.status, answer)], Description(DOCUMENT))
    assert len(found) == len(problems)
    assert all(a.startswith(b) for a, b in zip(found, problems, strict=True))


def test_an_unexpected_status_is_a_failure() -> None:
    ((_, found),) = checks.of_exchanges([Exchange(ROW, 403, {})], Description(DOCUMENT))
    assert found == ["answered 403: {}"]


def test_a_property_that_microsoft_does_not_have_is_a_failure() -> None:
    results = dict(checks.of_tables({"types": {"resourceAccess": {"properties": {"id": "Edm.Guid"}}}}))
    assert results["properties of resourceAccess"] == ["type is not a property of it"]
    assert results["properties of application"] == ["Microsoft has no such type"]
