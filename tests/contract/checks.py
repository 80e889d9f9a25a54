"""The comparisons: calls and answers with the description, the sandbox's property tables with Microsoft's."""

from collections.abc import Iterator

from sandbox.graph.properties import TYPES
from tests.contract.description import Call, Description
from tests.sandbox.contract import DOCUMENTED_EXTRAS, Exchange

Result = tuple[str, list[str]]


def of_exchanges(exchanges: list[Exchange], description: Description) -> Iterator[Result]:
    """One result a call: its status as expected and described, and both bodies as described."""
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
    call = description.call(row.method, row.documented)
    if call is None or row.status not in call.answers:
        return ["the description has no such call or no such success status"]
    return _request_problems(exchange, call, description) + _answer_problems(exchange, call, description)


def _request_problems(exchange: Exchange, call: Call, description: Description) -> list[str]:
    if exchange.row.body is None:
        return []
    if not call.takes:
        return ["a body was sent where the description has none"]
    return [f"request: {problem}" for problem in description.problems(call.takes, exchange.row.body)]


def _answer_problems(exchange: Exchange, call: Call, description: Description) -> list[str]:
    answer_type = call.answers[exchange.row.status]
    if exchange.answer is None or not answer_type:
        return [] if exchange.answer is None else ["a body came where the description has none"]
    return description.problems(answer_type, exchange.answer)


def of_tables(description: Description) -> Iterator[Result]:
    """One result a type: every property in the sandbox's table is one of Microsoft's."""
    for type_name, properties in TYPES.items():
        name = f"properties of {type_name}"
        if type_name not in description.properties:
            yield name, ["Microsoft has no such type"]
            continue
        extra = sorted(set(properties) - set(description.properties[type_name]))
        yield name, [f"{prop} is not a property of it" for prop in extra]
