"""The kinds of properties of Graph's types: what a value may be, and who sets it."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Property:
    """One property: its type, its limits, and whether it is writable."""

    kind: str
    limit: int | None = None
    choices: tuple[str, ...] = ()
    of: str = ""
    read_only: bool = False


def text(limit: int | None = None, *choices: str) -> Property:
    return Property("text", limit, choices)


def thing(of: str) -> Property:
    return Property("object", of=of)


def things(of: str) -> Property:
    return Property("objects", of=of)


TEXT, FLAG, GUID, INSTANT = text(), Property("flag"), Property("guid"), Property("instant")
TEXTS, GUIDS, NUMBER = Property("texts"), Property("guids"), Property("number")


def fixed(known: Property) -> Property:
    """The same property, which only Graph itself sets."""
    return replace(known, read_only=True)


READ_ONLY, READ_ONLY_FLAG, READ_ONLY_GUID = fixed(TEXT), fixed(FLAG), fixed(GUID)
OPAQUE = Property("any", read_only=True)  # with types of its own that nothing here looks into
# What $filter and $orderby compare: neither an object nor a list.
SCALARS = ("text", "flag", "guid", "instant", "number")
LISTS_OF_SCALARS = ("texts", "guids")
