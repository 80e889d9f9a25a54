"""What Graph is described to take and answer: the calls, and the problems that a body has against its type."""

from dataclasses import dataclass
from typing import Any

from tests.contract.facts import Facts

SCALARS: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "object": (dict,),
}
ANY = "any"


@dataclass(frozen=True)
class Call:
    """The types of a call's bodies: what it takes, and what it answers with each success status. "" is no body."""

    takes: str
    answers: dict[int, str]


class Description:
    """The table of facts, to be asked about one call or one body."""

    def __init__(self, facts: Facts) -> None:
        self._calls = facts["calls"]
        self._types = {
            name: dict(pair.rsplit(":", 1) for pair in properties.split())
            for name, properties in facts["types"].items()
        }
        self.properties = {name: names.split() for name, names in facts["properties"].items()}
        # The description of calls is older and shorter: what it lacks has a name here, and no type.
        for name, known in self._types.items():
            known |= {prop: ANY for prop in self.properties.get(name, ()) if prop not in known}

    def names_of(self, type_name: str) -> list[str] | None:
        """The properties of the type, by the newer description or else by the calls; None where neither has it."""
        known = self.properties.get(type_name) or self._types.get(type_name)
        return None if known is None else list(known)

    def call(self, method: str, path: str) -> Call | None:
        """The call, or None where the table has no such method of this path."""
        text = self._calls.get(f"{method} {path}")
        if text is None:
            return None
        takes, _, answers = text.partition("->")
        pairs = (answer.split() for answer in answers.split(","))
        return Call(takes.strip(), {int(status): "".join(body) for status, *body in pairs})

    def problems(self, type_name: str, value: Any, where: str = "") -> list[str]:
        """What in the value the type does not have, or has with another type."""
        if value is None or type_name == ANY:
            return []
        if type_name == "string" and isinstance(value, dict) and set(value) == {"@odata.id"}:
            # The description calls entity references texts; OData sends them as objects with their address.
            # http://docs.oasis-open.org/odata/odata-json-format/v4.01/odata-json-format-v4.01.html#sec_EntityReference
            return []
        if type_name.startswith("["):
            return self._list_problems(type_name[1:-1], value, where)
        if not isinstance(value, SCALARS.get(type_name, dict)):
            return [f"{where or 'body'} is not of type {type_name}"]
        return [] if type_name in SCALARS else self._object_problems(self._types[type_name], value, where)

    def _list_problems(self, item_type: str, value: Any, where: str) -> list[str]:
        if not isinstance(value, list):
            return [f"{where or 'body'} is not a list"]
        return [p for index, item in enumerate(value) for p in self.problems(item_type, item, f"{where}[{index}]")]

    def _object_problems(self, known: dict[str, str], value: Any, where: str) -> list[str]:
        if "@odata.type" in value:  # a body that names its own type is described under that name, not under this one
            return []
        found: list[str] = []
        for name, item in value.items():
            if name in known:
                found += self.problems(known[name], item, f"{where}.{name}")
            elif not name.startswith("@odata."):
                found.append(f"{where}.{name} is not described")
        return found
