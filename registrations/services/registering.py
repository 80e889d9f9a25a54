"""The repeatable steps that make a registration: application and service principal. Used in both tenants."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from registrations import audit, engine
from registrations.clients.graph.client import GraphClient
from registrations.clients.graph.errors import GraphRefusedError, Meaning
from registrations.clients.graph.types import Application
from registrations.errors import NotYetError, WrongStateError
from registrations.models import AppRegistration, ClientSecret, Operation
from registrations.services import desired, twins

FRESH_FOR = timedelta(minutes=10)  # how long Microsoft may hide or refuse what was just made
BELIEVE_GONE_AFTER = timedelta(minutes=1)
LOOKS = 3  # at least, within that minute
FORGET_LOOKS_AFTER = timedelta(minutes=3)  # without another: what was missing then says nothing about now


def ensure_application(
    graph: GraphClient, registration: AppRegistration, wanted: Mapping[str, Any], operation: Operation
) -> str:
    """The application exists and looks as wanted; returns a note for people.

    The registration's row is the intent: it stands before the application is created, so an application of that unique
    name that carries our tag is ours even when the answer to its creation was lost.
    """
    require_managed(registration)
    found = _look(graph, registration, operation)
    if found is None:
        found = _create(graph, registration, wanted, operation)
        engine.set_value(_making(registration))
        registration.adopted = False  # what is made now is ours
        _keep_ids(registration, found, operation)
        return f"Created with application (client) ID {found.app_id}."
    twins.require_ours(registration, found, str(wanted["tags"][-1]), operation)
    _keep_ids(registration, found, operation)
    changes = desired.differences(wanted, found.properties)
    if changes:
        graph.update_application(found.object_id, changes)
        return f"Found; corrected {', '.join(sorted(changes))}."
    return "Found as it must be."


def ensure_service_principal(graph: GraphClient, registration: AppRegistration) -> str:
    """The application's service principal exists in its tenant; returns a note for people."""
    require_managed(registration)
    principal = graph.ensure_service_principal(registration.app_id, is_new=made_in_this_turn(registration))
    if registration.service_principal_id != principal:
        registration.service_principal_id = principal
        row = AppRegistration.objects.filter(pk=registration.pk)
        engine.on_step_commit(lambda: row.update(service_principal_id=principal))
    return f"Service principal {principal}."


def require_managed(registration: AppRegistration) -> None:
    """Raises WrongStateError for a registration that is the customer's own: nothing of it is ours to change."""
    if not registration.managed:
        raise WrongStateError(
            f"{registration} is the customer's own registration: SyncPortal changes nothing in it. Ask the customer to do it."
        )


def is_fresh(since: datetime | None) -> bool:
    """Whether Microsoft may still be copying what was made at that time."""
    return since is None or timezone.now() - since < FRESH_FOR


def remember_absent(unique_name: str) -> None:
    """Nobody has the name, as an earlier step of this turn has seen: it is not looked for again a moment later.

    An application of that very name that a replica hid from it was made by another SyncPortal: nobody else can give one.
    """
    engine.set_value(_absence(unique_name))


def made_in_this_turn(registration: AppRegistration) -> bool:
    """Whether Graph answered to this very turn that it created the application.

    Then there is nothing in it but what this turn has put there, and nothing of that was lost: a turn ends where an answer is.
    """
    return bool(engine.get_value(_making(registration)))


def believe_gone(operation: Operation, id: str, what: str) -> None:
    """Raises NotYetError until what was there was missing for a minute of looks: one of them may have met a replica."""
    now, missing = timezone.now(), _missing(operation)
    known = missing.get(id)
    first, last, looks = known if isinstance(known, (list, tuple)) else (now.isoformat(), now.isoformat(), 0)
    if now - datetime.fromisoformat(last) > FORGET_LOOKS_AFTER:
        first, looks = now.isoformat(), 0
    engine.save_notes(operation, missing={**missing, id: (first, now.isoformat(), looks + 1)})
    if now - datetime.fromisoformat(first) < BELIEVE_GONE_AFTER or looks + 1 < LOOKS:
        raise NotYetError(
            f"Microsoft does not show {what} any more. SyncPortal looks again for a minute before it believes that."
        )


def found_again(operation: Operation, id: str) -> None:
    """It was there after all: the next time that it is missing counts anew."""
    missing = _missing(operation)
    if id in missing:
        engine.save_notes(operation, missing={known: looks for known, looks in missing.items() if known != id})


def _missing(operation: Operation) -> dict[str, tuple[str, str, int]]:
    missing = operation.notes.get("missing", {})
    return missing if isinstance(missing, dict) else {}


def _absence(unique_name: str) -> str:
    return f"nobody has {unique_name}"


def _making(registration: AppRegistration) -> str:
    return f"application of {registration.pk} was made"


def _look(graph: GraphClient, registration: AppRegistration, operation: Operation) -> Application | None:
    """The application, or None where one is to be made. Raises NotYetError while what was there may only be hidden."""
    if not registration.object_id:
        is_absent = engine.get_value(_absence(registration.unique_name))
        return None if is_absent else graph.find_application(registration.unique_name)
    found = graph.read_application(registration.object_id)
    if found:
        found_again(operation, registration.object_id)
    if found is None and is_fresh(registration.made_at):
        raise NotYetError("Microsoft does not show the new application everywhere yet.")
    if found is None:
        twin = graph.find_deleted(registration.unique_name, registration.object_id)
        if twin:
            twins.settle(graph, registration, twin, operation)
        found = graph.find_application(registration.unique_name)
        if found is None:
            believe_gone(operation, registration.object_id, f"the application {registration.app_id}")
    return found


def _create(
    graph: GraphClient, registration: AppRegistration, wanted: Mapping[str, Any], operation: Operation
) -> Application:
    try:
        created = graph.create_application(registration.unique_name, wanted)
    except GraphRefusedError as refusal:
        if refusal.meaning is not Meaning.NAME_TAKEN:
            raise
        twin = graph.find_deleted(registration.unique_name)
        if twin:
            twins.settle(graph, registration, twin, operation)
        raise NotYetError("Microsoft has the application and does not show it yet.") from refusal
    if created is None:
        raise NotYetError("Microsoft has the application and does not show it yet.")
    return created


def _keep_ids(registration: AppRegistration, found: Application, operation: Operation) -> None:
    if registration.object_id == found.object_id:
        return
    gone = {"app_id": registration.app_id} if registration.object_id else {}
    registration.object_id, registration.app_id, registration.service_principal_id = found.object_id, found.app_id, ""
    ids = {"app_id": found.app_id, "object_id": found.object_id}

    def keep() -> None:
        if gone:
            # Only now, that Microsoft shows another of that name: what the one before had means nothing any more.
            registration.secrets.exclude(status=ClientSecret.Status.REMOVED).update(
                status=ClientSecret.Status.REMOVED, envelope=""
            )
            audit.record(
                "application.found_gone",
                actor=audit.WORKER,
                subject=registration,
                operation_id=operation.pk,
                before=gone,
            )
        AppRegistration.objects.filter(pk=registration.pk).update(
            made_at=timezone.now(), service_principal_id="", adopted=registration.adopted, **ids
        )
        audit.record(
            "application.created", actor=audit.WORKER, subject=registration, operation_id=operation.pk, after=ids
        )

    engine.on_step_commit(keep)
