"""The repeatable steps that create a registration: application and service principal. Used in both tenants."""

from collections.abc import Mapping
from typing import Any

from django.utils import timezone

from registrations import audit, engine
from registrations.applications import conflicts, desired_state
from registrations.applications.replication import confirm_deleted, may_be_replicating, reset_missing
from registrations.clients.graph.client import GraphClient
from registrations.clients.graph.errors import GraphRefusedError, Meaning
from registrations.clients.graph.types import Application
from registrations.errors import NotShownError, NotYetError, WrongStateError
from registrations.models import AppRegistration, ClientSecret, Operation


def ensure_application(
    graph: GraphClient, registration: AppRegistration, wanted: Mapping[str, Any], operation: Operation
) -> str:
    """The application exists and looks as wanted; returns a note for people.

    The registration's row is the intent and is written before the application is created. So an application with its
    unique name and our tag is ours, even if the answer to its creation was lost.
    """
    require_managed(registration)
    found = _find(graph, registration, operation)
    if found is None:
        found = _create(graph, registration, wanted, operation)
        engine.set_value(_creation(registration))
        registration.adopted = False  # SyncPortal created this one
        registration.applied_settings = dict(wanted)
        _save_ids(registration, found, operation)
        return f"Created with application (client) ID {found.app_id}."
    conflicts.require_ours(registration, found, str(wanted["tags"][-1]), operation)
    if registration.object_id != found.object_id:
        registration.applied_settings = {}  # of another application
    _save_ids(registration, found, operation)
    changes = desired_state.differences(wanted, found.properties)
    if changes:
        graph.update_application(found.object_id, changes)
    _save_applied(registration, wanted)
    return f"Found; corrected {', '.join(sorted(changes))}." if changes else "Already exists and is up to date."


def correct_application(graph: GraphClient, registration: AppRegistration, wanted: Mapping[str, Any]) -> None:
    """The application that an earlier step created looks as wanted. Raises NotShownError if Microsoft does not show it."""
    require_managed(registration)
    found = graph.read_application(registration.object_id)
    if found is None:
        raise NotShownError("Microsoft does not show the new application everywhere yet.")
    changes = desired_state.differences(wanted, found.properties)
    if changes:
        graph.update_application(found.object_id, changes)
    _save_applied(registration, wanted)


def ensure_service_principal(graph: GraphClient, registration: AppRegistration) -> str:
    """The application's service principal exists in its tenant; returns a note for people."""
    require_managed(registration)
    principal = graph.ensure_service_principal(registration.app_id, is_new=created_in_this_run(registration))
    if registration.service_principal_id != principal:
        registration.service_principal_id = principal
        row = AppRegistration.objects.filter(pk=registration.pk)
        engine.on_step_commit(lambda: row.update(service_principal_id=principal))
    return f"Service principal {principal}."


def require_managed(registration: AppRegistration) -> None:
    """Raises WrongStateError for a customer's own registration, which SyncPortal does not change."""
    if not registration.managed:
        raise WrongStateError(
            f"{registration} is the customer's own registration: SyncPortal changes nothing in it. Ask the customer to do it."
        )


def set_absent(unique_name: str) -> None:
    """An earlier step of this run has seen that nobody has the name: a later step does not look again.

    If a replica hid an application with this very name, another SyncPortal created it: nobody else assigns such names.
    """
    engine.set_value(_absence(unique_name))


def created_in_this_run(registration: AppRegistration) -> bool:
    """Whether Graph answered in this run that it created the application.

    Then it contains only what this run has added, and no answer about it was lost: a lost answer ends the run.
    """
    return bool(engine.get_value(_creation(registration)))


def _absence(unique_name: str) -> str:
    return f"nobody has {unique_name}"


def _creation(registration: AppRegistration) -> str:
    return f"created application of {registration.pk}"


def _find(graph: GraphClient, registration: AppRegistration, operation: Operation) -> Application | None:
    """The application, or None if it must be created. Raises NotYetError while a known one may only be hidden."""
    if not registration.object_id:
        is_absent = engine.get_value(_absence(registration.unique_name))
        return None if is_absent else graph.find_application(registration.unique_name)
    found = graph.read_application(registration.object_id)
    if found:
        reset_missing(operation, registration.object_id)
    if found is None and may_be_replicating(registration.made_at):
        raise NotYetError("Microsoft does not show the new application everywhere yet.")
    if found is None:
        deleted = graph.find_deleted(registration.unique_name, registration.object_id)
        if deleted:
            conflicts.resolve_deleted(graph, registration, deleted, operation)
        found = graph.find_application(registration.unique_name)
        if found is None:
            confirm_deleted(operation, registration.object_id, f"the application {registration.app_id}")
    return found


def _create(
    graph: GraphClient, registration: AppRegistration, wanted: Mapping[str, Any], operation: Operation
) -> Application:
    try:
        created = graph.create_application(registration.unique_name, wanted)
    except GraphRefusedError as refusal:
        if refusal.meaning is not Meaning.NAME_TAKEN:
            raise
        deleted = graph.find_deleted(registration.unique_name)
        if deleted:
            conflicts.resolve_deleted(graph, registration, deleted, operation)
        raise NotYetError("Microsoft has the application and does not show it yet.") from refusal
    if created is None:
        raise NotYetError("Microsoft has the application and does not show it yet.")
    return created


def _save_applied(registration: AppRegistration, wanted: Mapping[str, Any]) -> None:
    """Microsoft has these settings now: the page before the next provisioning compares with them."""
    if registration.applied_settings != wanted:
        registration.applied_settings = dict(wanted)
        row = AppRegistration.objects.filter(pk=registration.pk)
        engine.on_step_commit(lambda: row.update(applied_settings=dict(wanted)))


def _save_ids(registration: AppRegistration, found: Application, operation: Operation) -> None:
    if registration.object_id == found.object_id:
        return
    before = {"app_id": registration.app_id} if registration.object_id else {}
    registration.object_id, registration.app_id, registration.service_principal_id = found.object_id, found.app_id, ""
    ids = {"app_id": found.app_id, "object_id": found.object_id}

    def save() -> None:
        if before:
            # Only now that Microsoft shows another application with the name: the secrets of the one before are gone.
            secrets = registration.secrets.exclude(status=ClientSecret.Status.REMOVED)
            secrets.update(status=ClientSecret.Status.REMOVED, envelope="")
            audit.record(
                "application.found_gone",
                actor=audit.WORKER,
                subject=registration,
                operation_id=operation.pk,
                before=before,
            )
        AppRegistration.objects.filter(pk=registration.pk).update(
            made_at=timezone.now(),
            service_principal_id="",
            adopted=registration.adopted,
            applied_settings=registration.applied_settings,
            **ids,
        )
        audit.record(
            "application.created", actor=audit.WORKER, subject=registration, operation_id=operation.pk, after=ids
        )

    engine.on_step_commit(save)
