"""Check a tenant's credential: does it obtain a token, is it this tenant's, which permissions are missing or unneeded."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.utils import timezone

from registrations import audit, connections, engine
from registrations.clients.entra import AppToken
from registrations.clients.graph.client import GRAPH_APP_ID, GraphClient
from registrations.errors import NotPermittedError, RemoteRejectedError
from registrations.models import EntraTenant, Operation

KIND = "check_tenant"
FRESH_FOR = timedelta(minutes=10)  # so that a bulk job does not ask for the grants a thousand times

# https://learn.microsoft.com/graph/permissions-reference
REQUIRED = {
    "Application.ReadWrite.OwnedBy": "creates sync apps and changes those it created",
    "Application.Read.All": "finds applications that are there already, and reads its own permissions",
    "Organization.Read.All": "checks that the credential belongs to the tenant",
}
OPTIONAL = {"Policy.Read.All": "sees a policy that forbids or shortens secrets before it refuses one"}


@dataclass(frozen=True)
class PermissionCheck:
    """Which permissions of the portal's application are missing in a tenant, and which it does not need."""

    missing: list[str]
    excess: list[str]

    @property
    def sentence(self) -> str:
        """What the check found, for people."""
        parts = [f"Missing: {', '.join(self.missing)}."] if self.missing else ["Every needed permission is granted."]
        if self.excess:
            parts.append(f"Unneeded permissions: {', '.join(self.excess)}. Remove them in Entra.")
        return " ".join(parts)


def request(tenant: EntraTenant, *, actor: audit.Actor, user: Any = None) -> Operation:
    """Queue a check of the tenant's credential. Raises WrongStateError if one is queued or running."""
    return engine.request(KIND, tenant, actor=actor, user=user)


def refusals(tenants: Collection[EntraTenant]) -> dict[Any, str]:
    """Why tenants cannot be checked now, by their keys: one query, however many there are."""
    keys = [each.pk for each in tenants]
    busy = set(Operation.objects.live().filter(subject_id__in=keys).values_list("subject_id", flat=True))
    found = {each.pk: "Its last check has not finished yet." for each in tenants if each.pk in busy}
    return found | {
        each.pk: "It has no secret yet. Enter it first." for each in tenants if not each.client_secret_envelope
    }


def register() -> None:
    """Make the kind known to the engine."""
    engine.register(
        engine.Kind(
            name=KIND,
            title="Check the credential",
            steps=(
                engine.Step("token", "Obtain a token in the tenant", _token),
                engine.Step("permissions", "Compare the permissions", _permissions),
            ),
            subject=EntraTenant,
            succeeded=_nothing_more,
            failed=_nothing_more,
        )
    )


def save_outcome(tenant: EntraTenant, found: PermissionCheck, *, actor: audit.Actor, operation_id: Any = None) -> None:
    """Save what a check found on the tenant's row, with its history entry; nothing if the credential was changed meanwhile."""
    checked = EntraTenant.objects.filter(
        pk=tenant.pk,
        tenant_id=tenant.tenant_id,
        client_id=tenant.client_id,
        client_secret_envelope=tenant.client_secret_envelope,
    )
    with audit.atomic():
        if not checked.update(
            checked_at=timezone.now(), missing_permissions=found.missing, excess_permissions=found.excess
        ):
            return
        audit.record(
            "tenant.checked",
            actor=actor,
            subject=tenant,
            operation_id=operation_id,
            after={"missing": found.missing, "excess": found.excess},
        )


def check(tenant: EntraTenant, operation: Operation) -> tuple[PermissionCheck, str]:
    """Check and save the outcome: what is granted, and the tenant's name at Microsoft if nothing is missing.

    Raises RemoteRejectedError if the credential is refused or belongs to another tenant. Then nothing is saved.
    """
    found = permissions_of(tenant)
    known_as = "" if found.missing else confirm_tenant(tenant)
    save_outcome(tenant, found, actor=audit.WORKER, operation_id=operation.pk)
    return found, known_as


def recent_outcome(tenant: EntraTenant) -> PermissionCheck | None:
    """The outcome of a check of minutes ago that found nothing missing; None if it is time to check again.

    If a permission was removed meanwhile, Microsoft refuses the step that needs it.
    """
    age = timezone.now() - tenant.checked_at if tenant.checked_at else FRESH_FOR
    if tenant.missing_permissions or not timedelta() <= age < FRESH_FOR:
        return None
    return PermissionCheck([], tenant.excess_permissions)


def permissions_of(tenant: EntraTenant, client_secret: str | None = None) -> PermissionCheck:
    """What the portal's application may do in the tenant, compared with what it needs. Raises RemoteRejectedError."""
    graph = connections.graph_as_app(tenant, client_secret)
    return compare_permissions(graph, tenant.client_id, connections.own_token(tenant, client_secret))


def confirm_tenant(tenant: EntraTenant, client_secret: str | None = None) -> str:
    """The tenant's name at Microsoft. Raises RemoteRejectedError if the credential belongs to another tenant."""
    return tenant_name(connections.graph_as_app(tenant, client_secret), tenant.tenant_id)


def compare_permissions(graph: GraphClient, client_id: str, token: AppToken) -> PermissionCheck:
    """Compare what is granted to the portal's application with what it needs. Raises RemoteUnavailableError.

    Without Application.Read.All the grants cannot be read; then the token's own list is used.
    """
    try:
        granted = _granted(graph, client_id)
    except NotPermittedError:
        granted = set(token.roles)
    return PermissionCheck(
        missing=[value for value in REQUIRED if value not in granted],
        excess=sorted(granted - REQUIRED.keys() - OPTIONAL.keys()),
    )


def _granted(graph: GraphClient, client_id: str) -> set[str]:
    resource = graph.resource(GRAPH_APP_ID)
    own = graph.find_service_principal(client_id)
    names = {role_id: value for value, role_id in resource.app_roles.items()}
    grants = graph.granted_roles(own) if own else frozenset()
    return {names.get(role, role) if api == resource.id else f"another API's {role}" for api, role in grants}


def tenant_name(graph: GraphClient, tenant_id: str) -> str:
    """The display name of the tenant the credential works in. Raises RemoteRejectedError if it is another tenant."""
    organization = graph.organization()
    if organization.tenant_id.lower() != tenant_id.lower():
        raise RemoteRejectedError(f"The credential belongs to {organization.display_name}, not to tenant {tenant_id}.")
    return organization.display_name


def _token(operation: Operation) -> str:
    connections.own_token(engine.subject_of(operation))
    return "Microsoft accepts the credential."


def _permissions(operation: Operation) -> str:
    tenant: EntraTenant = engine.subject_of(operation)
    found, known_as = check(tenant, operation)
    return found.sentence if found.missing else f"Microsoft knows this tenant as {known_as}. {found.sentence}"


def _nothing_more(operation: Operation) -> None:
    """The check's outcome is on the tenant's row already."""
