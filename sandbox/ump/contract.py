"""Checks the bodies of calls to a UMP.

The customer calls follow "UMP Public API" of AudioCodes. The `/api/portal/` calls follow the contract that the product
defines.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from sandbox.model import JsonObject

GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_HOST = r"(https://[^/]+|http://[^/:]+\.localhost(:[0-9]+)?)"
REDIRECT_URI = re.compile(rf"^{_HOST}/authenticate/OAuth2Callback$")
PORTAL_URL = re.compile(rf"^{_HOST}/authenticate$")
SHORTEST_SECRET = 16

# A licence can change only within Direct Routing (1, 2) or within Operator Connect (4, 5).
LICENSE_FAMILIES = ((1, 2), (4, 5))


class UmpError(Exception):
    """An error response: HTTP status, code, message."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message

    def body(self) -> JsonObject:
        return {"error": {"code": self.code, "message": self.message}}


def _invalid(name: str, message: str, code: str = "InvalidValue") -> UmpError:
    return UmpError(400, code, f"{name}: {message}")


def _guid(name: str, value: Any) -> None:
    if not isinstance(value, str) or not GUID.fullmatch(value):
        raise _invalid(name, "must be a GUID.")


def _text(name: str, value: Any) -> None:
    if not isinstance(value, str) or not value:
        raise _invalid(name, "must be a text.")


def _secret(name: str, value: Any) -> None:
    _text(name, value)
    if GUID.fullmatch(value):
        raise _invalid(name, "this is the secret's id. The secret's value is expected.", "ClientSecretIdInsteadOfValue")
    if len(value) < SHORTEST_SECRET:
        raise _invalid(name, f"must have at least {SHORTEST_SECRET} characters.")


def _pattern(expression: re.Pattern[str]) -> Callable[[str, Any], None]:
    def check(name: str, value: Any) -> None:
        if not isinstance(value, str) or not expression.match(value):
            raise _invalid(name, f"does not match {expression.pattern}")

    return check


def _license(name: str, value: Any) -> None:
    if isinstance(value, bool) or value not in (1, 2, 4, 5):
        raise _invalid(name, "must be 1, 2, 4 or 5.")


def _count(name: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 500:
        raise _invalid(name, "must be a number from 1 to 500.")


def _delegated(name: str, value: Any) -> None:
    if value != "delegated_token":
        raise _invalid(name, "must be delegated_token.")


Checks = dict[str, Callable[[str, Any], None]]

SYNC_APP: Checks = {"clientId": _guid, "clientSecret": _secret, "redirectUri": _pattern(REDIRECT_URI)}
AUTHENTICATION_PORTAL: Checks = {"customerAuthenticationPortalUrl": _pattern(PORTAL_URL)}
DELEGATED_TOKEN: Checks = {"method": _delegated, "tenantId": _guid, "username": _text, "refreshToken": _text}
CUSTOMER: Checks = {
    "licenseType": _license,
    "licensedUsersCount": _count,
    "applicationClientId": _guid,
    "applicationClientSecret": _secret,
}


def check(body: Any, checks: Checks, *, all_required: bool = True) -> JsonObject:
    """The body. Raises UmpError if a property is unknown, missing or has an invalid value."""
    if not isinstance(body, dict):
        raise UmpError(400, "InvalidBody", "The body must be a JSON object.")
    for name in body:
        if name not in checks:
            raise UmpError(400, "UnknownProperty", f"Unknown property '{name}'.")
    for name, fits in checks.items():
        if name in body:
            fits(name, body[name])
        elif all_required:
            raise UmpError(400, "MissingProperty", f"Property '{name}' is required.")
    return body


def check_license_change(old: int, new: int) -> None:
    """Raise UmpError, with the message that AudioCodes documents, if the licence cannot change like this."""
    if old != new and not any(old in family and new in family for family in LICENSE_FAMILIES):
        raise UmpError(400, "InvalidLicenseType", "Invalid change for License Type!")
