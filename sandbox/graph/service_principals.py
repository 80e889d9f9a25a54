"""Service principals.

https://learn.microsoft.com/graph/api/resources/serviceprincipal
"""

from __future__ import annotations

from sandbox import directory
from sandbox.catalogue import MICROSOFT_RESOURCES
from sandbox.graph import odata, ownership, properties, validation, views
from sandbox.graph.access import READ_APPLICATIONS, WRITE_APPLICATIONS, only_owned
from sandbox.graph.errors import GraphError, bad_request, denied, no_backing_application, not_found
from sandbox.graph.routing import Answer, GraphCall, Router, checked_key, key_of
from sandbox.model import JsonObject, ServicePrincipal

router = Router()


def every(call: GraphCall) -> list[ServicePrincipal]:
    world = call.world
    return [
        p for p in call.tenant.service_principals.values() if world.is_replicated("service_principal", p.created_at)
    ]


def find(call: GraphCall, segment: str) -> ServicePrincipal | None:
    name, value = checked_key(segment, "id", "appId")
    world = call.world
    principals = call.tenant.service_principals.values()
    named = (p for p in principals if (p.app_id if name == "appId" else p.id) == value)
    return next((p for p in named if world.is_replicated("service_principal", p.created_at)), None)


def get(call: GraphCall) -> ServicePrincipal:
    principal = find(call, call.params["key"])
    if principal is None:
        raise not_found(key_of(call.params["key"])[1])
    return principal


def get_own(call: GraphCall) -> ServicePrincipal:
    principal = get(call)
    if only_owned(call) and call.caller.id not in principal.owners:
        raise denied()
    return principal


def shown(call: GraphCall, principal: ServicePrincipal) -> JsonObject:
    return views.service_principal(call.world, principal) | ownership.expanded(call, principal.owners)


@router.on("GET", "servicePrincipals", READ_APPLICATIONS)
def listing(call: GraphCall) -> Answer:
    found = [shown(call, p) for p in every(call)]
    return odata.many(call, "servicePrincipal", "servicePrincipals", found, expandable=ownership.OWNERS)


@router.on("GET", "servicePrincipals/$count", READ_APPLICATIONS)
def counted(call: GraphCall) -> Answer:
    return odata.count(call, "servicePrincipal", [shown(call, p) for p in every(call)])


@router.on("GET", "servicePrincipals/{key}", READ_APPLICATIONS)
def read(call: GraphCall) -> Answer:
    found = shown(call, get(call))
    return odata.one(call, "servicePrincipal", "servicePrincipals", found, expandable=ownership.OWNERS)


@router.on("POST", "servicePrincipals", WRITE_APPLICATIONS)
def create(call: GraphCall) -> Answer:
    values = validation.body("servicePrincipal", call.body, bindable=ownership.OWNERS)
    app_id = values.pop("appId", None)
    if not app_id:
        raise bad_request("A value is required for property 'appId' of resource 'ServicePrincipal'.")
    return _created(call, app_id, values)


@router.on("PATCH", "servicePrincipals/{key}", WRITE_APPLICATIONS)
def change(call: GraphCall) -> Answer:
    """Update a service principal, or create it if addressed by appId with `Prefer: create-if-missing`.

    https://learn.microsoft.com/graph/api/serviceprincipal-upsert
    """
    values = validation.body("servicePrincipal", call.body, bindable=ownership.OWNERS)
    if "passwordCredentials" in values:
        raise bad_request("Invalid property 'passwordCredentials'.")
    name, value = key_of(call.params["key"])
    if find(call, call.params["key"]) is None and name == "appId" and call.creates_if_missing:
        return _created(call, value, {k: v for k, v in values.items() if k != "appId"})
    principal = get_own(call)
    ownership.refuse_bound(call)
    if values.pop("appId", principal.app_id) != principal.app_id:
        raise bad_request("Property 'appId' is read-only and cannot be set.")
    properties.merge("servicePrincipal", principal.properties, values)
    return Answer(204)


@router.on("DELETE", "servicePrincipals/{key}", WRITE_APPLICATIONS)
def delete(call: GraphCall) -> Answer:
    """Soft-delete the service principal and remove its grants and roles."""
    principal = get_own(call)
    tenant = call.tenant
    principal.deleted = call.world.clock.instant()
    tenant.deleted_service_principals[principal.id] = tenant.service_principals.pop(principal.id)
    return Answer(204)


def _created(call: GraphCall, app_id: str, values: JsonObject) -> Answer:
    app_id = app_id.lower()
    _check_application(call, app_id)
    if call.tenant.service_principal_of(app_id) is not None:
        raise GraphError(
            409,
            "Request_MultipleObjectsWithSameKeyValue",
            "The service principal cannot be created, updated, or restored because the service principal name"
            f" {app_id} is already in use.",
            [{"code": "ObjectConflict", "message": "Already in use.", "target": "appId"}],
        )
    bound = ownership.bound(call)
    principal = directory.add_service_principal(call.tenant, app_id, call.world.clock.now())
    principal.properties.update(values)
    principal.owners += [call.caller.id, *(owner for owner in bound if owner != call.caller.id)]
    return odata.one(call, "servicePrincipal", "servicePrincipals", shown(call, principal), status=201)


def _check_application(call: GraphCall, app_id: str) -> None:
    application = directory.live_application(call.world.state, app_id)
    foreign = app_id in MICROSOFT_RESOURCES or (application is not None and application.tenant_id != call.tenant.id)
    if only_owned(call) and foreign:
        raise denied(
            "When using this permission, the backing application of the service principal being created must in the"
            " local tenant"
        )
    if app_id in MICROSOFT_RESOURCES:
        return
    if application is None or not call.world.is_replicated("application", application.created_at):
        raise no_backing_application(app_id)
    if application.tenant_id != call.tenant.id and not application.is_multitenant:
        raise no_backing_application(app_id)
    if only_owned(call) and call.caller.id not in application.owners:
        raise denied()
