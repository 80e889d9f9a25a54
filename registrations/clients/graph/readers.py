"""From Microsoft Graph's JSON to `types`, and how values are written in its addresses and bodies."""

from datetime import datetime
from typing import Any
from urllib.parse import quote

from registrations.clean_text import Kind, clean
from registrations.clients.answer_values import AnswerValues
from registrations.clients.graph.errors import SERVICE
from registrations.clients.graph.types import (
    Application,
    DelegatedGrant,
    NewSecret,
    ResourcePrincipal,
    SecretPolicy,
)
from registrations.errors import RemoteUnavailableError

# The outcome of an act whose answer cannot be read is unknown, as of one that was cut off: look before acting again.
VALUES = AnswerValues(SERVICE, RemoteUnavailableError)


def application(body: dict[str, Any]) -> Application:
    """An application object. What else is read of it must have Graph's types where it is there."""
    VALUES.optional_entries(body, "passwordCredentials")
    VALUES.texts(VALUES.nested(body, "web"), "redirectUris")
    VALUES.texts(body, "tags")
    VALUES.optional(body, "uniqueName")
    VALUES.moment(body, "createdDateTime")
    return Application(
        VALUES.text(body, "id"), VALUES.text(body, "appId"), shown(VALUES.optional(body, "displayName")), body
    )


def shown(name: str) -> str:
    """A name as people in its tenant chose it, fit to be shown: nothing in it turns or hides other words."""
    return clean(name, what=Kind.HEADER)


def secret_policy(policy: dict[str, Any]) -> SecretPolicy:
    """The rules about client secrets in a tenant's default app management policy."""
    rules = VALUES.optional_entries(VALUES.nested(policy, "applicationRestrictions"), "passwordCredentials")
    enabled = {
        VALUES.optional(rule, "restrictionType"): rule
        for rule in rules
        if policy.get("isEnabled") and rule.get("state", "enabled") == "enabled"
    }
    addition, lifetime = enabled.get("passwordAddition"), enabled.get("passwordLifetime", {})
    return SecretPolicy(
        forbidden=addition is not None,
        longest=VALUES.optional(lifetime, "maxLifetime"),
        forbidden_after=VALUES.moment(addition or {}, "restrictForAppsCreatedAfterDateTime"),
        longest_after=VALUES.moment(lifetime, "restrictForAppsCreatedAfterDateTime"),
        has_exceptions=bool((addition or {}).get("excludeActors")),
    )


def resource(body: dict[str, Any]) -> ResourcePrincipal:
    """An API's service principal. A role without a value cannot be asked for."""
    roles = VALUES.optional_entries(body, "appRoles")
    named = {VALUES.optional(role, "value"): role for role in roles}
    return ResourcePrincipal(
        VALUES.text(body, "id"), {value: VALUES.text(role, "id") for value, role in named.items() if value}
    )


def new_secret(body: dict[str, Any]) -> NewSecret:
    """A secret that was just added."""
    ends_at, text = VALUES.moment(body, "endDateTime"), VALUES.text(body, "secretText")
    if ends_at is None:
        raise VALUES.missing("endDateTime")
    return NewSecret(VALUES.text(body, "keyId"), text, VALUES.optional(body, "hint") or text[:3], ends_at)


def delegated_grant(body: dict[str, Any]) -> DelegatedGrant:
    """What people let an application do in their names."""
    scopes = tuple(VALUES.optional(body, "scope").split())
    return DelegatedGrant(VALUES.text(body, "id"), scopes, VALUES.optional(body, "principalId"))


def quoted(value: str) -> str:
    """A text within quotes in an address."""
    return quote(value.replace("'", "''"), safe="")


def instant(moment: datetime) -> str:
    """An instant as Graph reads it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
