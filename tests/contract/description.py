"""Reads Microsoft's description of Graph: which answers a call has, and which properties an answer may have."""

from typing import Any

SCALARS: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "array": (list,),
    "object": (dict,),
}


class Description:
    """An OpenAPI document."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document

    def _resolved(self, node: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in node:
            target: Any = self._document
            for part in node["$ref"].removeprefix("#/").split("/"):
                target = target[part]
            node = target
        return node

    def answer_schema(self, path: str, method: str, status: int) -> tuple[bool, dict[str, Any] | None]:
        """Whether the call has this success status, and the schema of its body if it has one."""
        operation = self._document["paths"].get(path, {}).get(method.lower())
        if operation is None or str(status) not in operation["responses"]:
            return False, None
        answer = self._resolved(operation["responses"][str(status)])
        content = answer.get("content", {}).get("application/json")
        return True, content["schema"] if content else None

    def problems(self, schema: dict[str, Any], value: Any, where: str = "") -> list[str]:
        """What in the value the schema does not know, or has another type for."""
        schema = self._resolved(schema)
        if value is None:
            return []
        if schema.get("type") == "string" and isinstance(value, dict) and set(value) == {"@odata.id"}:
            # The description calls entity references texts; OData sends them as objects with their address.
            # http://docs.oasis-open.org/odata/odata-json-format/v4.01/odata-json-format-v4.01.html#sec_EntityReference
            return []
        expected = SCALARS.get(schema.get("type", ""))
        if expected is not None and not isinstance(value, expected):
            return [f"{where or 'body'} is not a {schema['type']}"]
        if isinstance(value, list):
            items = schema.get("items", {})
            return [p for index, item in enumerate(value) for p in self.problems(items, item, f"{where}[{index}]")]
        if isinstance(value, dict):
            return self._object_problems(schema, value, where)
        return []

    def _properties(self, schema: dict[str, Any]) -> dict[str, Any]:
        schema = self._resolved(schema)
        found = dict(schema.get("properties", {}))
        for part in schema.get("allOf", []) + schema.get("anyOf", []) + schema.get("oneOf", []):
            found.update(self._properties(part))
        return found

    def _object_problems(self, schema: dict[str, Any], value: dict[str, Any], where: str) -> list[str]:
        known = self._properties(schema)
        found: list[str] = []
        # An object without described properties is a base type: the real answer is one of its subtypes.
        if not known or self._is_base_type(value):
            return found
        for name, item in value.items():
            if name.startswith("@odata."):
                continue
            if name not in known:
                found.append(f"{where}.{name} is not described")
            else:
                found += self.problems(known[name], item, f"{where}.{name}")
        return found

    @staticmethod
    def _is_base_type(value: dict[str, Any]) -> bool:
        """An answer that names its own type is described under that name, not under the base type."""
        return "@odata.type" in value
