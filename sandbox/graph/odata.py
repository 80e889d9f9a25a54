"""The OData options: each is carried out or refused, none is dropped.

https://learn.microsoft.com/graph/query-parameters
https://learn.microsoft.com/graph/aad-advanced-queries
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlencode

from sandbox.graph.errors import GraphError, unsupported_query
from sandbox.graph.properties import TYPES
from sandbox.graph.routing import Answer, GraphCall
from sandbox.model import JsonObject

PAGE, LARGEST_PAGE = 100, 999
OF_ONE = frozenset({"$select", "$expand"})
OF_LISTS = OF_ONE | {"$filter", "$top", "$skiptoken", "$count", "$orderby", "$search"}
# All system query options of OData: those that are not carried out here are refused.
SYSTEM = OF_LISTS | {"$skip", "$format", "$apply", "$compute", "$deltatoken", "$index", "$levels", "$schemaversion"}
NEEDS_HEADER = "with a special request header: 'ConsistencyLevel: eventual'"

_EQUALS = re.compile(r"^\s*([\w/]+)\s+eq\s+(?:'((?:[^']|'')*)'|(true|false|[0-9a-fA-F-]{36}))\s*$")
_STARTS = re.compile(r"^\s*startswith\(\s*(\w+)\s*,\s*'((?:[^']|'')*)'\s*\)\s*$", re.IGNORECASE)
_ANY = re.compile(r"^\s*(\w+)/any\(\s*(\w+)\s*:\s*\2\s+eq\s+'((?:[^']|'')*)'\s*\)\s*$")
_IN = re.compile(r"^\s*(\w+)\s+in\s+\(\s*('(?:[^']|'')*'(?:\s*,\s*'(?:[^']|'')*')*)\s*\)\s*$")
_NOT = re.compile(r"^\s*not\s*(?:\((.+)\)|\s(.+?))\s*$", re.IGNORECASE)
_DIFFERS = re.compile(r"^\s*(\w+)\s+ne\s+(?:'((?:[^']|'')*)'|(true|false))\s*$")
_ENDS = re.compile(r"^\s*endswith\(\s*(\w+)\s*,\s*'((?:[^']|'')*)'\s*\)\s*$", re.IGNORECASE)
_SEARCH = re.compile(r'^"(displayName|description|uniqueName):([^"]+)"$')
_ADVANCED = re.compile(r"(?:^|\s)(?:not|ne)\s|endswith\(", re.IGNORECASE)


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


def with_dollar(query: dict[str, str]) -> dict[str, str]:
    """The query with each option as `$name`: Graph takes some without the sign, `top=1` for `$top=1`.

    https://learn.microsoft.com/graph/query-parameters
    """
    return {f"${name}" if f"${name}" in SYSTEM else name: value for name, value in query.items()}


def refuse_for_write(call: GraphCall) -> None:
    """Raise GraphError if a write has options: none is carried out, and it must not be written before that is said."""
    if call.method != "GET":
        _check_options(call, frozenset())


def one(call: GraphCall, type_name: str, entity_set: str, entity: JsonObject, status: int = 200) -> Answer:
    """An answer with a single entity."""
    context = {"@odata.context": call.context(f"{entity_set}/$entity")}
    if call.method != "GET":
        headers = {"Location": _location(call, type_name, entity)} if status == 201 else {}
        return Answer(status, {**context, **entity}, headers)
    _check_options(call, OF_ONE, entity)
    _check_names(call, type_name)
    return Answer(status, {**context, **_trim(call, entity)})


def many(call: GraphCall, type_name: str, entity_set: str, entities: list[JsonObject]) -> Answer:
    """An answer with a collection, after $search, $filter, $orderby, $top and $select."""
    _check_options(call, OF_LISTS, *entities[:1])
    _check_names(call, type_name)
    found = _ordered(call, selected(call, entities))
    body: JsonObject = {"@odata.context": call.context(entity_set)}
    if call.query.get("$count") == "true" and is_eventual(call):  # without the header it is ignored
        body["@odata.count"] = len(found)
    start, size = _page(call)
    if start + size < len(found):
        query = urlencode({**call.query, "$skiptoken": str(start + size)})
        body["@odata.nextLink"] = f"{call.graph_url}/v1.0{call.path}?{query}"
    body["value"] = [_trim(call, entity) for entity in found[start : start + size]]
    return Answer(200, body)


def count(call: GraphCall, entities: list[JsonObject]) -> Answer:
    """The answer of a /$count segment, which is an advanced query. Raises GraphError without its header."""
    if not is_eventual(call):
        raise GraphError(400, "Request_BadRequest", f"$count is not currently supported except {NEEDS_HEADER}.")
    _check_options(call, frozenset({"$filter", "$search"}), *entities[:1])
    return Answer(200, text=str(len(selected(call, entities))))


def is_eventual(call: GraphCall) -> bool:
    """Whether the caller accepts answers from the index of advanced queries, which lags."""
    return call.headers.get("consistencylevel", "").strip().lower() == "eventual"


def require_advanced(call: GraphCall, why: str) -> None:
    """Raise GraphError unless the call has what advanced queries need: the header and `$count=true`."""
    if not is_eventual(call) or call.query.get("$count") != "true":
        raise unsupported_query(f"{why} only works {NEEDS_HEADER} and $count=true.")


def selected(call: GraphCall, entities: list[JsonObject]) -> list[JsonObject]:
    """The entities that $search and $filter leave. Raises GraphError for what Graph refuses."""
    expression, search = call.query.get("$filter", ""), call.query.get("$search", "")
    if _ADVANCED.search(expression) and not call.path.endswith("/$count"):
        require_advanced(call, "This filter")
    found = [entity for entity in entities if _matches(expression, entity)]
    if not search:
        return found
    if not is_eventual(call):
        raise unsupported_query(f"Request with $search query parameter only works through MSGraph {NEEDS_HEADER}.")
    match = _SEARCH.match(search)
    if match is None:
        raise GraphError(400, "Request_UnsupportedQuery", 'Unsupported search: write "displayName:words".')
    return [entity for entity in found if match[2].strip().lower() in str(entity.get(match[1]) or "").lower()]


def _ordered(call: GraphCall, entities: list[JsonObject]) -> list[JsonObject]:
    wish = call.query.get("$orderby", "")
    if not wish:
        return entities
    require_advanced(call, "Sorting")
    name, _, direction = wish.strip().partition(" ")
    direction = direction.strip().lower()
    if direction not in ("", "asc", "desc") or any(name not in entity for entity in entities):
        raise unsupported_query(f"Unsupported sort property '{name}'.")
    return sorted(entities, key=lambda entity: str(entity[name] or "").lower(), reverse=direction == "desc")


def _check_options(call: GraphCall, known: frozenset[str], *entities: JsonObject) -> None:
    """Raise GraphError for an option that is not known here; an expansion must be in the entity already."""
    for name in call.query:
        if name.startswith("$") and name not in known:
            raise GraphError(400, "BadRequest", f"The query option '{name}' is not supported by this request.")
    expanded = [name.strip() for name in call.query.get("$expand", "").split(",") if name.strip()]
    if expanded and is_eventual(call):
        raise unsupported_query("$expand is not supported with advanced queries.")
    for name in expanded:
        if any(name not in entity for entity in entities):
            raise GraphError(400, "BadRequest", f"Parsing OData Select and Expand failed: cannot expand '{name}'.")


def _location(call: GraphCall, type_name: str, entity: JsonObject) -> str:
    kind = type_name[:1].upper() + type_name[1:]
    where = f"{call.graph_url}/v2/{call.tenant.id}/directoryObjects"
    return f"{where}/{entity.get('id')}/Microsoft.DirectoryServices.{kind}"


def wanted(call: GraphCall, name: str) -> str | None:
    """The lower-case value that a one-clause $filter compares this property with, or None."""
    equals = _EQUALS.match(call.query.get("$filter", ""))
    return equals[2].replace("''", "'").lower() if equals and equals[1] == name and equals[2] is not None else None


def _page(call: GraphCall) -> tuple[int, int]:
    """Start and length of this page. The skip token, opaque to clients, is the start."""
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
    for pattern, fits in _MORE:
        match = pattern.match(clause)
        if match:
            return fits(match, entity)
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


def _one_of(match: re.Match[str], entity: JsonObject) -> bool:
    values = re.findall(r"'((?:[^']|'')*)'", match[2])
    return any(_same(entity, match[1], value.replace("''", "'")) for value in values)


def _differs(match: re.Match[str], entity: JsonObject) -> bool:
    return not _same(entity, match[1], match[2].replace("''", "'") if match[2] is not None else match[3])


def _ends(match: re.Match[str], entity: JsonObject) -> bool:
    return str(entity.get(match[1]) or "").lower().endswith(match[2].replace("''", "'").lower())


def _negated(match: re.Match[str], entity: JsonObject) -> bool:
    return not _clause(match[1] or match[2], entity)


_MORE = ((_IN, _one_of), (_DIFFERS, _differs), (_ENDS, _ends), (_NOT, _negated))
