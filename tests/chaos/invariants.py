"""Invariants of an operation that succeeded: what must exist in Entra and in the UMP.

`checks` looks for what exists in Entra without a row of ours; this module looks for what our rows say and does not exist.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from registrations import encryption
from registrations.clients.entra import refresh_token_in
from tests.chaos.environment import Environment

# The registration of a connection, or the instance's own one in its provider's tenant, with its live secret.
EXPECTED = (
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
class Expectation:
    """What our rows say about an operation that succeeded; `customer` is the UMP's id of the connected service."""

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


def expectations(environment: Environment, operations: list[str]) -> list[Expectation]:
    """The expectations of those operations that succeeded."""
    ring = encryption.ring_of(environment.layout.keys["PORTAL_KEYS"])
    made: list[Expectation] = []
    for *facts, secret_id, envelope, token_id, cache in environment.query(EXPECTED, [operations]):
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
            Expectation(operation, by_api, ump, is_connection, customer, managed, app_id, key_id, secret, refresh_token)
        )
    return made


def violations(expectation: Expectation, world: dict[str, Any]) -> list[str]:
    """What the sandbox's world lacks, in words."""
    if expectation.refresh_token and not expectation.app_id:
        return list(_violations_of_token(expectation, world))
    if not (expectation.app_id and expectation.secret):
        return ["no registration with a live secret"]
    return [*_violations_in_entra(expectation, world), *_violations_in_ump(expectation, world)]


def _violations_in_entra(expectation: Expectation, world: dict[str, Any]) -> Iterator[str]:
    applications = [
        application
        for tenant in world["tenants"].values()
        for application in tenant["applications"].values()
        if application["app_id"] == expectation.app_id
    ]
    if not applications:
        yield f"application {expectation.app_id} is not in Entra"
    # For a registration that the customer made we know the secret's value, but not its key id.
    elif expectation.managed and expectation.key_id not in {each["key_id"] for each in applications[0]["passwords"]}:
        yield f"our live secret {expectation.key_id} is not in the application {expectation.app_id}"


def _violations_in_ump(expectation: Expectation, world: dict[str, Any]) -> Iterator[str]:
    if not (expectation.by_api or expectation.is_connection):
        return  # staff typed the values into a UMP without an API, which cannot be read
    held = _connection(expectation, world) if expectation.is_connection else world["umps"].get(expectation.ump, {})
    if held.get("client_id") != expectation.app_id:
        yield f"the UMP {expectation.ump} has the application {held.get('client_id')}, not {expectation.app_id}"
    if held.get("client_secret") != expectation.secret:
        yield f"the UMP {expectation.ump} holds another secret than our live one of {expectation.app_id}"


def _violations_of_token(expectation: Expectation, world: dict[str, Any]) -> Iterator[str]:
    held = _connection(expectation, world)
    if held.get("method") != "delegated_token" or held.get("refresh_token") != expectation.refresh_token:
        yield f"the UMP {expectation.ump} does not hold the token that we keep"


def _connection(expectation: Expectation, world: dict[str, Any]) -> dict[str, Any]:
    customer = world["umps"].get(expectation.ump, {}).get("customers", {}).get(expectation.customer, {})
    connection: dict[str, Any] = customer.get("connection", {})
    return connection
