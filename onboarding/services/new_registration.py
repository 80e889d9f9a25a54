"""Connect a customer with a new registration: create it with the administrator's token and hand it over to the UMP."""

from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from onboarding import requirements
from onboarding.models import Connection, ConnectionMethod
from onboarding.services import lookups, secret_rules, temporary_grant, ump_handover
from onboarding.services.lookups import NEW_REGISTRATION, connection_of, made_registration, open_connection
from registrations import audit, connections, engine
from registrations.applications import client_secrets, desired_state, ensure, presence, secret_cleanup
from registrations.clients.graph.types import ResourcePrincipal
from registrations.errors import (
    NotYetError,
    RemoteRejectedError,
)
from registrations.models import AppRegistration, Operation
from registrations.models.notes import INSTANCE_NOTE
from registrations.models.steps import reset_steps

KIND = NEW_REGISTRATION
RESTARTED: dict[str, Any] = {
    "status": Connection.Status.CONNECTING,
    "grant_removed": None,
    "customer_part_done_at": None,
}
CREDENTIAL_LIFETIME = timedelta(hours=24)
ROLES_RETRY = timedelta(seconds=10)
REMEDY = "Check the registration in Entra, then resume. What was deleted there is created again."
GRANTS_MISSING = "grants_missing"
TENANT_STEPS = ("application", "service_principal", "permissions", "roles", "secret", "proof", "clean_up")
ROLES_TIMEOUT = timedelta(minutes=15)  # Microsoft's figure for a role change to take effect


def register() -> None:
    """Register the kind of operation with the engine."""
    engine.register(
        engine.Kind(
            name=KIND,
            title="Connect the organisation",
            steps=(
                engine.Step("application", "Create the registration", _application),
                engine.Step("service_principal", "Create its service principal", _watching(_service_principal)),
                engine.Step("permissions", "Grant its permissions", _watching(_permissions)),
                engine.Step("roles", "Assign its administrator roles", _watching(_roles)),
                engine.Step("secret", "Create its secret", _watching(_secret)),
                engine.Step("proof", "Verify that it works", _watching(_proof)),
                engine.Step("clean_up", "Revoke the temporary access", temporary_grant.revoke),
                *ump_handover.steps(),
            ),
            subject=Connection,
            succeeded=ump_handover.succeeded,
            resumed=ump_handover.resumed,
            obstacles=lookups.obstacles,
            failed=_failed,
            before_failing=temporary_grant.revoke_before_failing,
            retry_from={
                **ump_handover.RETRY_FROM,
                # Something is gone from the customer's tenant: each of these looks before it acts.
                **dict.fromkeys(
                    [*presence.REFUSED, presence.PRINCIPAL_GONE, GRANTS_MISSING],
                    (*TENANT_STEPS, "hand_over", "validation"),
                ),
            },
        )
    )


def request(connection: Connection, *, access_token: str, token_expires_at: datetime, actor: audit.Actor) -> Operation:
    """Queue the operation that connects a customer. The administrator's token is stored encrypted on the operation.

    Raises WrongStateError if such an operation is live, or the invitation can no longer be used.
    """
    invitation = connection.invitation
    with audit.atomic():
        operation = engine.request(
            KIND,
            connection,
            actor=actor,
            credential=(access_token, _credential_expiry(token_expires_at)),
            notes={INSTANCE_NOTE: str(invitation.service.instance_id)},
        )
        lookups.begin_connecting(invitation.pk)
        Connection.objects.filter(pk=connection.pk).update(way=ConnectionMethod.NEW, **RESTARTED)
    return operation


def resume_with_token(
    operation: Operation, *, access_token: str, token_expires_at: datetime, actor: audit.Actor
) -> None:
    """Store the token of a new sign-in and resume the operation.

    Whatever was done in the tenant is looked at again: somebody may have deleted it meanwhile.
    Raises WrongStateError if the operation is neither waiting nor failed, or the invitation can no longer be used.
    """
    connection = connection_of(operation)
    with audit.atomic():
        engine.resume(operation, actor=actor)
        lookups.begin_connecting(connection.invitation_id)
        operation.seal("credential_envelope", access_token)
        operation.refresh_from_db(fields=["steps"])
        Operation.objects.filter(pk=operation.pk).update(
            credential_envelope=operation.credential_envelope,
            credential_expires_at=_credential_expiry(token_expires_at),
            steps=reset_steps(operation.steps, *TENANT_STEPS),  # the new temporary grant must be revoked too
        )
        Connection.objects.filter(pk=connection.pk).update(**RESTARTED)


def latest_operation(connection: Connection) -> Operation | None:
    """The newest operation of this kind for the connection, or None."""
    return Operation.objects.newest_of(connection, KIND)


def _application(operation: Operation) -> str:
    connection = open_connection(operation)
    if not made_anything(connection):
        secret_rules.require_secrets_allowed(temporary_grant.graph_client(operation), connection.invitation.tenant_id)
    registration = _registration(connection, operation)
    wanted = desired_state.customer_app(registration, {})
    wanted.pop("requiredResourceAccess")  # sent by the permissions step, once the API role IDs of this tenant are known
    return ensure.ensure_application(temporary_grant.graph_client(operation), registration, wanted, operation)


