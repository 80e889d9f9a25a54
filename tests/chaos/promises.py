"""What an operation that succeeded has promised, and whether it is there: in Entra, and in the UMP.

The rest of the judgement looks for what Entra holds and our rows do not know. This looks the other way.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from registrations import encryption
from registrations.clients.entra import refresh_token_in
from tests.chaos.environment import Environment

# The registration of a connection, or the instance's own one in its provider's tenant, each with its live secret.
PROMISED = (
    "SELECT o.id::text, i.delivery = 'api', i.ump_url, c.id IS NOT NULL, COALESCE(v.ump_customer_guid, ''), "
    "COALESCE(r.managed, false), COALESCE(r.app_id, ''), COALESCE(s.key_id, ''), s.id::text, COALESCE(s.envelope, ''), "
    "t.id::text, COALESCE(t.cache_envelope, '') "
    "FROM registrations_operation o "
    "LEFT JOIN onboarding_connection c ON c.id = o.subject_id "
    "LEFT JOIN onboarding_invitation n ON n.id = c.invitation_id "
    "LEFT JOIN onboarding_service v ON v.id = n.service_id "
    "LEFT JOIN onboarding_delegatedtoken t ON t.connection_id = c.id "
    "JOIN registrations_umpinstance i ON i.id = COALESCE(v.instance_id, o.subject_id) "
    "JOIN registrations_serviceprovider p ON p.id = i.provider_id "
    "JOIN registrations_entratenant e ON e.id = p.tenant_id "
    "LEFT JOIN registrations_appregistration r "
    "ON r.id = c.registration_id OR (c.id IS NULL AND r.instance_id = i.id AND r.tenant_id = e.tenant_id) "
    "LEFT JOIN registrations_clientsecret s "
    "ON s.registration_id = r.id AND s.status IN ('stored', 'proven', 'delivered') "
    "WHERE o.id = ANY(%s::uuid[]) AND o.status = 'succeeded'"
)


@dataclass(frozen=True, repr=False)
class Promise:
    """What our rows say of an operation that succeeded; `customer` is the UMP's id of the service that was connected."""

    operation: str
    by_api: bool
    ump: str
    is_connection: bool
    customer: str
    managed: bool
    app_id: str
    key_id: str
    secret: str
    refresh_token: str


def of(environment: Environment, operations: list[str]) -> list[Promise]:
    """The promises of those that succeeded."""
    ring = encryption.ring_of(environment.layout.keys["PORTAL_KEYS"])
    made: list[Promise] = []
    for *facts, secret_id, envelope, token_id, cache in environment.query(PROMISED, [operations]):
        operation, by_api, ump_url, is_connection, customer, managed, app_id, key_id = facts
        secret, kept = (
            encryption.unseal(ring, sealed, context) if sealed else ""
            for sealed, context in (
                (envelope, f"registrations_clientsecret|envelope|{secret_id}"),
                (cache, f"onboarding_delegatedtoken|cache_envelope|{token_id}"),
            )
        )
        ump = re.sub(r".*/ump/([^/]+).*", r"\1", ump_url)
        refresh_token = refresh_token_in(kept) if kept else ""
        made.append(
            Promise(operation, by_api, ump, is_connection, customer, managed, app_id, key_id, secret, refresh_token)
        )
    return made


def missing(promise: Promise, world: dict[str, Any]) -> list[str]:
    """What the sandbox's world lacks of a promise, in words."""
    if promise.refresh_token and not promise.app_id:
        return list(_missing_of_token(promise, world))
    if not (promise.app_id and promise.secret):
        return ["no registration with a live secret"]
    return [*_missing_in_entra(promise, world), *_missing_in_ump(promise, world)]


def _missing_in_entra(promise: Promise, world: dict[str, Any]) -> Iterator[str]:
    applications = [
        application
        for tenant in world["tenants"].values()
        for application in tenant["applications"].values()
        if application["app_id"] == promise.app_id
    ]
    if not applications:
        yield f"application {promise.app_id} is not in Entra"
    # Of a registration that the customer made we know the secret's value, and not by which id Entra keeps it.
    elif promise.managed and promise.key_id not in {each["key_id"] for each in applications[0]["passwords"]}:
        yield f"our live secret {promise.key_id} is not in the application {promise.app_id}"


def _missing_in_ump(promise: Promise, world: dict[str, Any]) -> Iterator[str]:
    if not (promise.by_api or promise.is_connection):
        return  # staff typed the values in, where nobody can read them
    held = _connection(promise, world) if promise.is_connection else world["umps"].get(promise.ump, {})
    if held.get("client_id") != promise.app_id:
        yield f"the UMP {promise.ump} has the application {held.get('client_id')}, not {promise.app_id}"
    if held.get("client_secret") != promise.secret:
        yield f"the UMP {promise.ump} holds another secret than our live one of {promise.app_id}"


def _missing_of_token(promise: Promise, world: dict[str, Any]) -> Iterator[str]:
    held = _connection(promise, world)
    if held.get("method") != "delegated_token" or held.get("refresh_token") != promise.refresh_token:
        yield f"the UMP {promise.ump} does not hold the token that we keep"


def _connection(promise: Promise, world: dict[str, Any]) -> dict[str, Any]:
    customer = world["umps"].get(promise.ump, {}).get("customers", {}).get(promise.customer, {})
    connection: dict[str, Any] = customer.get("connection", {})
    return connection
