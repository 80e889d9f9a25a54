"""Finds applications by id, appId or uniqueName, among those visible to this replica."""

from __future__ import annotations

from sandbox.graph.access import check_owner
from sandbox.graph.errors import not_found
from sandbox.graph.routing import GraphCall, checked_key, key_of
from sandbox.model import Application


def every(call: GraphCall) -> list[Application]:
    """The applications visible to this replica."""
    world = call.world
    return [a for a in call.tenant.applications.values() if world.is_replicated("application", a.created_at)]


def find(call: GraphCall, segment: str) -> Application | None:
    name, value = checked_key(segment, "id", "appId", "uniqueName")
    wanted, world = value.lower(), call.world
    # Compare the name first: each call searches all applications, and there may be thousands.
    if name == "uniqueName":
        named = (a for a in call.tenant.applications.values() if (a.properties.get(name) or "").lower() == wanted)
    elif name == "appId":
        named = (a for a in call.tenant.applications.values() if a.app_id == wanted)
    else:
        named = (a for a in call.tenant.applications.values() if a.id == wanted)
    return next((a for a in named if world.is_replicated("application", a.created_at)), None)


def get(call: GraphCall) -> Application:
    segment = call.params["key"]
    application = find(call, segment)
    if application is None:
        raise not_found(key_of(segment)[1])
    return application


def get_own(call: GraphCall) -> Application:
    """The application, if the caller may write to it."""
    application = get(call)
    check_owner(call, application)
    return application
