"""Provision the sync app of a UMP instance: the 23 manual steps as one operation that can be repeated at any time."""

from datetime import datetime, timedelta
from typing import Any, cast

from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from registrations import audit, connections, delivery, engine
from registrations.applications import (
    client_secrets,
    conflicts,
    desired_state,
    ensure,
    presence,
    replication,
    secret_cleanup,
    secret_policy,
)
from registrations.clients.graph.client import GraphClient
from registrations.clients.graph.types import Application
from registrations.delivery import handover_sheet, ump_api
from registrations.errors import NotPermittedError, RemoteRejectedError, WrongStateError
from registrations.models import AppRegistration, Operation, UmpInstance
from registrations.models.notes import Notes
from registrations.models.steps import reset_steps
from registrations.services import tenant_check

KIND = "provision"
ADOPTION_NEEDED = conflicts.ADOPTION_NEEDED
WRITES = {"application": 1, "service_principal": 1, "secret": 1}  # at Graph, of a step that finds nothing there yet
SECRET_AND_LATER = ("secret", "proof", "sync_app", "portal_url", "validation")
APPLICATION_AND_LATER = ("application", "service_principal", *SECRET_AND_LATER)


def register() -> None:
    """Make the kind known to the engine."""
    engine.register(
        engine.Kind(
            name=KIND,
            title="Provision the sync app",
            steps=(
                engine.Step("preflight", "Check the tenant and its permissions", _preflight),
                engine.Step("application", "Create the application", _application),
                engine.Step("service_principal", "Create its service principal", _watching(_service_principal)),
                engine.Step("secret", "Create the client secret", _watching(_secret)),
                engine.Step("proof", "Prove the secret", _watching(_proof)),
                engine.Step("sync_app", "Deliver client ID, secret and redirect URI", _sync_app),
                engine.Step("portal_url", "Deliver the portal URL", _portal_url),
                engine.Step("validation", "Validate in the UMP", _watching(_validation)),
            ),
            subject=UmpInstance,
            succeeded=_succeeded,
            failed=_failed,
            resumed=_resumed,
            before_bulk_run=_prepay,
            obstacles=_obstacles,
            retry_from={
                **dict.fromkeys([ump_api.UMP_CHANGED, ump_api.UMP_FORGOT], ("sync_app", "portal_url", "validation")),
                # Something may be gone from Entra: each of these looks before it acts.
                **dict.fromkeys([ump_api.UMP_VALIDATION, *presence.REFUSED], APPLICATION_AND_LATER),
                presence.PRINCIPAL_GONE: ("service_principal", "proof", "validation"),
            },
        )
    )


def request(
    instance: UmpInstance, *, actor: audit.Actor, user: Any = None, adopt_existing: bool = False, priority: str = ""
) -> Operation:
    """Queue the provisioning of an instance; a bulk job passes its priority.

    Raises WrongStateError if one has not ended yet, or the instance is retired.
    """
    if instance.status == UmpInstance.Status.RETIRED:
        raise WrongStateError(f"{instance.host} is retired.")
    notes: Notes = {"adoption_confirmed_by": actor.label} if adopt_existing else {}
    with audit.atomic():
        # The operation before the instance, in the order in which workers lock them, so that no deadlock occurs.
        operation = engine.request(KIND, instance, actor=actor, user=user, notes=notes, priority=priority)
        # An edit of its address has it locked, or sees this operation.
        UmpInstance.objects.select_for_update(no_key=True).only("pk").get(pk=instance.pk)
        # An active instance stays active: repeating its provisioning must not close the wizard.
        UmpInstance.objects.filter(
            pk=instance.pk, status__in=[UmpInstance.Status.DRAFT, UmpInstance.Status.FAILED]
        ).update(status=UmpInstance.Status.PROVISIONING, status_changed_at=timezone.now())
        return operation


def adopt(operation: Operation, *, actor: audit.Actor) -> None:
    """A person confirmed that the application found in Entra is taken over. Raises WrongStateError otherwise."""
    with engine.locked(operation) as current:
        if current.status != Operation.Status.WAITING or current.error_code != ADOPTION_NEEDED:
            raise WrongStateError("This operation does not wait for such a confirmation.")
        current.notes["adoption_confirmed_by"] = actor.label
        audit.record(
            "application.adoption_confirmed",
            actor=actor,
            subject=engine.history_subject(current),
            operation_id=current.pk,
            after={"app_id": current.notes.get("found_app_id", "")},
        )
        engine.wake([current])


