"""Soft-deleted objects: read, restore, delete permanently.

https://learn.microsoft.com/graph/api/resources/directory
"""

from __future__ import annotations

from sandbox.graph import odata, views
from sandbox.graph.access import READ_APPLICATIONS, WRITE_APPLICATIONS, check_owner, only_owned
from sandbox.graph.errors import denied, not_found
from sandbox.graph.routing import Answer, GraphCall, Router, checked_key
from sandbox.model import JsonObject

router = Router()


@router.on("GET", "directory/deletedItems/microsoft.graph.application", READ_APPLICATIONS)
def applications(call: GraphCall) -> Answer:
    found = [views.application(a, call.tenant) for a in call.tenant.deleted_applications.values()]
    return odata.many(call, "application", "applications", found)


@router.on("GET", "directory/deletedItems/microsoft.graph.servicePrincipal", READ_APPLICATIONS)
def principals(call: GraphCall) -> Answer:
    found = [views.service_principal(call.world, p) for p in call.tenant.deleted_service_principals.values()]
    return odata.many(call, "servicePrincipal", "servicePrincipals", found)


def _shown(call: GraphCall, object_id: str) -> JsonObject:
    tenant = call.tenant
    application = tenant.deleted_applications.get(object_id) or tenant.applications.get(object_id)
    if application is not None:
        return {"@odata.type": "#microsoft.graph.application", **views.application(application, tenant)}
    principal = tenant.deleted_service_principals.get(object_id) or tenant.service_principals.get(object_id)
    if principal is not None:
        return {"@odata.type": "#microsoft.graph.servicePrincipal", **views.service_principal(call.world, principal)}
    raise not_found(object_id)


def _answer(call: GraphCall, object_id: str) -> Answer:
    shown = _shown(call, object_id)
    return odata.one(call, str(shown["@odata.type"]).removeprefix("#microsoft.graph."), "directoryObjects", shown)


def _check(call: GraphCall) -> str:
    """The id of the deleted object. Raises GraphError if there is none or the caller may not access it."""
    object_id = checked_key(call.params["object"], "id")[1]
    application = call.tenant.deleted_applications.get(object_id)
    principal = call.tenant.deleted_service_principals.get(object_id)
    if application is None and principal is None:
        raise not_found(object_id)
    if application is not None:
        check_owner(call, application)
    if principal is not None and only_owned(call) and call.caller.id not in principal.owners:
        raise denied()
    return object_id


@router.on("GET", "directory/deletedItems/{object}", READ_APPLICATIONS)
def read(call: GraphCall) -> Answer:
    object_id = checked_key(call.params["object"], "id")[1]
    if object_id not in call.tenant.deleted_applications and object_id not in call.tenant.deleted_service_principals:
        raise not_found(object_id)
    return _answer(call, object_id)


@router.on("POST", "directory/deletedItems/{object}/restore", WRITE_APPLICATIONS)
def restore(call: GraphCall) -> Answer:
    """Restore one object. An application's service principal is restored separately."""
    object_id = _check(call)
    tenant = call.tenant
    if object_id in tenant.deleted_applications:
        application = tenant.applications[object_id] = tenant.deleted_applications.pop(object_id)
        application.deleted = None
    else:
        principal = tenant.service_principals[object_id] = tenant.deleted_service_principals.pop(object_id)
        principal.deleted = None
    return _answer(call, object_id)


@router.on("DELETE", "directory/deletedItems/{object}", WRITE_APPLICATIONS)
def purge(call: GraphCall) -> Answer:
    object_id = _check(call)
    tenant = call.tenant
    tenant.deleted_applications.pop(object_id, None)
    if tenant.deleted_service_principals.pop(object_id, None) is not None:
        tenant.app_role_assignments = [
            a for a in tenant.app_role_assignments if object_id not in (a.principal_id, a.resource_id)
        ]
        tenant.permission_grants = [
            g for g in tenant.permission_grants if object_id not in (g.client_id, g.resource_id)
        ]
        tenant.role_assignments = [a for a in tenant.role_assignments if a.principal_id != object_id]
    return Answer(204)
