"""Owners of applications and service principals.

https://learn.microsoft.com/graph/api/application-post-owners
https://learn.microsoft.com/graph/api/serviceprincipal-post-owners
"""

from __future__ import annotations

from sandbox.graph import lookup, odata, service_principals, validation
from sandbox.graph.access import READ_APPLICATIONS, WRITE_APPLICATIONS
from sandbox.graph.errors import bad_request, not_found
from sandbox.graph.ownership import known_owner, shown_owner
from sandbox.graph.routing import Answer, GraphCall, Router, checked_key
from sandbox.model import Application, ServicePrincipal

router = Router()


def _owned(call: GraphCall) -> Application | ServicePrincipal:
    return service_principals.get(call) if _is_principal(call) else lookup.get(call)


def _own(call: GraphCall) -> Application | ServicePrincipal:
    return service_principals.get_own(call) if _is_principal(call) else lookup.get_own(call)


def _is_principal(call: GraphCall) -> bool:
    return call.path.strip("/").startswith("servicePrincipals")


@router.on("GET", "applications/{key}/owners", READ_APPLICATIONS)
@router.on("GET", "servicePrincipals/{key}/owners", READ_APPLICATIONS)
def listing(call: GraphCall) -> Answer:
    found = [shown_owner(call.tenant, owner) for owner in _owned(call).owners]
    return odata.many(call, "directoryObject", "directoryObjects", found)


@router.on("GET", "applications/{key}/owners/$ref", READ_APPLICATIONS)
@router.on("GET", "servicePrincipals/{key}/owners/$ref", READ_APPLICATIONS)
def references(call: GraphCall) -> Answer:
    found = [{"@odata.id": f"{call.graph_url}/v1.0/directoryObjects/{owner}"} for owner in _owned(call).owners]
    return odata.many(call, "directoryObject", "directoryObjects", found, known=odata.OF_REFERENCES)


@router.on("POST", "applications/{key}/owners/$ref", WRITE_APPLICATIONS)
@router.on("POST", "servicePrincipals/{key}/owners/$ref", WRITE_APPLICATIONS)
def add(call: GraphCall) -> Answer:
    owned = _own(call)
    owner = known_owner(call.tenant, validation.reference(call.body))
    if owner in owned.owners:
        raise bad_request(
            "One or more added object references already exist for the following modified properties: 'owners'."
        )
    owned.owners.append(owner)
    return Answer(204)


@router.on("DELETE", "applications/{key}/owners/{owner}/$ref", WRITE_APPLICATIONS)
@router.on("DELETE", "servicePrincipals/{key}/owners/{owner}/$ref", WRITE_APPLICATIONS)
def remove(call: GraphCall) -> Answer:
    owned, owner = _own(call), checked_key(call.params["owner"], "id")[1]
    if owner not in owned.owners:
        raise not_found(owner)
    owned.owners.remove(owner)
    return Answer(204)