def new_secret(operation: Operation, *, actor: audit.Actor) -> None:
    """Replace a secret that was revealed and lost. Raises WrongStateError if it was confirmed."""
    with engine.locked(operation) as current:
        if current.status != Operation.Status.WAITING or not current.error_code.startswith(
            handover_sheet.HANDOVER_CODE
        ):
            raise WrongStateError("Only a provisioning that waits for the hand-over sheet can create a new secret.")
        if handover_sheet.is_confirmed(current, handover_sheet.SYNC_APP):
            raise WrongStateError("The secret was confirmed as typed into the UMP: a new one would lock the UMP out.")
        client_secrets.replace(_registration(current), actor=actor, operation=current)
        Operation.objects.filter(pk=current.pk).update(steps=reset_steps(current.steps, *SECRET_AND_LATER))
        engine.wake([current])


def reserve(instance: UmpInstance) -> timedelta:
    """How long a bulk operation should wait before it starts, because earlier ones in its tenant have reservations."""
    return connections.rate_limit_of(instance.provider.tenant).reserve(sum(WRITES.values()))


def _prepay(operation: Operation) -> None:
    """Take the writes of the remaining steps before anything is read: a run that stops half-way reads twice."""
    writes = sum(WRITES.get(step.name, 0) for step in operation.steps if step.status != "done")
    if writes:  # the remaining steps may concern the UMP alone
        connections.rate_limit_of(_instance(operation).provider.tenant).prepay(writes)


def _preflight(operation: Operation) -> str:
    instance = _instance(operation)
    tenant = instance.provider.tenant
    connections.require_ump_url(instance)
    known = tenant_check.recent_outcome(tenant) if operation.priority == Operation.Priority.BULK else None
    found = known or tenant_check.check(tenant, operation)[0]
    if found.missing:
        raise RemoteRejectedError(
            f"SyncPortal's application in {tenant.name} lacks {', '.join(found.missing)}. Grant it in Entra with admin consent, "
            "then resume.",
            code="permissions_missing",
        )
    _claim_name(operation, instance)
    if known:
        return f"{found.sentence} The tenant was checked a few minutes ago."
    # Whether there is an exception for this application cannot be read: Entra decides.
    if secret_policy.forbids_new(connections.graph_as_app(tenant), tenant.tenant_id):
        return f"{found.sentence} A policy of {tenant.name} forbids client secrets unless it makes an exception."
    return found.sentence


def _claim_name(operation: Operation, instance: UmpInstance) -> None:
    """Write our row for the application before it is created. If one exists without a row of ours, a person decides."""
    tenant_id, name = instance.provider.tenant.tenant_id, desired_state.unique_name(instance)
    if _has_name(instance, tenant_id, name):
        return
    adopted, confirmed_by = _to_adopt(operation, instance, name)
    ids = {"app_id": adopted.app_id, "object_id": adopted.object_id} if adopted else {}

    def claim() -> None:
        registration = AppRegistration.objects.create(
            instance=instance,
            tenant_id=tenant_id,
            unique_name=name,
            display_name=instance.app_name,
            adopted=adopted is not None,
            made_at=_made_at(adopted) if adopted else None,
            **ids,
        )
        action = "application.adopted" if adopted else "application.intended"
        confirmation = {"confirmed_by": confirmed_by, **ids} if adopted else {}
        audit.record(
            action,
            actor=audit.WORKER,
            subject=registration,
            operation_id=operation.pk,
            after={"unique_name": name, **confirmation},
        )

    engine.on_step_commit(claim)


def _to_adopt(operation: Operation, instance: UmpInstance, name: str) -> tuple[Application | None, str]:
    """The application that exists without a row of ours, and who confirmed that it is taken over; None if there is none.

    Raises PersonNeededError if nobody has confirmed it.
    """
    graph = connections.graph_as_app(instance.provider.tenant)
    named = graph.find_application(name)
    if named:
        return named, conflicts.require_confirmation(operation, named, instance.host)
    ensure.set_absent(name)
    by_hand = conflicts.find_manual(graph, instance)
    return conflicts.require_choice(operation, by_hand, instance) if by_hand else (None, "")


def _made_at(application: Application) -> datetime:
    """When it was created: if it is older than replication takes and cannot be seen, it was deleted."""
    created = application.properties.get("createdDateTime")  # Graph has none for the oldest applications
    return datetime.fromisoformat(created) if created else timezone.now() - replication.REPLICATES_WITHIN


def _has_name(instance: UmpInstance, tenant_id: str, name: str) -> bool:
    """Whether the instance has its row already. Raises RemoteRejectedError if the name belongs to another instance.

    An instance that was renamed keeps its application, and with it the unique name that has its former host.
    """
    ours = Q(instance=instance) | Q(unique_name=name)
    found = list(AppRegistration.objects.filter(ours, tenant_id=tenant_id))
    if any(registration.instance_id == instance.pk for registration in found):
        return True
    if found:
        raise RemoteRejectedError(
            f"The unique name {name} belongs to the application of {found[0].instance or found[0]}, which had this host "
            "before. Choose another app name for this instance.",
            code="name_taken",
        )
    return False


