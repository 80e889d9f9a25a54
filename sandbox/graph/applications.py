"""Applications: create, upsert, read, change, delete.

https://learn.microsoft.com/graph/api/resources/application
"""

from __future__ import annotations

from uuid import uuid4

from sandbox import directory
from sandbox.catalogue import Resource
from sandbox.graph import credentials, odata, ownership, properties, validation, views
from sandbox.graph.access import READ_APPLICATIONS, WRITE_APPLICATIONS, check_owner
from sandbox.graph.errors import bad_request, not_found, unique_name_taken
from sandbox.graph.lookup import every, find, get, get_own
from sandbox.graph.routing import Answer, GraphCall, Router, key_of
from sandbox.model import Application, JsonObject

router = Router()


def shown(call: GraphCall, application: Application) -> JsonObject:
    # Graph returns the public keys only if $select names them.
    with_keys = "keyCredentials" in call.query.get("$select", "")
    # A stale replica does not list a new secret, like a new application.
    known = [p for p in application.passwords if call.world.is_visible("password", p.created_at)]
    found = views.application(application, call.tenant, with_keys=with_keys, passwords=known)
    return found | ownership.expanded(call, application.owners)


@router.on("GET", "applications", READ_APPLICATIONS)
def listing(call: GraphCall) -> Answer:
    name = odata.wanted(call, "displayName")
    # Skip the others early: there may be thousands of applications.
    found = [a for a in every(call) if name is None or a.display_name.lower() == name]
    shown_ones = [shown(call, a) for a in found]
    return odata.many(call, "application", "applications", shown_ones, expandable=ownership.OWNERS)


@router.on("GET", "applications/$count", READ_APPLICATIONS)
def counted(call: GraphCall) -> Answer:
    return odata.count(call, "application", [shown(call, a) for a in every(call)])


@router.on("GET", "applications/{key}", READ_APPLICATIONS)
def read(call: GraphCall) -> Answer:
    found = shown(call, get(call))
    return odata.one(call, "application", "applications", found, expandable=ownership.OWNERS)


@router.on("POST", "applications", WRITE_APPLICATIONS)
def create(call: GraphCall) -> Answer:
    values = validation.body("application", call.body, bindable=ownership.OWNERS)
    wanted = values.pop("passwordCredentials", None) or []
    application = _create(call, values)
    added = [credentials.add(call, application, item) for item in wanted]
    body = shown(call, application)
    body["passwordCredentials"] = added
    return odata.one(call, "application", "applications", body, status=201)


@router.on("PATCH", "applications/{key}", WRITE_APPLICATIONS)
def change(call: GraphCall) -> Answer:
    """Update an application, or create it if addressed by uniqueName with `Prefer: create-if-missing`."""
    values = validation.body("application", call.body, bindable=ownership.OWNERS)
    if "passwordCredentials" in values:
        raise bad_request(
            "Invalid property 'passwordCredentials'. New password credentials must be generated with service actions."
        )
    application = find(call, call.params["key"])
    name, value = key_of(call.params["key"])
    if application is None:
        if name != "uniqueName" or not call.creates_if_missing:
            raise not_found(value)
        if values.get("uniqueName") not in (None, value):
            raise bad_request("The value of property 'uniqueName' does not match the key of the request.")
        made = _create(call, {**values, "uniqueName": value})
        return odata.one(call, "application", "applications", shown(call, made), status=201)
    check_owner(call, application)
    ownership.refuse_bound(call)
    _update(call, application, values)
    return Answer(204)


@router.on("DELETE", "applications/{key}", WRITE_APPLICATIONS)
def delete(call: GraphCall) -> Answer:
    """Soft-delete the application and its service principal in the home tenant."""
    application = get_own(call)
    tenant = call.tenant
    application.deleted = call.world.clock.instant()
    tenant.deleted_applications[application.id] = tenant.applications.pop(application.id)
    principal = tenant.service_principal_of(application.app_id)
    if principal is not None:
        principal.deleted = application.deleted
        tenant.deleted_service_principals[principal.id] = tenant.service_principals.pop(principal.id)
    return Answer(204)


def _create(call: GraphCall, values: JsonObject) -> Application:
    _check(call, values, creating=True)
    _check_unique_name(call, values.get("uniqueName"))
    bound = ownership.bound(call)
    clock = call.world.clock
    application = Application(
        id=str(uuid4()),
        app_id=str(uuid4()),
        tenant_id=call.tenant.id,
        created=clock.precise_instant(),
        created_at=clock.now(),
        # Graph's default is a single-tenant application.
        properties={"signInAudience": "AzureADMyOrg", **values},
        owners=[call.caller.id, *(owner for owner in bound if owner != call.caller.id)],
        created_by_app_id=call.caller.app_id,
    )
    call.tenant.applications[application.id] = application
    return application


def _update(call: GraphCall, application: Application, values: JsonObject) -> None:
    if application.unique_name is not None and values.get("uniqueName", application.unique_name) != (
        application.unique_name
    ):
        raise bad_request("Property 'uniqueName' is immutable and cannot be changed.")
    _check(call, values, creating=False)
    if values.get("uniqueName") and application.unique_name is None:
        _check_unique_name(call, values["uniqueName"])
    properties.merge("application", application.properties, values)


def _check(call: GraphCall, values: JsonObject, *, creating: bool) -> None:
    for key in values.get("keyCredentials") or []:
        if not key.get("keyId"):
            key["keyId"] = str(uuid4())
    validation.essentials(values, required=creating)
    validation.redirect_uris(values, call.allow_localhost_redirects)
    validation.tags(values)
    _check_required_access(call, values.get("requiredResourceAccess") or [])


def _check_required_access(call: GraphCall, blocks: list[JsonObject]) -> None:
    count = 0
    for block in blocks:
        if not block.get("resourceAppId"):
            raise bad_request("A value is required for property 'resourceAppId' of resource 'RequiredResourceAccess'.")
        resource = directory.resource(call.world.state, block["resourceAppId"])
        for entry in block.get("resourceAccess") or []:
            count += 1
            if not _exists(resource, entry):
                raise bad_request(
                    f"ResourceAccess '{entry.get('id')}' of type '{entry.get('type')}' does not exist on resource"
                    f" '{block.get('resourceAppId')}'."
                )
    if len(blocks) > validation.MOST_RESOURCES or count > validation.MOST_PERMISSIONS:
        raise bad_request("The size of the object has exceeded its limit.")


def _exists(resource: Resource | None, entry: JsonObject) -> bool:
    """Whether the API has this permission. Of one that this sandbox does not play anything may be required, if it is complete."""
    if not entry.get("id") or not entry.get("type"):
        return False
    if resource is None:  # Graph knows thousands
        return True
    known = resource.by_role_id if entry["type"] == "Role" else resource.by_scope_id
    return known(entry["id"]) is not None


def _check_unique_name(call: GraphCall, name: str | None) -> None:
    """Raise GraphError if the name is taken, also by a soft-deleted or not yet replicated application."""
    everything = [*call.tenant.applications.values(), *call.tenant.deleted_applications.values()]
    if name and any((a.unique_name or "").lower() == name.lower() for a in everything):
        raise unique_name_taken()
