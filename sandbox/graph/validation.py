"""Validates bodies against the property tables, and redirect URIs against Entra's rules."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from sandbox.clock import as_seconds
from sandbox.graph.errors import GraphError, bad_request, invalid_property
from sandbox.graph.properties import TYPES
from sandbox.graph.property_kinds import Property
from sandbox.graph.routing import GUID, referenced_id
from sandbox.model import JsonObject

BINDING = "@odata.bind"
# https://learn.microsoft.com/entra/identity-platform/reply-url
MOST_REDIRECT_URIS = 256
LONGEST_REDIRECT_URI = 256
FORBIDDEN_IN_REDIRECT_URI = set("!$'(),;")
MOST_RESOURCES = 50
# Some years before datetime's maximum, so that a lifetime can be added.
LATEST_INSTANT = 253_000_000_000
MOST_PERMISSIONS = 400


def body(type_name: str, values: JsonObject, *, bindable: tuple[str, ...] = ()) -> JsonObject:
    """The body, if every property is known, writable and valid. Drops annotations (`@odata...`), which change nothing.

    `bindable`: what the caller reads from `<name>@odata.bind` itself. Raises GraphError for any other binding.
    """
    clean: JsonObject = {}
    for name, value in values.items():
        if name.endswith(BINDING) and name.removesuffix(BINDING) not in bindable:
            raise invalid_property(name)
        if "@odata." in name:
            continue
        known = TYPES[type_name].get(name)
        if known is None:
            raise invalid_property(name)
        if known.read_only:
            raise bad_request(f"Property '{name}' is read-only and cannot be set.")
        clean[name] = _checked(name, known, value)
    return clean


def reference(values: JsonObject) -> str:
    """The object id in the body of a `$ref`. Raises GraphError if there is none, or anything else beside it."""
    for name in values:
        if name != "@odata.id":
            raise invalid_property(name)
    return referenced_id(values.get("@odata.id", ""))


def _wrong(name: str) -> GraphError:
    return bad_request(
        f"Invalid value specified for property '{name}' of resource.",
        [{"code": "InvalidValue", "message": f"Invalid value specified for property '{name}'.", "target": name}],
    )


def _checked(name: str, known: Property, value: Any) -> Any:
    if value is None and known.kind in ("objects", "texts", "guids"):
        # Setting a collection to null empties it; Graph has no null collections.
        return []
    if value is None or known.kind == "any":
        return value
    if known.kind == "object":
        if not isinstance(value, dict):
            raise _wrong(name)
        return body(known.of, value)
    if known.kind == "objects":
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise _wrong(name)
        return [body(known.of, item) for item in value]
    if not _fits(known, value):
        raise _wrong(name)
    if known.kind == "guid":  # Graph writes each in lower case, however it was sent
        return value.lower()
    return [item.lower() for item in value] if known.kind == "guids" else value


def _fits(known: Property, value: Any) -> bool:
    if known.kind == "flag":
        return isinstance(value, bool)
    if known.kind == "number":
        return isinstance(value, int) and not isinstance(value, bool)
    if known.kind in ("texts", "guids"):
        alone = Property("guid" if known.kind == "guids" else "text")
        return isinstance(value, list) and all(_fits(alone, item) for item in value)
    if not isinstance(value, str):
        return False
    if known.kind == "guid":
        return GUID.fullmatch(value) is not None
    if known.kind == "instant":
        return _is_instant(value)
    return not (known.limit and len(value) > known.limit) and not (known.choices and value not in known.choices)


def _is_instant(value: str) -> bool:
    try:
        return 0 <= as_seconds(value) < LATEST_INSTANT
    except ValueError:
        return False


def redirect_uris(values: JsonObject, allow_localhost: bool) -> None:
    """Raise GraphError for redirect URIs that Entra rejects. `allow_localhost` also accepts http://*.localhost."""
    everything: list[str] = []
    for platform in ("web", "spa", "publicClient"):
        uris = (values.get(platform) or {}).get("redirectUris") or []
        everything += uris
        for uri in uris:
            reason = _redirect_problem(uri, platform, allow_localhost)
            if reason:
                raise bad_request(
                    f"Invalid value specified for property 'redirectUris' of resource 'Application'. {reason}",
                    [{"code": "InvalidValue", "message": reason, "target": f"{platform}.redirectUris"}],
                )
    if len(everything) > MOST_REDIRECT_URIS:
        raise bad_request("The number of redirect URIs exceeds the limit of 256.")


def _redirect_problem(uri: str, platform: str, allow_localhost: bool) -> str:
    if len(uri) > LONGEST_REDIRECT_URI:
        return "A redirect URI cannot be longer than 256 characters."
    if FORBIDDEN_IN_REDIRECT_URI.intersection(uri) or any(c.isspace() for c in uri):
        return "A redirect URI cannot contain the characters ! $ ' ( ) , ; or blanks."
    try:
        parts = urlsplit(uri)
        host = parts.hostname or ""
    except ValueError:
        return "Must be a valid absolute URI."
    if not host or parts.fragment:
        return "Must be a valid absolute URI without a fragment." if platform != "publicClient" else ""
    if "*" in host:
        return "Wildcards are not allowed for this sign-in audience."
    if parts.scheme == "https" or platform == "publicClient":
        return ""
    local = host in ("localhost", "127.0.0.1") or (allow_localhost and host.endswith(".localhost"))
    return "" if parts.scheme == "http" and local else "Must start with HTTPS or http://localhost."


def essentials(values: JsonObject, *, required: bool) -> None:
    """Raise GraphError if a required property is missing."""
    name = values.get("displayName")
    if required and "displayName" not in values:
        raise bad_request("A value is required for property 'displayName' of resource 'Application'.")
    if "displayName" in values and (not name or not str(name).strip()):
        raise bad_request("Invalid value specified for property 'displayName' of resource 'Application'.")
    if "signInAudience" in values and values["signInAudience"] is None:
        raise bad_request("Invalid value specified for property 'signInAudience' of resource 'Application'.")


def tags(values: JsonObject) -> None:
    for tag in values.get("tags") or []:
        if not 1 <= len(tag) <= 256 or any(c.isspace() for c in tag):
            raise bad_request("Invalid value specified for property 'tags' of resource 'Application'.")