def _application(operation: Operation) -> str:
    registration, instance, graph = _rows_and_graph(operation)
    try:
        return ensure.ensure_application(graph, registration, desired_state.sync_app(instance), operation)
    except NotPermittedError as refusal:
        if not registration.adopted:
            raise
        raise NotPermittedError(
            f"Microsoft lets SyncPortal change only applications that it owns ({refusal.code}). Add SyncPortal's application "
            f"({instance.provider.tenant.client_id}) to the owners of {registration.app_id}, then resume.",
            code=refusal.code,
            answer=refusal.answer,
        ) from refusal


def _service_principal(operation: Operation) -> str:
    registration, _, graph = _rows_and_graph(operation)
    return ensure.ensure_service_principal(graph, registration)


def _secret(operation: Operation) -> str:
    registration, _, graph = _rows_and_graph(operation)
    return client_secrets.ensure_secret(graph, registration, operation)


def _proof(operation: Operation) -> str:
    registration, _, graph = _rows_and_graph(operation)
    client_secrets.prove_secret(registration, operation)
    secret_cleanup.remove_orphans(graph, registration, operation)
    return "Microsoft issued a token for it."


def _sync_app(operation: Operation) -> str:
    registration, instance, _ = _rows_and_graph(operation)
    note = delivery.adapter_of(instance).deliver_sync_app(registration, operation)

    def keep() -> None:
        UmpInstance.objects.filter(pk=instance.pk, delivered_at=None).update(delivered_at=timezone.now())
        client_secrets.deliver(registration, operation)

    engine.on_step_commit(keep)
    return note


def _portal_url(operation: Operation) -> str:
    return delivery.adapter_of(_instance(operation)).deliver_portal_url(operation)


def _validation(operation: Operation) -> str:
    registration, instance, graph = _rows_and_graph(operation)
    if instance.delivery == UmpInstance.Delivery.HANDOVER:  # a UMP that cannot say that Microsoft refuses it
        presence.require(graph, registration)
    note = delivery.adapter_of(instance).validate(registration, operation)
    if operation.notes.get("doubted"):  # without reason, if it was not delivered again
        engine.on_step_commit(lambda: client_secrets.deliver(registration, operation))
    secret_cleanup.remove_superseded(graph, registration, operation)
    return note


def _instance(operation: Operation) -> UmpInstance:
    return engine.cached("instance", lambda: _read_instance(operation))


def _read_instance(operation: Operation) -> UmpInstance:
    instance = UmpInstance.objects.select_related("provider__tenant").filter(pk=operation.subject_id).first()
    if instance is None:
        raise WrongStateError(f"{operation.subject_label} does not exist any more.")
    return instance


def _registration(operation: Operation) -> AppRegistration:
    """The registration in the provider's tenant, with the cached instance, provider and tenant."""
    instance = _instance(operation)
    registration = AppRegistration.objects.sync_app_of(instance)
    if registration is None:
        raise WrongStateError("The provider's tenant was changed meanwhile. Provision the instance again.")
    return registration


def _watching(step: presence.Run) -> presence.Run:
    """The step, and what is done again if somebody deletes in Entra what it stands on."""
    return presence.watching(step, lambda operation: (_rows_and_graph(operation)[2], _registration(operation)))


def _rows_and_graph(operation: Operation) -> tuple[AppRegistration, UmpInstance, GraphClient]:
    """What a step needs: the registration, its instance, and Graph in the provider's tenant."""
    registration = engine.cached("registration", lambda: _registration(operation))
    instance = cast(UmpInstance, registration.instance)
    return registration, instance, connections.graph_as_app(instance.provider.tenant)


def _succeeded(operation: Operation) -> None:
    _move(
        operation,
        [UmpInstance.Status.DRAFT, UmpInstance.Status.PROVISIONING, UmpInstance.Status.FAILED],
        UmpInstance.Status.ACTIVE,
    )


def _failed(operation: Operation) -> None:
    """In the closing transaction. A cancelled provisioning has not failed: if nothing was delivered, it is a draft again."""
    if operation.status == Operation.Status.CANCELLED:
        _move(operation, [UmpInstance.Status.PROVISIONING], UmpInstance.Status.DRAFT, delivered_at=None)
    _move(operation, [UmpInstance.Status.PROVISIONING], UmpInstance.Status.FAILED)


def _obstacles() -> tuple[engine.Obstacle, ...]:
    retired = UmpInstance.objects.filter(pk=OuterRef("subject_id"), status=UmpInstance.Status.RETIRED)
    return (engine.Obstacle("The instance is retired.", Q(Exists(retired))),)


def _resumed(operation: Operation) -> None:
    """In the transaction that resumes it: the instance has not failed, it is being provisioned."""
    _move(operation, [UmpInstance.Status.FAILED], UmpInstance.Status.PROVISIONING)


def _move(operation: Operation, before: list[str], after: str, **only: Any) -> None:
    UmpInstance.objects.filter(pk=operation.subject_id, status__in=before, **only).update(
        status=after, status_changed_at=timezone.now()
    )
