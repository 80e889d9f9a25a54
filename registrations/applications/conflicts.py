"""Applications that conflict with ours: deleted and restorable, or created by somebody else. A person decides each time."""

from collections.abc import Sequence
from datetime import timedelta
from typing import NoReturn

from django.utils import timezone

from registrations import audit, canonical, engine
from registrations.applications import desired_state
from registrations.clients.graph.client import GraphClient
from registrations.clients.graph.types import Application, DeletedApplication
from registrations.errors import NotPermittedError, NotYetError, PersonNeededError, WrongStateError
from registrations.models import AppRegistration, ClientSecret, Operation, UmpInstance

DELETED_APPLICATION = "deleted_twin"  # an error code: stored, so it keeps its value
ADOPTION_NEEDED = "adoption_needed"
RESTORE, PURGE, CREATE_NEW = "restore", "purge", "create_new"
LONGEST_UNIQUE_NAME = 240  # characters, without the number that is added to it
AT_ONCE = timedelta(seconds=2)
LONG_AGO, MANY = "1970-01-01T00:00:00+00:00", 99


def decide(operation: Operation, choice: str, *, actor: audit.Actor) -> None:
    """Save a person's decision about the deleted application; the operation becomes due.

    `choice` is RESTORE, PURGE, or CREATE_NEW: leave it where it is. Raises WrongStateError if the operation does not wait for it.
    """
    if choice not in (RESTORE, PURGE, CREATE_NEW):
        raise WrongStateError("A deleted application is restored, deleted for good, or replaced by a new one.")
    with engine.locked(operation) as current:
        if current.status != Operation.Status.WAITING or current.error_code != DELETED_APPLICATION:
            raise WrongStateError("This operation does not wait for such a decision.")
        current.notes["twin_choice"] = choice
        audit.record(
            f"application.{choice}_confirmed",
            actor=actor,
            subject=AppRegistration.objects.sync_app_of(engine.subject_of(current)) or engine.history_subject(current),
            operation_id=current.pk,
            after={"app_id": current.notes.get("twin_app_id", "")},
        )
        engine.wake([current])


def resolve_deleted(
    graph: GraphClient, registration: AppRegistration, deleted: DeletedApplication, operation: Operation
) -> None:
    """Carry out the decision about this deleted application, or ask for one. Always raises: look again afterwards.

    In a customer's tenant nobody is asked: what its administrators deleted stays deleted, and another is created.
    """
    if registration.instance_id is None:
        _leave_deleted(registration, deleted, operation)
    notes = engine.current_notes(operation)
    chosen = notes.get("twin_choice") if notes.get("twin_id") == deleted.object_id else None
    if chosen is None:
        engine.save_notes(operation, twin_id=deleted.object_id, twin_app_id=deleted.app_id, twin_choice=None)
        raise PersonNeededError(
            f"The application {deleted.app_id}, known as {registration.unique_name}, was deleted in tenant {registration.tenant_id} "
            "and can still be restored. Restore it, delete it for good so that a new one is created, or leave it there and create "
            "a new one.",
            who="staff",
            code=DELETED_APPLICATION,
        )
    if chosen == CREATE_NEW:
        _leave_deleted(registration, deleted, operation)
    try:
        _carry_out(graph, chosen, deleted, registration)
    except NotPermittedError as refusal:
        engine.save_notes(operation, twin_choice=None)
        raise PersonNeededError(
            f"Microsoft does not let SyncPortal do this with the deleted application {deleted.app_id} ({refusal.code}). Do it in "
            "Entra under Deleted applications, then resume.",
            who="staff",
            code=DELETED_APPLICATION,
            answer=refusal.answer,
        ) from refusal
    _record_decision(chosen, deleted, registration, operation)
    raise NotYetError("Microsoft is copying the decision about the deleted application.")


def _record_decision(
    chosen: str, deleted: DeletedApplication, registration: AppRegistration, operation: Operation
) -> None:
    """What was carried out, on the rows and in the history."""
    if chosen == PURGE:  # by us: no second look is needed
        engine.save_notes(operation, missing={deleted.object_id: (LONG_AGO, timezone.now().isoformat(), MANY)})
    with audit.atomic(durable=True):
        if chosen == RESTORE and deleted.object_id == registration.object_id:
            # Like a new one: a replica may still hide it.
            AppRegistration.objects.filter(pk=registration.pk).update(made_at=timezone.now())
        audit.record(
            "application.restored" if chosen == RESTORE else "application.purged",
            actor=audit.WORKER,
            subject=registration,
            operation_id=operation.pk,
            after={"app_id": deleted.app_id},
        )


def require_ours(registration: AppRegistration, found: Application, own_tag: str, operation: Operation) -> None:
    """An application with our unique name but unknown IDs must have our tag, or a person must confirm that it is taken over."""
    is_known = registration.object_id == found.object_id or (registration.adopted and not registration.object_id)
    if is_known or own_tag in (found.properties.get("tags") or []):
        return
    require_confirmation(operation, found, registration.unique_name)
    AppRegistration.objects.filter(pk=registration.pk).update(adopted=True)
    registration.adopted = True


