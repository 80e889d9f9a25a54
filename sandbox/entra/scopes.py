"""Parses the `scope` parameter, grouped by resource.

https://learn.microsoft.com/entra/identity-platform/scopes-oidc
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sandbox import directory
from sandbox.catalogue import GRAPH, OPENID_SCOPES, Resource
from sandbox.entra.errors import EntraError
from sandbox.model import Application, JsonObject
from sandbox.world import World

DEFAULT = ".default"


@dataclass
class ResourceScopes:
    """The requested scopes of one resource. `.default` means what the registration requires."""

    resource: Resource
    values: list[str] = field(default_factory=list)

    @property
    def is_default(self) -> bool:
        return DEFAULT in self.values


@dataclass
class ScopeRequest:
    """A parsed scope parameter."""

    openid: list[str] = field(default_factory=list)
    asked: list[ResourceScopes] = field(default_factory=list)

    def of(self, resource: Resource) -> ResourceScopes:
        for asked in self.asked:
            if asked.resource.app_id == resource.app_id:
                return asked
        self.asked.append(ResourceScopes(resource))
        return self.asked[-1]


def parse(world: World, application: Application, scope: str) -> ScopeRequest:
    """Parse a scope parameter. Raises EntraError for unknown resources and scopes, like Entra."""
    request = ScopeRequest()
    for word in scope.split():
        if word in OPENID_SCOPES:
            request.openid.append(word)
            continue
        audience, slash, value = word.rpartition("/")
        resource = resource_of(world, audience) if slash else GRAPH
        if resource is None:
            raise EntraError(500011, resource=audience, tenant="this directory")
        request.of(resource).values.append(_known(resource, application, value))
    return request


def resource_of(world: World, audience: str) -> Resource | None:
    """The API that a scope's prefix names; this sandbox's own address is its Graph."""
    if world.own_url and audience.rstrip("/").lower() == world.own_url:
        return GRAPH
    return directory.resource_by_audience(world.state, audience)


def _known(resource: Resource, application: Application, value: str) -> str:
    if value == DEFAULT:
        return value
    permission = resource.by_scope(value)
    if permission is None:
        raise EntraError(650053, name=application.display_name, scope=value, resource=resource.display_name)
    return permission.value


def required(application: Application, resource: Resource) -> tuple[list[str], list[str]]:
    """What the registration requires from a resource: (scope values, app role ids)."""
    scopes: list[str] = []
    roles: list[str] = []
    for entry in required_access(application, resource.app_id):
        if entry["type"] == "Role":
            roles.append(entry["id"])
        else:
            permission = resource.by_scope_id(entry["id"])
            scopes += [permission.value] if permission else []
    return scopes, roles


def required_access(application: Application, resource_app_id: str) -> list[JsonObject]:
    found: list[JsonObject] = []
    for block in application.properties.get("requiredResourceAccess") or []:
        if block["resourceAppId"] == resource_app_id:
            found += block.get("resourceAccess") or []
    return found


def expand(application: Application, asked: ResourceScopes) -> list[str]:
    """The requested delegated scopes, with `.default` expanded."""
    if not asked.is_default:
        return asked.values
    scopes, _ = required(application, asked.resource)
    return [s for s in asked.values if s != DEFAULT] + scopes
