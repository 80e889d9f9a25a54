"""The OData options: each is carried out or refused, none is dropped.

https://learn.microsoft.com/graph/query-parameters
https://learn.microsoft.com/graph/aad-advanced-queries
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from urllib.parse import urlencode

from sandbox.graph import filters
from sandbox.graph.errors import GraphError, unsupported_query
from sandbox.graph.properties import TYPES
from sandbox.graph.property_kinds import SCALARS
from sandbox.graph.routing import Answer, GraphCall
from sandbox.model import JsonObject

PAGE, LARGEST_PAGE = 100, 999
OF_ONE = frozenset({"$select", "$expand"})
OF_REFERENCES = frozenset({"$top", "$skiptoken", "$count"})
OF_LISTS = OF_ONE | OF_REFERENCES | {"$filter", "$orderby", "$search"}
OF_COUNTS = frozenset({"$filter", "$search"})
# All system query options of OData: those that are not carried out here are refused.
SYSTEM = OF_LISTS | {"$skip", "$format", "$apply", "$compute", "$deltatoken", "$index", "$levels", "$schemaversion"}
NEEDS_HEADER = "with a special request header: 'ConsistencyLevel: eventual'"

_SEARCH = re.compile(r'^"(displayName|description|uniqueName):([^"]+)"$')


def options(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The query with each option as `$name`: Graph takes some without the sign, or in capitals, `Top=1` for `$top=1`.

    Raises GraphError for an option that is given twice: one of the two would be dropped.
    https://learn.microsoft.com/graph/query-parameters
    """
    found: dict[str, str] = {}
    for name, value in pairs:
        plain = f"${name.removeprefix('$').lower()}"
        full = plain if plain in SYSTEM else name
        if full in found and full.startswith("$"):
            text = f"Query option '{full}' was specified more than once, but it must be specified at most once."
            raise GraphError(400, "BadRequest", text)
        found[full] = value
    return found


def refuse_for_write(call: GraphCall) -> None:
    """Raise GraphError if a write has options: none is carried out, and it must not be written before that is said."""
    if call.method != "GET":
        refuse_options(call.query)


def refuse_options(query: Mapping[str, str], known: frozenset[str] = frozenset()) -> None:
    """Raise GraphError for an option that is not `known` here."""
    for name in query:
        if name.startswith("$") and name not in known:
            raise GraphError(400, "BadRequest", f"The query option '{name}' is not supported by this request.")


def one(
    call: GraphCall,
    type_name: str,
    entity_set: str,
    entity: JsonObject,
    status: int = 200,
    *,
    expandable: tuple[str, ...] = (),
) -> Answer:
    """An answer with a single entity. `expandable`: what the entity has if $expand names it."""
    context = {"@odata.context": call.context(f"{entity_set}/$entity")}
    if call.method != "GET":
        headers = {"Location": _location(call, type_name, entity)} if status == 201 else {}
        return Answer(status, {**context, **entity}, headers)
    _check_options(call, OF_ONE)
    _check_names(call, type_name, expandable)
    return Answer(status, {**context, **_trim(call, entity)})


def many(
    call: GraphCall,
    type_name: str,
    entity_set: str,
    entities: list[JsonObject],
    *,
    expandable: tuple[str, ...] = (),
    known: frozenset[str] = OF_LISTS,
) -> Answer:
    """An answer with a collection, after $search, $filter, $orderby, $top and $select."""
    _check_options(call, known)
    _check_names(call, type_name, expandable)
    found = _ordered(call, type_name, selected(call, type_name, entities))
    body: JsonObject = {"@odata.context": call.context(entity_set)}
    if _wants_count(call) and is_eventual(call):  # without the header it is ignored
        body["@odata.count"] = len(found)
    start, size = _page(call)
    if start + size < len(found):
        query = urlencode({**call.query, "$skiptoken": str(start + size)})
        body["@odata.nextLink"] = f"{call.graph_url}/v1.0{call.path}?{query}"
    body["value"] = [_trim(call, entity) for entity in found[start : start + size]]
    return Answer(200, body)


def count(call: GraphCall, type_name: str, entities: list[JsonObject]) -> Answer:
    """The answer of a /$count segment, which is an advanced query. Raises GraphError without its header."""
    if not is_eventual(call):
        raise GraphError(400, "Request_BadRequest", f"$count is not currently supported except {NEEDS_HEADER}.")
    _check_options(call, OF_COUNTS)
    return Answer(200, text=str(len(selected(call, type_name, entities))))


def is_eventual(call: GraphCall) -> bool:
    """Whether the caller accepts answers from the index of advanced queries, which lags."""
    return call.headers.get("consistencylevel", "").strip().lower() == "eventual"


