"""Pure: what a registration must look like, and how it differs from what Graph shows. No network, no database writes."""

import calendar
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from registrations.clients.graph.client import GRAPH_APP_ID
from registrations.models import AppRegistration, UmpInstance

UNIQUE_NAMES = "syncportal-"  # what every unique name of a sync app begins with
SECRET_MONTHS = 24  # the procedure's own figure
POLICY_MARGIN = timedelta(hours=1)  # the clocks differ, and Microsoft counts from its own
SHORTEST_SECRET = timedelta(minutes=10)
DURATION = re.compile(
    r"P(?:(?P<years>N)Y)?(?:(?P<months>N)M)?(?:(?P<weeks>N)W)?(?:(?P<days>N)D)?"
    r"(?:T(?:(?P<hours>N)H)?(?:(?P<minutes>N)M)?(?:(?P<seconds>N)S)?)?".replace("N", r"[0-9]{1,9}(?:[.,][0-9]{1,9})?")
)
USER_READ_ID = (
    "e1fe6dd8-ba31-4d61-89e7-88639da4683d"  # https://learn.microsoft.com/graph/permissions-reference#userread
)

# Why each setting that the procedure does not name is there: the wizard signs administrators in through this very app.
REASONS = {
    "requiredResourceAccess": "User.Read is what a sign-in needs; nothing more is asked before the administrator agrees.",
    "groupMembershipClaims": "Puts the administrator's directory roles into the id_token, as a hint.",
    "optionalClaims": "acct distinguishes a guest from a member; login_hint offers the same account at the second sign-in.",
    "servicePrincipalLockConfiguration": "The app instance property lock: nobody can add credentials to the sync app's service "
    "principal in a customer's tenant and act in its name. Graph leaves it off, and Microsoft's assessment of multitenant "
    "applications demands it (https://learn.microsoft.com/entra/identity-platform/howto-configure-app-instance-property-locks).",
}


def unique_name(instance: UmpInstance) -> str:
    """The key by which Graph finds the application again, even for a portal that lost its database."""
    return f"{UNIQUE_NAMES}{instance.host}"


def sync_app(instance: UmpInstance) -> dict[str, Any]:
    """The sync app of an instance, in Graph's properties: the procedure's settings, and what the wizard's sign-in needs."""
    return {
        "displayName": instance.app_name,
        "signInAudience": "AzureADMultipleOrgs",
        "web": {
            "redirectUris": [instance.redirect_uri],
            "implicitGrantSettings": {"enableAccessTokenIssuance": True, "enableIdTokenIssuance": True},
        },
        "isFallbackPublicClient": True,
        "requiredResourceAccess": [
            {"resourceAppId": GRAPH_APP_ID, "resourceAccess": [{"id": USER_READ_ID, "type": "Scope"}]}
        ],
        "groupMembershipClaims": "DirectoryRole",
        "optionalClaims": {
            "idToken": [
                {"name": name, "essential": False, "additionalProperties": []} for name in ("acct", "login_hint")
            ],
            "accessToken": [],
            "saml2Token": [],
        },
        # Of the application: our own secrets are added there, never to a service principal.
        "servicePrincipalLockConfiguration": {"isEnabled": True, "allProperties": True},
        "tags": ["syncportal", f"syncportal-instance-{instance.pk}"],
        "notes": f"Sync app of {instance.host}. Managed by SyncPortal: changes made by hand are put back.",
    }


def customer_app(registration: AppRegistration, required: Mapping[str, list[str]]) -> dict[str, Any]:
    """The registration in a customer's tenant; `required` maps an API's app id to the ids of its application permissions."""
    return {
        "displayName": registration.display_name,
        "signInAudience": "AzureADMyOrg",
        "requiredResourceAccess": [
            {"resourceAppId": api, "resourceAccess": [{"id": role, "type": "Role"} for role in sorted(roles)]}
            for api, roles in sorted(required.items())
        ],
        "tags": ["syncportal", registration.tag],
        "notes": "Connects this organisation to its phone service. Made by SyncPortal at an administrator's request.",
    }


def differences(wanted: Mapping[str, Any], actual: Mapping[str, Any]) -> dict[str, Any]:
    """The properties to send so that the application looks as wanted; collections whole, as Graph replaces them."""
    return {name: value for name, value in wanted.items() if not _covers(value, actual.get(name))}


def duration(text: str) -> timedelta | None:
    """An ISO 8601 duration such as P180D, P6M or P1DT12H, or None for anything else. A year has 365 days, a month 30."""
    found = DURATION.fullmatch(text.strip())
    if not found or text.strip()[-1:] in {"P", "T", ""}:
        return None
    parts = {unit: float(count.replace(",", ".")) for unit, count in found.groupdict().items() if count}
    days = sum(parts.pop(unit, 0) * length for unit, length in (("years", 365), ("months", 30)))
    try:
        return timedelta(days=days) + timedelta(**parts)
    except OverflowError:
        return None


def secret_ends_at(now: datetime, longest: str = "") -> datetime:
    """24 months from now, or an hour less than the tenant's policy allows (an ISO 8601 duration), but never in the past."""
    year, month = now.year + SECRET_MONTHS // 12, now.month
    last_day = calendar.monthrange(year, month)[1]
    ends = now.replace(year=year, day=min(now.day, last_day), microsecond=0)
    allowed = duration(longest)
    if allowed is None or allowed >= ends - now + POLICY_MARGIN:
        return ends
    return now + max(allowed - min(POLICY_MARGIN, allowed / 12), SHORTEST_SECRET)


def _covers(wanted: Any, actual: Any) -> bool:
    """Whether the actual value says all that is wanted. Lists are compared as sets; Graph adds defaults to objects."""
    if isinstance(wanted, Mapping):
        return isinstance(actual, Mapping) and all(_covers(value, actual.get(key)) for key, value in wanted.items())
    if isinstance(wanted, list):
        return (
            isinstance(actual, list)
            and len(wanted) == len(actual)
            and all(any(_covers(item, other) for other in actual) for item in wanted)
        )
    return bool(wanted == actual)
