"""The OData query options that the product uses: $select, $filter, $top, and paging.

https://learn.microsoft.com/graph/query-parameters
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlencode

from sandbox.graph.calls import Answer, GraphCall
from sandbox.graph.errors import GraphError
from sandbox.graph.properties import TYPES
from sandbox.model import JsonObject

PAGE, LARGEST_PAGE = 100, 999

_EQUALS = re.compile(r"^\s*([\w/]+)\s+eq\s+(?:'((?:[^']|'')*)'|(true|false|[0-9a-fA-F-]{36}))\s*$")
_STARTS = re.compile(r"^\s*startswith\(\s*(\w+)\s*,\s*'((?:[^']|'')*)'\s*\)\s*$", re.IGNORECASE)
_ANY = re.compile(r"^\s*(\w+)/any\(\s*(\w+)\s*:\s*\2\s+eq\s+'((?:[^']|'')*)'\s*\)\s*$")


def _names(call: GraphCall) -> list[str]:
    return [name.strip() for name in call.query.get("$select", "").split(",") if name.strip()]


def _check_names(call: GraphCall, type_name: str) -> None:
    for name in _names(call):
        if type_name in TYPES and name not in TYPES[type_name]:
            raise GraphError(
                400,
                "BadRequest",
                f"Parsing OData Select and Expand failed: Could not find a property named '{name}' on type"
                f" 'microsoft.graph.{type_name}'.",
            )


def _trim(call: GraphCall, entity: JsonObject) -> JsonObject:
    names = _names(call)
    return {name: entity.get(name) for name in names} if names else entity


def one(call: GraphCall, type_name: str, entity_set: str, entity: JsonObject, status: int = 200) -> Answer:
    """An answer with a single entity."""
    context = {"@odata.context": call.context(f"{entity_set}/$entity")}
    if call.method != "GET":
        return Answer(status, {**context, **entity})
    _check_names(call, type_name)
    return Answer(status, {**context, **_trim(call, entity)})


def many(call: GraphCall, type_name: str, entity_set: str, entities: list[JsonObject]) -> Answer:
    """An answer with a collection, after $filter, $top and $select."""
    _check_names(call, type_name)
    found = [entity for entity in entities if _matches(call.query.get("$filter", ""), entity)]
    body: JsonObject = {"@odata.context": call.context(entity_set)}
    if call.query.get("$count") == "true":
        body["@odata.count"] = len(found)
    start, size = _page(call)
    if start + size < len(found):
        query = urlencode({**call.query, "$skiptoken": str(start + size)})
        body["@odata.nextLink"] = f"{call.graph_url}/v1.0{call.path}?{query}"
    body["value"] = [_trim(call, entity) for entity in found[start : start + size]]
    return Answer(200, body)


def filter_value(call: GraphCall, name: str) -> str | None:
    """The value in lower case that $filter compares this property with, or None if $filter has another form."""
    equals = _EQUALS.match(call.query.get("$filter", ""))
    return equals[2].replace("''", "'").lower() if equals and equals[1] == name and equals[2] is not None else None


def _page(call: GraphCall) -> tuple[int, int]:
    """The start and the size of this page. The skip token is opaque to clients. Here it is the start."""
    start, size = call.query.get("$skiptoken", "0"), call.query.get("$top", str(PAGE))
    if not size.isdigit() or not 1 <= int(size) <= LARGEST_PAGE or not start.isdigit():
        raise GraphError(
            400,
            "Request_UnsupportedQuery",
            f"Invalid page size specified: '{size}'. Must be between 1 and {LARGEST_PAGE} inclusive.",
        )
    return int(start), int(size)


def _matches(expression: str, entity: JsonObject) -> bool:
    if not expression:
        return True
    return any(
        all(_clause(clause, entity) for clause in re.split(r"\s+and\s+", part))
        for part in re.split(r"\s+or\s+", expression)
    )


def _clause(clause: str, entity: JsonObject) -> bool:
    equals = _EQUALS.match(clause)
    if equals:
        wanted = equals[2].replace("''", "'") if equals[2] is not None else equals[3]
        return _same(entity, equals[1], wanted)
    starts = _STARTS.match(clause)
    if starts:
        return str(entity.get(starts[1]) or "").lower().startswith(starts[2].replace("''", "'").lower())
    contains = _ANY.match(clause)
    if contains:
        return contains[3].replace("''", "'") in (entity.get(contains[1]) or [])
    raise GraphError(400, "Request_UnsupportedQuery", f"Unsupported or invalid query filter clause: {clause.strip()}")


def _same(entity: JsonObject, name: str, wanted: str) -> bool:
    if name not in entity:
        raise GraphError(
            400, "Request_UnsupportedQuery", f"Unsupported Query: unsupported or invalid property '{name}' in filter."
        )
    value: Any = entity[name]
    if isinstance(value, bool):
        return str(value).lower() == wanted
    return str(value or "").lower() == wanted.lower()
