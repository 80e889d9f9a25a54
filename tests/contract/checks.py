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
    """One result a type: the sandbox's table has each of Microsoft's properties, and no other."""
    for type_name, properties in TYPES.items():
        described = description.names_of(type_name)
        if described is None:
            yield f"properties of {type_name}", ["Microsoft has no such type"]
            continue
        extra, missing = set(properties) - set(described), set(described) - set(properties)
        problems = [f"{prop} is not a property of it" for prop in sorted(extra)]
        yield f"properties of {type_name}", problems + [f"{prop} is missing" for prop in sorted(missing)]
