"""Finds applications by id, appId or uniqueName among those that this replica has seen."""

from __future__ import annotations

from sandbox.graph.access import check_owner
from sandbox.graph.calls import GraphCall, key_of
from sandbox.graph.errors import bad_request, not_found
from sandbox.model import Application


def every(call: GraphCall) -> list[Application]:
    """The applications that this replica has seen."""
    world = call.world
    return [a for a in call.tenant.applications.values() if world.settled("application", a.created_at)]


def find(call: GraphCall, segment: str) -> Application | None:
    name, value = key_of(segment)
    if name not in ("id", "appId", "uniqueName"):
        raise bad_request(f"Invalid key property '{name}'.")
    wanted, world = value.lower(), call.world
    # The key is compared first, because every call searches all applications and there can be thousands.
    if name == "uniqueName":
        named = (a for a in call.tenant.applications.values() if (a.properties.get(name) or "").lower() == wanted)
    elif name == "appId":
        named = (a for a in call.tenant.applications.values() if a.app_id == wanted)
    else:
        named = (a for a in call.tenant.applications.values() if a.id == wanted)
    return next((a for a in named if world.settled("application", a.created_at)), None)


def get(call: GraphCall) -> Application:
    segment = call.params["key"]
    application = find(call, segment)
    if application is None:
        raise not_found(key_of(segment)[1])
    return application


def get_own(call: GraphCall) -> Application:
    """The application. Raises GraphError if it does not exist or the caller may not change it."""
    application = get(call)
    check_owner(call, application)
    return application