def require_confirmation(operation: Operation, found: Application, about: str) -> str:
    """Who confirmed that this application is taken over. Raises PersonNeededError if nobody has."""
    sentence = (
        f"An application for {about} is in Entra already ({found.display_name}, {found.app_id}), and SyncPortal "
        "has no record of creating it. Check whose it is, then take it over or delete it."
    )
    return _confirmation(operation, found, sentence, in_advance=True)


def find_manual(graph: GraphClient, instance: UmpInstance) -> list[Application]:
    """Applications that somebody created for this instance by the manual procedure, which sets no unique name.

    Applications of another instance, and those with a unique name of ours, are left out.
    """
    wanted, found = _comparable(instance.redirect_uri), []
    for application in graph.find_namesakes(instance.app_name):
        unique_name = str(application.properties.get("uniqueName") or "").lower()
        uris = {_comparable(uri) for uri in _redirect_uris(application)}
        if wanted in uris and not unique_name.startswith(desired_state.UNIQUE_NAMES):
            found.append(application)
    rows = AppRegistration.objects.filter(
        tenant_id=instance.provider.tenant.tenant_id, app_id__in=[application.app_id for application in found]
    )
    ours = set(rows.values_list("app_id", flat=True)) if found else set()
    return sorted((app for app in found if app.app_id.lower() not in ours), key=lambda app: app.app_id)


def require_choice(
    operation: Operation, found: Sequence[Application], instance: UmpInstance
) -> tuple[Application, str]:
    """Which of the manually created applications is taken over, and who confirmed it.

    A person is asked about one at a time, and about the same one until it is gone: their order may change between looks.
    Raises PersonNeededError if nobody has confirmed it.
    """
    asked_about = engine.current_notes(operation).get("found_app_id")
    chosen = next((app for app in found if app.app_id == asked_about), found[0])
    ours = _comparable(instance.redirect_uri)
    others = [uri for uri in _redirect_uris(chosen) if _comparable(uri) != ours]
    sentence = (
        f"A manually created application for {instance.host} is in Entra already ({chosen.display_name}, {chosen.app_id})"
        f"{f', the first of {len(found)}' if len(found) > 1 else ''}. Check whose it is, then take it over, or delete it or its "
        "redirect URI in Entra, then resume."
    )
    if others:
        sentence += f" Taking it over removes its other redirect URIs, {len(others)} in number, such as {others[0]}."
    # A confirmation given in advance does not say which of several is meant.
    return chosen, _confirmation(operation, chosen, sentence, in_advance=len(found) == 1)


def _redirect_uris(application: Application) -> list[str]:
    return list((application.properties.get("web") or {}).get("redirectUris") or [])


def _comparable(uri: str) -> str:
    """What people mean by a redirect URI; Microsoft compares it exactly, so the one that is sent stays as generated."""
    return canonical.url(uri).lower()


def _confirmation(operation: Operation, found: Application, sentence: str, *, in_advance: bool) -> str:
    notes = engine.current_notes(operation)
    confirmed_by = str(notes.get("adoption_confirmed_by") or "")
    if not confirmed_by or notes.get("found_app_id", found.app_id if in_advance else "") != found.app_id:
        engine.save_notes(operation, found_app_id=found.app_id, adoption_confirmed_by="")
        raise PersonNeededError(sentence, who="staff", code=ADOPTION_NEEDED)
    return confirmed_by


def _leave_deleted(registration: AppRegistration, deleted: DeletedApplication, operation: Operation) -> NoReturn:
    """Let the next attempt create another application: under another unique name, because the deleted one holds this one."""
    base, mark, number = registration.unique_name.rpartition("-new")
    if not (mark and number.isdigit()):
        base, number = registration.unique_name, "1"
    name = f"{base[:LONGEST_UNIQUE_NAME]}-new{int(number) + 1}"
    with audit.atomic(durable=True):
        engine.require_lease(operation)
        secrets = registration.secrets.exclude(status=ClientSecret.Status.REMOVED)
        secrets.update(status=ClientSecret.Status.REMOVED, envelope="")
        AppRegistration.objects.filter(pk=registration.pk).update(
            unique_name=name, object_id="", app_id="", service_principal_id="", made_at=None
        )
        audit.record(
            "application.found_gone",
            actor=audit.WORKER,
            subject=registration,
            operation_id=operation.pk,
            before={"app_id": deleted.app_id, "unique_name": registration.unique_name},
            after={"unique_name": name},
        )
    raise NotYetError(f"The application {deleted.app_id} was deleted. SyncPortal creates another.", retry_after=AT_ONCE)


def _carry_out(graph: GraphClient, choice: str, deleted: DeletedApplication, registration: AppRegistration) -> None:
    if choice == PURGE:
        graph.purge(deleted.object_id)
        return
    graph.restore(deleted.object_id)
    principal = graph.find_deleted_principal(deleted.app_id, registration.service_principal_id)
    if principal:  # deleted together with its application, but not restored with it
        graph.restore(principal)
