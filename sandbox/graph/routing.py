"""Routes of Graph, and the call and answer of a handler."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from sandbox.graph.errors import bad_request, malformed_id
from sandbox.model import JsonObject, ServicePrincipal, Tenant, User
from sandbox.world import World


@dataclass(frozen=True)
class Caller:
    """The caller: an application on its own behalf or, if `user` is set, on behalf of a user."""

    app_id: str
    principal: ServicePrincipal | None
    user: User | None
    permissions: frozenset[str]

    @property
    def id(self) -> str:
        """The object id of the user or service principal that acts."""
        if self.user is not None:
            return self.user.id
        return self.principal.id if self.principal else ""


@dataclass
class GraphCall:
    """An authenticated call."""

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
    """Graph's response."""

    status: int = 200
    body: JsonObject | None = None
    headers: dict[str, str] = field(default_factory=dict)
    text: str | None = None  # in place of JSON


@dataclass(frozen=True)
class Needs:
    """The caller needs one of the permissions and, if `also` is set, one of those too.

    A signed-in user also needs one of the directory roles in `roles`.
    """

    delegated: tuple[str, ...] = ()
    application: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()


Handler = Callable[[GraphCall], Answer]


@dataclass(frozen=True)
class Route:
    """A handler with its method, path and permissions."""

    method: str
    pattern: re.Pattern[str]
    needs: Needs
    handler: Handler
    template: str


@dataclass
class Router:
    """Routes in order. `{name}` in a template matches one segment, either `id` or `key='value'`."""

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


GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
LINK_ID = re.compile(r"[A-Za-z0-9_-]{43}")
TEXT_KEYS = ("uniqueName",)


def key_of(segment: str) -> tuple[str, str]:
    """Parse a key segment: ("id", value) or, for example, ("appId", value)."""
    named = re.fullmatch(r"(\w+)='(.*)'", segment)
    return (named[1], named[2].replace("''", "'")) if named else ("id", segment)


def checked_key(segment: str, *names: str) -> tuple[str, str]:
    """The key segment, if its property is one of these and an id is a GUID, in lower case. Raises GraphError as Graph does."""
    name, value = key_of(segment)
    if name not in names:
        raise bad_request(f"Invalid key property '{name}'.")
    return name, value if name in TEXT_KEYS else checked_id(value)


def checked_id(value: str) -> str:
    """The object id in lower case. Raises GraphError if it is no GUID."""
    if not GUID.fullmatch(value):
        raise malformed_id(value)
    return value.lower()


def checked_link_id(value: str) -> str:
    """The id of an assignment or a grant, which is no GUID at Graph. Raises GraphError if nothing here has such an id."""
    name, value = key_of(value)
    if name != "id":
        raise bad_request(f"Invalid key property '{name}'.")
    if not LINK_ID.fullmatch(value) and not GUID.fullmatch(value):
        raise malformed_id(value)
    return value


def referenced_id(link: object) -> str:
    """The object id at the end of an `@odata.id`, in lower case. Raises GraphError if it is no GUID.

    Microsoft's pages write it in three ways: `directoryObjects/ID`, `directoryObjects/{ID}` and `users('ID')`.
    """
    last = str(link).rstrip("/").rpartition("/")[2]
    written = re.fullmatch(r"\w+\('(.*)'\)|\{(.*)\}", last)
    return checked_id((written[1] or written[2] or "") if written else last)
