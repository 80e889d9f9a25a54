"""One call to Graph: what a handler gets, what it gives back, how it is found."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from sandbox.model import JsonObject, ServicePrincipal, Tenant, User
from sandbox.world import World


@dataclass(frozen=True)
class Caller:
    """Who calls: an application in its own name, or (user) in a person's name."""

    app_id: str
    principal: ServicePrincipal | None
    user: User | None
    permissions: frozenset[str]

    @property
    def id(self) -> str:
        """The directory object that acts."""
        if self.user is not None:
            return self.user.id
        return self.principal.id if self.principal else ""


@dataclass
class GraphCall:
    """A call whose token was checked."""

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
        """https://learn.microsoft.com/graph/api/application-upsert"""
        return "create-if-missing" in self.headers.get("prefer", "").lower()


@dataclass
class Answer:
    """What Graph answers."""

    status: int = 200
    body: JsonObject | None = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Needs:
    """Permissions of which one must be held; `also` names a second group of which one must be held as well.

    `roles` are the directory roles of which a signed-in person needs one.
    """

    delegated: tuple[str, ...] = ()
    application: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()


Handler = Callable[[GraphCall], Answer]


@dataclass(frozen=True)
class Route:
    """A handler and the calls it answers."""

    method: str
    pattern: re.Pattern[str]
    needs: Needs
    handler: Handler
    template: str


@dataclass
class Router:
    """Routes in order; a template's `{name}` stands for one segment, either `id` or `key='value'`."""

    routes: list[Route] = field(default_factory=list)

    def on(self, method: str, template: str, needs: Needs) -> Callable[[Handler], Handler]:
        expression = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(template))

        def add(handler: Handler) -> Handler:
            self.routes.append(Route(method, re.compile(f"^{expression}$"), needs, handler, template))
            return handler

        return add


def canonical(path: str) -> str:
    """`/applications(appId='x')/microsoft.graph.addPassword` as `applications/appId='x'/addPassword`."""
    flat = re.sub(r"\((\w+)='((?:[^']|'')*)'\)", r"/\1='\2'", path.strip("/"))
    return re.sub(r"/microsoft\.graph\.(add|remove)(Password|Key)$", r"/\1\2", flat)


def key_of(segment: str) -> tuple[str, str]:
    """What a key segment names: ("id", value) or ("appId", value)."""
    named = re.fullmatch(r"(\w+)='(.*)'", segment)
    return (named[1], named[2].replace("''", "'")) if named else ("id", segment)