def _service_principal(operation: Operation) -> str:
    return ensure.ensure_service_principal(temporary_grant.graph_client(operation), made_registration(operation))


def _permissions(operation: Operation) -> str:
    graph, registration = temporary_grant.graph_client(operation), made_registration(operation)
    resources = {app_id: graph.resource(app_id) for app_id in {p.resource_app_id for p in requirements.PERMISSIONS}}
    roles = _role_ids(resources)
    ensure.correct_application(graph, registration, desired_state.customer_app(registration, roles))
    granted = graph.granted_roles(registration.service_principal_id)
    for app_id, role_ids in roles.items():
        for role_id in role_ids:
            if (resources[app_id].id, role_id) not in granted:
                graph.grant_role(registration.service_principal_id, resources[app_id].id, role_id)
    return "Granted: " + ", ".join(permission.value for permission in requirements.PERMISSIONS) + "."


def _role_ids(resources: dict[str, ResourcePrincipal]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for permission in requirements.PERMISSIONS:
        role_id = resources[permission.resource_app_id].app_roles.get(permission.value)
        if role_id is None:
            raise RemoteRejectedError(
                f"{permission.resource_name} does not offer {permission.value} in this organisation. Check its Teams licence.",
                code="permission_unknown",
            )
        found[permission.resource_app_id].append(role_id)
    return found


def _roles(operation: Operation) -> str:
    graph, registration = temporary_grant.graph_client(operation), made_registration(operation)
    held = graph.directory_roles_of(registration.service_principal_id)
    for role in requirements.ROLES:
        if role.template_id not in held:
            graph.assign_directory_role(registration.service_principal_id, role.template_id)
    return "Assigned: " + ", ".join(role.name for role in requirements.ROLES) + "."


def _secret(operation: Operation) -> str:
    return client_secrets.ensure_secret(
        temporary_grant.graph_client(operation), made_registration(operation), operation
    )


def _proof(operation: Operation) -> str:
    registration = made_registration(operation)
    graph_token = client_secrets.prove_secret(registration, operation, remedy=REMEDY)
    teams_token = client_secrets.prove_secret(
        registration, operation, scope=connections.TEAMS_ADMIN_API_SCOPE, remedy=REMEDY
    )
    held = graph_token.roles | teams_token.roles
    missing = [permission.value for permission in requirements.PERMISSIONS if permission.value not in held]
    missing += [role.name for role in requirements.ROLES if role.template_id not in teams_token.wids | graph_token.wids]
    if missing:
        _wait_for_roles(operation, missing)
    secret_cleanup.remove_orphans(temporary_grant.graph_client(operation), registration, operation)
    return "Microsoft issued a token for both APIs, with every permission and role."


def _wait_for_roles(operation: Operation, missing: list[str]) -> None:
    secret = client_secrets.live_secret(made_registration(operation))
    granted = [secret.stored_at, operation.step("permissions").ended_at, operation.step("roles").ended_at]
    if timezone.now() - max(each for each in granted if each) > ROLES_TIMEOUT:
        raise RemoteRejectedError(
            f"Tokens still lack {', '.join(missing)}. Check the registration's permissions in Entra.",
            code=GRANTS_MISSING,
        )
    raise NotYetError(
        f"Microsoft is still replicating the grants: tokens lack {', '.join(missing)}.", retry_after=ROLES_RETRY
    )


def made_anything(connection: Connection) -> bool:
    """Whether a registration was created for the connection, or may have been."""
    return connection.registration_id is not None


def _watching(step: presence.Run) -> presence.Run:
    """The step, and what is done again if somebody deletes in the customer's tenant what it stands on."""
    return presence.watching(
        step, lambda operation: (temporary_grant.graph_client(operation), made_registration(operation))
    )


def _failed(operation: Operation) -> None:
    ump_handover.failed(operation)
    temporary_grant.report_unrevoked(operation)
    connection = connection_of(operation)
    if operation.error_code == secret_rules.FORBIDDEN and not made_anything(connection):
        lookups.reopen(connection)  # every method may be chosen again


def _registration(connection: Connection, operation: Operation) -> AppRegistration:
    """The registration's row, stored before the registration is created in Entra."""
    if connection.registration:
        return connection.registration
    service = connection.invitation.service
    values: dict[str, Any] = {"display_name": connection.registration_name}
    with audit.atomic(durable=True):
        registration, created = AppRegistration.objects.get_or_create(
            tenant_id=connection.invitation.tenant_id,
            unique_name=f"{desired_state.unique_name(service.instance)}-{connection.pk}",
            defaults=values,
        )
        Connection.objects.filter(pk=connection.pk).update(registration=registration)
        if created:
            audit.record("application.intended", actor=audit.WORKER, subject=registration, operation_id=operation.pk)
    return registration


def _credential_expiry(token_expires_at: datetime) -> datetime:
    return min(token_expires_at, timezone.now() + CREDENTIAL_LIFETIME)
