"""A call to Graph, its answer, and the routes that map calls to handlers."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from sandbox.model import JsonObject, ServicePrincipal, Tenant, User
from sandbox.world import World


@dataclass(frozen=True)
class Caller:
    """The caller: an application with its own permissions or, if `user` is set, on behalf of that person."""

    app_id: str
    principal: ServicePrincipal | None
    user: User | None
    permissions: frozenset[str]

    @property
    def id(self) -> str:
        """The id of the person or, without one, of the service principal."""
        if self.user is not None:
            return self.user.id
        return self.principal.id if self.principal else ""


@dataclass
class GraphCall:
    """A call with a valid token."""

    world: World
    tenant: Tenant
    caller: Caller
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: JsonObject
    graph_url: str
    allow_localhost_redirects: bool = False
    params: dict[str, str] = field(default_factory=dict)

    def context(self, entity: str) -> str:
        return f"{self.graph_url}/v1.0/$metadata#{entity}"

    @property
    def creates_if_missing(self) -> bool:
        """Whether this is an upsert. https://learn.microsoft.com/graph/api/application-upsert"""
        return "create-if-missing" in self.headers.get("prefer", "").lower()


@dataclass
class Answer:
    """An answer of Graph."""

    status: int = 200
    body: JsonObject | None = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Needs:
    """The permissions and directory roles that a call needs.

    A delegated call needs one permission of `delegated`, an application's own call one of `application`. If `also` is
    set, the call needs one of those permissions as well. A signed-in person needs one of `roles`, if there are any.
    """

    delegated: tuple[str, ...] = ()
    application: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()


Handler = Callable[[GraphCall], Answer]


@dataclass(frozen=True)
class Route:
    """A handler, and the method and path of the calls that it answers."""

    method: str
    pattern: re.Pattern[str]
    needs: Needs
    handler: Handler
    template: str


@dataclass
class Router:
    """Routes in order. `{name}` in a template matches one path segment: an id or `key='value'`."""

    routes: list[Route] = field(default_factory=list)

    def on(self, method: str, template: str, needs: Needs) -> Callable[[Handler], Handler]:
        expression = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(template))

        def add(handler: Handler) -> Handler:
            self.routes.append(Route(method, re.compile(f"^{expression}$"), needs, handler, template))
            return handler

        return add


def canonical(path: str) -> str:
    """The path in one form: `/applications(appId='x')/microsoft.graph.addPassword` becomes
    `applications/appId='x'/addPassword`.
    """
    flat = re.sub(r"\((\w+)='((?:[^']|'')*)'\)", r"/\1='\2'", path.strip("/"))
    return re.sub(r"/microsoft\.graph\.(add|remove)(Password|Key)$", r"/\1\2", flat)


def key_of(segment: str) -> tuple[str, str]:
    """The property and the value that a key segment names, such as ("id", value) or ("appId", value)."""
    named = re.fullmatch(r"(\w+)='(.*)'", segment)
    return (named[1], named[2].replace("''", "'")) if named else ("id", segment)
