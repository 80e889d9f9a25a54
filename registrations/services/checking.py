"""Check a tenant's credential: does it obtain a token, is it this tenant's, which permissions are missing or too much."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from registrations import audit, connections, engine
from registrations.models import EntraTenant, Operation
from registrations.services import permissions

KIND = "check_tenant"
FRESH_FOR = timedelta(minutes=10)  # a job of a thousand need not ask a thousand times what is granted


def request(tenant: EntraTenant, *, actor: audit.Actor, user: Any = None) -> Operation:
    """Queue a check of the tenant's credential. Raises WrongStateError where one is under way."""
    return engine.request(KIND, tenant, actor=actor, user=user)


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


def keep_outcome(
    tenant: EntraTenant, found: permissions.PermissionCheck, *, actor: audit.Actor, operation_id: Any = None
) -> None:
    """Write what a check found on the tenant's row, with its history entry; nothing where the credential is another now."""
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


def check(tenant: EntraTenant, operation: Operation) -> tuple[permissions.PermissionCheck, str]:
    """Look, and keep the outcome: what is granted, and the tenant's name at Microsoft where all that is needed is.

    Raises RemoteRejectedError where the credential is refused or belongs to another tenant: then nothing is kept.
    """
    found = look(tenant)
    known_as = "" if found.missing else confirm(tenant)
    keep_outcome(tenant, found, actor=audit.WORKER, operation_id=operation.pk)
    return found, known_as


def lately(tenant: EntraTenant) -> permissions.PermissionCheck | None:
    """The outcome of a check of minutes ago that found nothing missing; None where it is time to look again.

    What is granted may be taken away meanwhile: then Microsoft refuses the step that needs it.
    """
    age = timezone.now() - tenant.checked_at if tenant.checked_at else FRESH_FOR
    if tenant.missing_permissions or not timedelta() <= age < FRESH_FOR:
        return None
    return permissions.PermissionCheck([], tenant.excess_permissions)


def look(tenant: EntraTenant, client_secret: str | None = None) -> permissions.PermissionCheck:
    """What the portal's application may do in the tenant, compared with what it needs. Raises RemoteRejectedError."""
    graph = connections.graph_as_app(tenant, client_secret)
    return permissions.check(graph, tenant.client_id, connections.own_token(tenant, client_secret))


def confirm(tenant: EntraTenant, client_secret: str | None = None) -> str:
    """The tenant's name at Microsoft. Raises RemoteRejectedError where the credential belongs to another tenant."""
    return permissions.confirm_tenant(connections.graph_as_app(tenant, client_secret), tenant.tenant_id)


def _token(operation: Operation) -> str:
    connections.own_token(engine.subject_of(operation))
    return "Microsoft accepts the credential."


def _permissions(operation: Operation) -> str:
    tenant: EntraTenant = engine.subject_of(operation)
    found, known_as = check(tenant, operation)
    return found.sentence if found.missing else f"Microsoft knows this tenant as {known_as}. {found.sentence}"


def _nothing_more(operation: Operation) -> None:
    """The check's outcome is on the tenant's row already."""
