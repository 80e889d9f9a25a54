"""The table of facts about Microsoft Graph, `graph.toml`: made from Microsoft's descriptions, read by the checks.

It has calls, statuses, properties and types, and no sentences. The descriptions themselves are not part of the project.
"""

import textwrap
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

TABLE = Path(__file__).with_name("graph.toml")
METHODS = ("get", "post", "patch", "put", "delete")
HEADING = """\
# What Microsoft Graph v1.0 takes and answers, as the contract check needs it.
# Written by `python -m tests.contract --write --openapi FILE --properties FILE`. Not to be edited by hand.

[calls]  # the type of the body it takes, if any, and each success status with the type of its body
"""
Facts = dict[str, dict[str, str]]


def read() -> Facts:
    """The table of the project."""
    tables: Facts = tomllib.loads(TABLE.read_text())
    return {name: {key: " ".join(text.split()) for key, text in table.items()} for name, table in tables.items()}


def make(openapi: dict[str, Any], properties: dict[str, Any]) -> Facts:
    """The table from an OpenAPI document and from the properties of each type."""
    return _OpenApi(openapi).facts() | {kind: dict(_names(properties, kind)) for kind in ("properties", "navigation")}


def render(facts: Facts) -> str:
    """The table as text. No line is long, so that a difference shows where it is."""
    parts = [HEADING, *(f'"{call}" = "{answers}"\n' for call, answers in facts["calls"].items())]
    parts.append("\n[types]  # of bodies: each property with its type; brackets mean a list\n")
    parts += [_entry(name, text) for name, text in facts["types"].items()]
    parts.append("\n[properties]  # of types, in Microsoft's newer description of the same data: the names alone\n")
    parts += [_entry(name, text) for name, text in facts["properties"].items()]
    parts.append(
        "\n[navigation]  # of the same types: what they lead to, which is in no answer unless it is expanded\n"
    )
    parts += [_entry(name, text) for name, text in facts["navigation"].items()]
    return "".join(parts)


def _entry(name: str, text: str) -> str:
    lines = textwrap.wrap(text, 110, break_long_words=False, break_on_hyphens=False)
    if len(lines) <= 1:
        return f'{name} = "{text}"\n'
    return f'{name} = """\n' + "".join(f"    {line}\n" for line in lines) + '"""\n'


def _names(tables: dict[str, Any], kind: str) -> Iterator[tuple[str, str]]:
    """Of each type that has any: the names of its properties, or of its navigation properties."""
    for name, known in tables["types"].items():
        if known.get(kind):
            yield name, " ".join(sorted(known[kind]))


class _OpenApi:
    """An OpenAPI document, reduced to the table."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document
        self._types: dict[str, str] = {}
        self._open: set[str] = set()  # types whose properties are being read

    def facts(self) -> Facts:
        """Every call, and every type that a body of one of them has."""
        calls = {
            f"{method.upper()} {path}": self._call(path.rpartition("/")[2], operations[method])
            for path, operations in self._document["paths"].items()
            for method in METHODS
            if method in operations
        }
        return {"calls": calls, "types": dict(sorted(self._types.items()))}

    def _resolved(self, node: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in node:
            target: Any = self._document
            for part in node["$ref"].removeprefix("#/").split("/"):
                target = target[part]
            node = target
        return node

    def _call(self, name: str, operation: dict[str, Any]) -> str:
        takes = self._body(f"{name}Request", operation.get("requestBody", {}))
        answers = [
            f"{status} {self._body(f'{name}Response', answer)}".rstrip()
            for status, answer in operation["responses"].items()
            if status.startswith("2")
        ]
        return f"{takes} -> {', '.join(answers)}".lstrip()

    def _body(self, name: str, node: dict[str, Any]) -> str:
        content = self._resolved(node).get("content", {}).get("application/json")
        return self._type(name, content["schema"]) if content else ""

    def _type(self, name: str, schema: dict[str, Any]) -> str:
        """The name of a type. A type without a name of its own gets the given one."""
        if "$ref" in schema:
            name = schema["$ref"].rpartition("/")[2].removeprefix("microsoft.graph.")
            schema = self._resolved(schema)
        if "anyOf" in schema:  # a type, or null, which is spelled as an object
            (schema,) = [part for part in schema["anyOf"] if part != {"type": "object", "nullable": True}]
            return self._type(name, schema)
        if schema.get("type") == "array":
            return f"[{self._type(name, schema['items'])}]"
        if schema.get("type", "object") != "object":
            return str(schema["type"])
        properties = self._properties(schema)
        if not properties:
            return "object"
        if name in self._open:  # a type may have properties of its own type
            return name
        self._open.add(name)
        types = {prop: self._type(f"{name}_{prop}", value) for prop, value in properties.items()}
        self._open.remove(name)
        text = " ".join(f"{prop}:{type_name}" for prop, type_name in sorted(types.items()))
        if self._types.setdefault(name, text) != text:
            raise ValueError(f"Two different types would be called {name}.")
        return name

    def _properties(self, schema: dict[str, Any]) -> dict[str, Any]:
        schema = self._resolved(schema)
        found = dict(schema.get("properties", {}))
        for part in schema.get("allOf", []):
            found.update(self._properties(part))
        return found
