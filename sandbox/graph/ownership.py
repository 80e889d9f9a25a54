"""What applications and service principals have alike: owners that are bound at creation, and owners that are shown."""

from __future__ import annotations

from sandbox.graph.errors import bad_request, not_found
from sandbox.graph.routing import GraphCall, referenced_id
from sandbox.graph.validation import BINDING
from sandbox.model import JsonObject, Tenant

OWNERS = ("owners",)  # what can be bound, and expanded
MOST_BOUND, MOST_EXPANDED = 20, 20


def bound(call: GraphCall) -> list[str]:
    """The ids in `owners@odata.bind`. Raises GraphError for malformed and unknown ones, and for more than Graph takes."""
    links = call.body.get(f"owners{BINDING}") or []
    if not isinstance(links, list) or len(links) > MOST_BOUND:
        raise bad_request(f"At most {MOST_BOUND} owners can be bound at once.")
    return list(dict.fromkeys(known_owner(call.tenant, referenced_id(link)) for link in links))


def refuse_bound(call: GraphCall) -> None:
    """Raise GraphError if an update binds owners: an object that exists gets them at `/owners/$ref`."""
    if f"owners{BINDING}" in call.body:
        raise bad_request("Property 'owners' cannot be bound in an update. Add references at /owners/$ref.")


def known_owner(tenant: Tenant, owner: str) -> str:
    """The same id. Raises GraphError unless it is that of a user or service principal of the tenant."""
    if owner not in tenant.users and owner not in tenant.service_principals:
        raise not_found(owner)
    return owner


def shown_owner(tenant: Tenant, owner: str) -> JsonObject:
    """An owner in an answer."""
    kind = "user" if owner in tenant.users else "servicePrincipal"
    return {"@odata.type": f"#microsoft.graph.{kind}", "id": owner}


def expanded(call: GraphCall, owners: list[str]) -> JsonObject:
    """What `$expand=owners` adds to an object; nothing without it."""
    if "owners" not in [name.strip() for name in call.query.get("$expand", "").split(",")]:
        return {}
    return {"owners": [shown_owner(call.tenant, owner) for owner in owners[:MOST_EXPANDED]]}