def require_advanced(call: GraphCall, why: str) -> None:
    """Raise GraphError unless the call has what advanced queries need: the header and `$count=true`."""
    if not is_eventual(call) or call.query.get("$count") != "true":
        raise unsupported_query(f"{why} only works {NEEDS_HEADER} and $count=true.")


def selected(call: GraphCall, type_name: str, entities: list[JsonObject]) -> list[JsonObject]:
    """The entities that $search and $filter leave. Raises GraphError for what Graph refuses."""
    wish = filters.parse(call.query.get("$filter", ""), type_name)
    if wish.is_advanced and not call.path.endswith("/$count"):
        require_advanced(call, "This filter")
    found = [entity for entity in entities if wish.matches(entity)]
    search = call.query.get("$search", "")
    if not search:
        return found
    if not is_eventual(call):
        raise unsupported_query(f"Request with $search query parameter only works through MSGraph {NEEDS_HEADER}.")
    match = _SEARCH.match(search)
    if match is None or match[1] not in TYPES[type_name]:
        raise unsupported_query('Unsupported search: write "displayName:words".')
    return [entity for entity in found if match[2].strip().lower() in str(entity.get(match[1]) or "").lower()]


def wanted(call: GraphCall, name: str) -> str | None:
    """The lower-case value that a one-clause $filter compares this property with, or None."""
    return filters.only_value(call.query.get("$filter", ""), name)


def _names(call: GraphCall, option: str) -> list[str]:
    return [name.strip() for name in call.query.get(option, "").split(",") if name.strip()]


def _check_names(call: GraphCall, type_name: str, expandable: tuple[str, ...]) -> None:
    """Raise GraphError for a name that the type does not have, whether or not an entity is found."""
    for name in _names(call, "$select"):
        if name not in TYPES[type_name]:
            raise GraphError(
                400,
                "BadRequest",
                f"Parsing OData Select and Expand failed: Could not find a property named '{name}' on type"
                f" 'microsoft.graph.{type_name}'.",
            )
    for name in _names(call, "$expand"):
        if name not in expandable:
            raise GraphError(400, "BadRequest", f"Parsing OData Select and Expand failed: cannot expand '{name}'.")


def _trim(call: GraphCall, entity: JsonObject) -> JsonObject:
    """What $select names, besides what $expand adds and the entity's annotations."""
    names = _names(call, "$select")
    if not names:
        return entity
    kept = [name for name in entity if name.startswith("@odata.")]
    return {name: entity.get(name) for name in dict.fromkeys([*kept, *names, *_names(call, "$expand")])}


def _ordered(call: GraphCall, type_name: str, entities: list[JsonObject]) -> list[JsonObject]:
    wish = call.query.get("$orderby", "")
    if not wish:
        return entities
    require_advanced(call, "Sorting")
    name, _, direction = wish.strip().partition(" ")
    direction = direction.strip().lower()
    known = TYPES[type_name].get(name)
    if direction not in ("", "asc", "desc") or known is None or known.kind not in SCALARS:
        raise unsupported_query(f"Unsupported sort property '{name}'.")
    return sorted(entities, key=lambda entity: str(entity.get(name) or "").lower(), reverse=direction == "desc")


def _check_options(call: GraphCall, known: frozenset[str]) -> None:
    """Raise GraphError for an option that is not known here."""
    refuse_options(call.query, known)
    if _names(call, "$expand") and is_eventual(call):
        raise unsupported_query("$expand is not supported with advanced queries.")


def _wants_count(call: GraphCall) -> bool:
    value = call.query.get("$count", "false")
    if value not in ("true", "false"):
        text = f"Invalid value '{value}' for $count query option found. Valid values are 'true' and 'false'."
        raise GraphError(400, "BadRequest", text)
    return value == "true"


def _location(call: GraphCall, type_name: str, entity: JsonObject) -> str:
    kind = type_name[:1].upper() + type_name[1:]
    where = f"{call.graph_url}/v2/{call.tenant.id}/directoryObjects"
    return f"{where}/{entity.get('id')}/Microsoft.DirectoryServices.{kind}"


def _page(call: GraphCall) -> tuple[int, int]:
    """Start and length of this page. The skip token, opaque to clients, is the start."""
    start, size = call.query.get("$skiptoken", "0"), call.query.get("$top", str(PAGE))
    if not size.isdecimal() or not 1 <= int(size) <= LARGEST_PAGE or not start.isdecimal():
        raise GraphError(
            400,
            "Request_UnsupportedQuery",
            f"Invalid page size specified: '{size}'. Must be between 1 and {LARGEST_PAGE} inclusive.",
        )
    return int(start), int(size)
