"""What provisioning an instance would do, and whether it would be refused, as far as what we have stored tells. No network."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone

from registrations.applications import desired_state
from registrations.models import AppRegistration, ClientSecret, Operation, UmpInstance
from registrations.states import EXPIRING_WITHIN

CHECKED = "SyncPortal reads Entra and the UMP when it runs and corrects manual changes there."
CHECKED_BY_HAND = "SyncPortal reads Entra when it runs and corrects manual changes there. It cannot read this UMP."
CHECKED_IN_BULK = (
    "SyncPortal reads Entra when it runs, and the UMPs with delivery by API, and corrects manual changes there."
)
UNCHANGED = "According to SyncPortal's records, nothing changes."
UNKNOWN = "SyncPortal checks the application and corrects what differs."
SETTINGS = {  # what people call the properties of `desired_state.sync_app`
    "displayName": "name",
    "signInAudience": "accounts",
    "web": "redirect URI and implicit grant",
    "isFallbackPublicClient": "public client flows",
    "requiredResourceAccess": "permissions",
    "groupMembershipClaims": "groups claim",
    "optionalClaims": "optional claims",
    "servicePrincipalLockConfiguration": "app instance property lock",
    "tags": "tags",
    "notes": "notes",
}


@dataclass(frozen=True)
class Plan:
    """What would happen: one sentence for lists, and those of the application, the secret, the UMP and what is read first."""

    changes: bool  # whether what we have stored knows of anything to create, change or deliver, or cannot tell
    application: str
    secret: str
    ump: str
    checked: str
    values: list[tuple[str, str]]

    @property
    def summary(self) -> str:
        """One line of a list."""
        return f"{self.application} {self.secret}" if self.changes else f"{UNCHANGED} {self.secret}"

    @property
    def sentences(self) -> list[str]:
        """The whole, for the page of one instance."""
        first = [] if self.changes else [UNCHANGED]
        return [*first, self.application, self.secret, self.ump, self.checked]


def of(instances: Collection[UmpInstance]) -> dict[Any, Plan]:
    """The plan of each instance by its key: two queries, however many there are."""
    rows = AppRegistration.objects.filter(instance__in=[each.pk for each in instances])
    made = {(row.instance_id, row.tenant_id): row for row in rows}
    live = {row.registration_id: row for row in ClientSecret.objects.live().filter(registration__in=rows)}
    now = timezone.now()
    return {
        each.pk: _plan(each, registration, live.get(registration.pk) if registration else None, now)
        for each in instances
        for registration in [made.get((each.pk, each.provider.tenant.tenant_id))]
    }


def refusals(instances: Collection[UmpInstance]) -> dict[Any, str]:
    """Why `provisioning.request` would refuse instances, by their keys: one query, however many there are."""
    subjects = [each.pk for each in instances]
    busy = set(Operation.objects.live().filter(subject_id__in=subjects).values_list("subject_id", flat=True))
    found = {each.pk: "Its last operation has not finished yet." for each in instances if each.pk in busy}
    return found | {each.pk: "It is retired." for each in instances if each.status == UmpInstance.Status.RETIRED}


def _plan(
    instance: UmpInstance, registration: AppRegistration | None, secret: ClientSecret | None, now: datetime
) -> Plan:
    is_whole = bool(registration and registration.app_id and registration.service_principal_id)
    has_expired = bool(secret and secret.expires_at and secret.expires_at <= now)
    is_delivered = bool(secret and secret.status == ClientSecret.Status.DELIVERED and not has_expired)
    is_active = instance.status == UmpInstance.Status.ACTIVE
    is_applied = bool(registration and registration.applied_settings == desired_state.sync_app(instance))
    return Plan(
        changes=not (is_active and is_whole and is_delivered and is_applied),
        application=_application(instance, registration, is_active and is_whole),
        secret=_secret(secret, has_expired, now),
        ump=_ump(instance, is_active and is_delivered),
        checked=CHECKED_BY_HAND if instance.delivery == UmpInstance.Delivery.HANDOVER else CHECKED,
        values=_values(instance),
    )


def _application(instance: UmpInstance, registration: AppRegistration | None, is_whole: bool) -> str:
    if registration is None or not registration.app_id:
        return (
            f"The application {instance.app_name} is created in {instance.provider.tenant}, with its service principal."
        )
    if is_whole:
        return _settings(registration.applied_settings, desired_state.sync_app(instance))
    return f"The application {registration.app_id} exists; what it lacks is created or corrected."


def _settings(applied: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    """What provisioning adds and changes in an application, compared with what it last made sure of."""
    if not applied:
        return UNKNOWN
    added = [SETTINGS[name] for name in wanted if name not in applied]
    changed = [SETTINGS[name] for name in desired_state.differences(wanted, applied) if name in applied]
    said = [f"Added to the application: {', '.join(added)}."] if added else []
    said += [f"Changed in the application: {', '.join(changed)}."] if changed else []
    return " ".join(said) or "The application stays as it is."


def _secret(secret: ClientSecret | None, has_expired: bool, now: datetime) -> str:
    if secret is None:
        return f"A client secret is created, for {desired_state.SECRET_MONTHS} months at most."
    if has_expired:
        return f"A new client secret is created: {secret.hint}… expired on {secret.expires_at:%Y-%m-%d}."
    until = f" until {secret.expires_at:%Y-%m-%d}" if secret.expires_at else ""
    kept = f"No new client secret is created: {secret.hint}… is valid{until}."
    if secret.expires_at and secret.expires_at <= now + EXPIRING_WITHIN:
        return f"{kept} It expires soon, and is replaced only once it has expired or somebody removed it in Entra."
    return kept


def _ump(instance: UmpInstance, is_delivered: bool) -> str:
    if instance.delivery == UmpInstance.Delivery.HANDOVER:
        again = " again" if is_delivered else ""
        return f"A staff member confirms both parts of the hand-over sheet{again}: this UMP has no API."
    if is_delivered:
        return "The UMP has the values. They are written again only where the UMP holds others."
    return f"The values are delivered to {instance.ump_url}."


def _values(instance: UmpInstance) -> list[tuple[str, str]]:
    how = "by API" if instance.delivery == UmpInstance.Delivery.API else "by hand-over sheet"
    return [
        (
            "Application",
            f"{instance.app_name}, in tenant {instance.provider.tenant} ({instance.provider.tenant.tenant_id})",
        ),
        ("Accounts", "Multiple Entra ID tenants"),
        ("Redirect URI (Web)", instance.redirect_uri),
        ("Implicit grant", "Access tokens and ID tokens"),
        ("Public client flows", "Allowed"),
        ("Permission", "User.Read (delegated)"),
        ("Claims in the ID token", "Directory roles; optional: acct, login_hint"),
        ("App instance property lock", "On, for all properties"),
        (
            f"UMP System Settings ({how})",
            f"{instance.ump_url}: Client Id, Client Secret Value, Redirect URI, {instance.portal_url}",
        ),
    ]
