"""Where a refusal's body says why. Services differ, and the same service differs from answer to answer."""

from typing import Any

# Names of members, in lower case, the one that says most first. OAuth: RFC 6749, section 5.2; "detail" and "title": RFC 9457;
# {"message": {"value": ...}} below "odata.error": OData before version 4; "errors": what ASP.NET says about each field.
WORDS = (
    "error_description",
    "message",
    "value",
    "error",
    "odata.error",
    "detail",
    "errors",
    "details",
    "innererror",
    "title",
)
PARTS = ("error", "odata.error", "details", "innererror")
DEEPEST = 6


def words_in(body: Any, depth: int = 0) -> str:
    """The reason in a body, "" if it gives none. It may hold secrets: the caller redacts it."""
    if isinstance(body, str):
        return body.strip()
    if depth > DEEPEST:
        return ""
    return next(filter(None, (words_in(each, depth + 1) for each in _candidates(body))), "")


def codes_in(body: Any, depth: int = 0) -> set[str]:
    """Every code in an error: its own, and those of its details and inner errors."""
    if depth > DEEPEST:
        return set()
    if isinstance(body, list):
        return {code for each in body for code in codes_in(each, depth + 1)}
    members = _members(body)
    own = {str(members["code"])} if isinstance(members.get("code"), str | int) else set()
    return own.union(*(codes_in(members.get(name), depth + 1) for name in PARTS)) - {""}


def _candidates(body: Any) -> list[Any]:
    if isinstance(body, list):
        return body
    members = _members(body)
    fields = members.get("errors")
    if isinstance(fields, dict):
        members["errors"] = list(fields.values())
    return [members[name] for name in WORDS if name in members]


def _members(body: Any) -> dict[str, Any]:
    return {str(name).lower(): value for name, value in body.items()} if isinstance(body, dict) else {}
