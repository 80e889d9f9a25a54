"""The comparisons: calls and answers with the description, the sandbox's property tables with Microsoft's."""

from collections.abc import Iterator
from typing import Any

from sandbox.graph.properties import TYPES
from tests.contract.description import Description
from tests.sandbox.contract import DOCUMENTED_EXTRAS, Exchange

Result = tuple[str, list[str]]


def of_exchanges(exchanges: list[Exchange], description: Description) -> Iterator[Result]:
    """One result a call: its status as the table says, known to the description, its body described."""
    for exchange in exchanges:
        row = exchange.row
        name = f"{row.method} {row.documented} -> {row.status}"
        if exchange.status != row.status:
            yield name, [f"answered {exchange.status}: {exchange.answer}"]
        elif row.documented in DOCUMENTED_EXTRAS:
            yield name, []
        else:
            yield name, _described(exchange, description)


def _described(exchange: Exchange, description: Description) -> list[str]:
    row = exchange.row
    known, schema = description.answer_schema(row.documented, row.method, row.status)
    if not known:
        return ["the description has no such call or no such success status"]
    if exchange.answer is None or schema is None:
        return [] if exchange.answer is None else ["a body came where the description has none"]
    return description.problems(schema, exchange.answer)


def of_tables(tables: dict[str, Any]) -> Iterator[Result]:
    """One result a type: every property in the sandbox's table is one of Microsoft's."""
    for type_name, properties in TYPES.items():
        name = f"properties of {type_name}"
        if type_name not in tables["types"]:
            yield name, ["Microsoft has no such type"]
            continue
        known = tables["types"][type_name]
        extra = sorted(set(properties) - set(known["properties"]) - set(known.get("navigation", [])))
        yield name, [f"{prop} is not a property of it" for prop in extra]
