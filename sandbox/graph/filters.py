"""$filter: parsed and checked against the type before it meets an object, so that a wrong name never goes unnoticed.

https://learn.microsoft.com/graph/filter-query-parameter
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

from sandbox.graph.errors import unsupported_query
from sandbox.graph.properties import TYPES
from sandbox.graph.property_kinds import LISTS_OF_SCALARS, SCALARS
from sandbox.graph.routing import GUID
from sandbox.model import JsonObject

Test = Callable[[JsonObject], bool]
DEEPEST = 50  # parentheses within each other

_TOKEN = re.compile(r"\s*(?:('(?:[^']|'')*')|([\w][\w./-]*)|([(),:]))")
_ONE_CLAUSE = re.compile(r"^\s*(\w+)\s+eq\s+'((?:[^']|'')*)'\s*$")


@dataclass(frozen=True)
class Filter:
    """A parsed filter: which objects it leaves, and whether it is an advanced query."""

    matches: Test
    is_advanced: bool


def parse(expression: str, type_name: str) -> Filter:
    """The filter for objects of this type. Raises GraphError for what is not carried out, and for unknown properties."""
    if not expression:
        return Filter(lambda entity: True, False)
    parser = _Parser(expression, type_name, _tokens(expression))
    return Filter(parser.whole(), parser.is_advanced)


def only_value(expression: str, name: str) -> str | None:
    """The lower-case text that a filter of one clause compares this property with, or None."""
    clause = _ONE_CLAUSE.match(expression)
    return _text(f"'{clause[2]}'").lower() if clause and clause[1] == name else None


def _tokens(expression: str) -> list[str]:
    found: list[str] = []
    at = 0
    while expression[at:].strip():
        match = _TOKEN.match(expression, at)
        if match is None:
            _refuse(expression)
        found.append(match[0].strip())
        at = match.end()
    return found


def _refuse(expression: str) -> NoReturn:
    raise unsupported_query(f"Unsupported or invalid query filter clause: {expression.strip()}")


def _text(token: str) -> str:
    return token[1:-1].replace("''", "'")


@dataclass
class _Parser:
    """Descends through `or`, `and`, `not` and parentheses to the clauses."""

    expression: str
    type_name: str
    tokens: list[str]
    is_advanced: bool = False
    depth: int = 0

    def whole(self) -> Test:
        test = self._either()
        if self.tokens:
            _refuse(self.expression)
        return test

    def _next(self, *wanted: str) -> str:
        """The next token, taken. Refuses the filter if there is none, or none of the wanted ones."""
        if not self.tokens or (wanted and self.tokens[0].lower() not in wanted):
            _refuse(self.expression)
        return self.tokens.pop(0)

    def _is_next(self, word: str) -> bool:
        return bool(self.tokens) and self.tokens[0].lower() == word

    def _either(self) -> Test:
        tests = [self._both()]
        while self._is_next("or"):
            self._next()
            tests.append(self._both())
        return lambda entity: any(test(entity) for test in tests)

    def _both(self) -> Test:
        tests = [self._single()]
        while self._is_next("and"):
            self._next()
            tests.append(self._single())
        return lambda entity: all(test(entity) for test in tests)

    def _single(self) -> Test:
        self.depth += 1
        if self.depth > DEEPEST:
            _refuse(self.expression)
        if self._is_next("not"):
            self._next()
            self.is_advanced = True
            negated = self._single()
            test: Test = lambda entity: not negated(entity)  # noqa: E731  the branches give tests alike
        elif self._is_next("("):
            self._next()
            test = self._either()
            self._next(")")
        else:
            test = self._clause()
        self.depth -= 1
        return test

    def _clause(self) -> Test:
        word = self._next()
        if word.lower() in ("startswith", "endswith"):
            return self._affix(word.lower())
        if word.endswith("/any"):
            return self._any(word.removesuffix("/any"))
        operator = self._next("eq", "ne", "in").lower()
        values = self._values(word) if operator == "in" else [self._literal(word)]
        if operator == "ne":
            self.is_advanced = True
        return lambda entity: (_comparable(entity.get(word)) in values) == (operator != "ne")

    def _affix(self, function: str) -> Test:
        self._next("(")
        name = self._known(self._next(), *(kind for kind in SCALARS if kind != "flag"))
        self._next(",")
        wanted = self._string().lower()
        self._next(")")
        if function == "endswith":
            self.is_advanced = True
            return lambda entity: _comparable(entity.get(name)).endswith(wanted)
        return lambda entity: _comparable(entity.get(name)).startswith(wanted)

    def _any(self, name: str) -> Test:
        self._known(name, *LISTS_OF_SCALARS)
        self._next("(")
        variable = self._next().lower()
        self._next(":")
        self._next(variable)
        self._next("eq")
        wanted = self._string()
        self._next(")")
        return lambda entity: wanted in (entity.get(name) or [])

    def _values(self, name: str) -> list[str]:
        self._next("(")
        values = [self._literal(name)]
        while self._is_next(","):
            self._next()
            values.append(self._literal(name))
        self._next(")")
        return values

    def _literal(self, name: str) -> str:
        """The value to compare this property with, as `_comparable` writes it."""
        self._known(name, *SCALARS)
        kind = TYPES[self.type_name][name].kind
        is_flag = kind == "flag"
        token = self._next()
        if is_flag and token in ("true", "false"):
            return token
        if is_flag or not (token.startswith("'") or GUID.fullmatch(token)):
            raise unsupported_query(f"Unsupported or invalid value {token} of property '{name}' in filter.")
        value = (_text(token) if token.startswith("'") else token).lower()
        if kind == "guid" and not GUID.fullmatch(value):
            name_of_type = self.type_name[:1].upper() + self.type_name[1:]
            raise unsupported_query(
                f"Unsupported or invalid query filter clause specified for property '{name}' of resource '{name_of_type}'."
            )
        return value

    def _string(self) -> str:
        token = self._next()
        if not token.startswith("'"):
            _refuse(self.expression)
        return _text(token)

    def _known(self, name: str, *kinds: str) -> str:
        known = TYPES[self.type_name].get(name)
        if known is None or known.kind not in kinds:
            raise unsupported_query(f"Unsupported Query: unsupported or invalid property '{name}' in filter.")
        return name


def _comparable(value: object) -> str:
    return str(value if value is not None else "").lower()
