"""The UMP's part of a connection: find the service, hand over the registration, have the UMP validate it."""

import contextlib
from collections.abc import Iterator
from datetime import timedelta

from django.utils import timezone
from django.utils.dateparse import parse_datetime

from onboarding.models import Connection, DelegatedToken, Invitation, Service
from onboarding.services import stored_tokens
from onboarding.services.lookups import DELEGATED_TOKEN, connection_of, made_registration, open_connection
from registrations import audit, connections, engine
from registrations.applications import client_secrets, presence, secret_values
from registrations.clients.ump import UmpClient, UmpCustomer
from registrations.delivery import secret_refusals
from registrations.errors import (
    NotFoundError,
    NotYetError,
    PersonNeededError,
    RemoteRejectedError,
    StartOverError,
    UnexplainedNotFoundError,
)
from registrations.models import ClientSecret, Operation, UmpInstance

SERVICE_MISSING = "service_missing"
SERVICE_RETRY = timedelta(minutes=5)
JOB_RETRY = timedelta(seconds=3)
JOB_TIMEOUT = timedelta(hours=1)
UMP_VALIDATION = "ump_validation"
SERVICE_GONE = "ump_service_gone"
ENTERED_GONE = "entered_registration_gone"
RETRY_FROM = {
    UMP_VALIDATION: ("hand_over",),  # the UMP may hold other values by now
    SERVICE_GONE: ("find_service", "hand_over"),
}


def steps() -> tuple[engine.Step, ...]:
    """The last steps of every method that connects with a registration."""
    return (
        engine.Step("find_service", "Find the phone service", find_service),
        engine.Step("hand_over", "Hand over the registration to the phone service", hand_over),
        engine.Step("validation", "Check the connection", validation),
    )


def succeeded(operation: Operation) -> None:
    """In the closing transaction, for every method: mark the customer connected and the invitation completed."""
    now = timezone.now()
    connection = connection_of(operation)
    Connection.objects.filter(pk=connection.pk).update(status=Connection.Status.CONNECTED, connected_at=now)
    completed = Invitation.objects.filter(pk=connection.invitation_id, status__in=Invitation.OPEN).update(
        status=Invitation.Status.COMPLETED, completed_at=now
    )
    if completed:
        audit.record(
            "invitation.completed", actor=audit.WORKER, subject=connection.invitation, operation_id=operation.pk
        )
    _delete_replaced(connection, operation)


def _delete_replaced(connection: Connection, operation: Operation) -> None:
    """This connection replaces earlier ones of the service: delete what is stored, but for what is now in use."""
    replaced = DelegatedToken.objects.filter(connection__invitation__service=connection.invitation.service)
    if operation.kind == DELEGATED_TOKEN:
        replaced = replaced.exclude(connection=connection)
    stored_tokens.clear(replaced, actor=audit.WORKER)
    # An open invitation's setup may still be resumed: it needs its secret.
    ended = Connection.objects.filter(
        invitation__service=connection.invitation.service, invitation__status=Invitation.Status.COMPLETED
    ).exclude(pk=connection.pk)
    secret_values.delete(ClientSecret.objects.filter(registration__connection__in=ended), actor=audit.WORKER)


def failed(operation: Operation) -> None:
    """In the closing transaction, for every method: mark the connection failed."""
    Connection.objects.filter(pk=operation.subject_id, status=Connection.Status.CONNECTING).update(
        status=Connection.Status.FAILED
    )


def resumed(operation: Operation) -> None:
    """In the transaction in which staff resume it, for every method: the connection has not failed, it is being made."""
    Connection.objects.filter(pk=operation.subject_id, status=Connection.Status.FAILED).update(
        status=Connection.Status.CONNECTING
    )


def find_service(operation: Operation) -> str:
    """The service exists in the UMP and belongs to the invited organisation. Staff are asked to create a missing one."""
    connection = open_connection(operation)
    service = connection.invitation.service
    found = connections.ump(service.instance).find_customer(service.short_name)
    if found is None:
        raise PersonNeededError(
            f"The UMP {service.instance.host} has no service {service.short_name} yet. Create the service in the UMP; "
            "SyncPortal then continues automatically.",
            who="staff",
            code=SERVICE_MISSING,
            look_again=SERVICE_RETRY,
        )
    _require_same_tenant(found, service, connection.invitation.tenant_id)
    row = Service.objects.filter(pk=service.pk)
    engine.on_step_commit(lambda: row.update(ump_customer_guid=found.guid.lower()))
    return f"Found as UMP customer {found.guid}."


def _require_same_tenant(found: UmpCustomer, service: Service, tenant_id: str) -> None:
    if service.ump_customer_guid and service.ump_customer_guid != found.guid.lower():
        raise RemoteRejectedError(
            f"The UMP's service {service.short_name} has the GUID {found.guid}, but SyncPortal has {service.ump_customer_guid}. "
            "Correct the service, then resume.",
            code="service_guid",
        )
    if found.tenant_id and found.tenant_id != tenant_id:
        raise RemoteRejectedError(
            f"The UMP's service {service.short_name} belongs to tenant {found.tenant_id}, not to {tenant_id}. Correct it, then "
            "resume.",
            code="service_tenant",
        )


def hand_over(operation: Operation) -> str:
    """The UMP's service has the registration, and the UMP's job for it has succeeded."""
    connection = open_connection(operation)
    service, registration = connection.invitation.service, made_registration(operation)
    ump = connections.ump(service.instance)
    secret = client_secrets.live_secret(registration)
    job = operation.notes.get("job")
    if not job or operation.notes.get("job_secret", secret.key_id) != secret.key_id:
        with noticing_a_missing_service(ump, service):
            job = ump.connect_customer(
                service.ump_customer_guid, client_id=registration.app_id, client_secret=secret.unseal("envelope")
            )
        began = timezone.now().isoformat()
        engine.save_notes(operation, job=job, job_started_at=began, job_secret=secret.key_id)
    _check_job(ump, job, secret, operation)
    engine.on_step_commit(lambda: client_secrets.deliver(registration, operation))
    return f"The phone service accepted it (job {job})."


@contextlib.contextmanager
def noticing_a_missing_service(ump: UmpClient, service: Service) -> Iterator[None]:
    """Raises StartOverError in place of NotFoundError if the UMP has no such service any more: it is looked for again."""
    try:
        yield
    except NotFoundError:
        found = ump.find_customer(service.short_name)
        if found and found.guid.lower() == service.ump_customer_guid:
            raise  # the service is there, so the UMP lacks the call
        sentence = f"The UMP {service.instance.host} does not know the service {service.short_name} any more."
        raise StartOverError(sentence, code=SERVICE_GONE) from None


def _refused(
    sentence: str, words: str, secret: ClientSecret, operation: Operation, *, code: str
) -> NotYetError | RemoteRejectedError:
    """The error for a UMP that could not use the registration; the next attempt hands it over again.

    Raises StartOverError if Microsoft does not know the registration or its secret any more.
    """
    engine.save_notes(operation, job="")
    refusal = secret_refusals.refusal_by_ump(sentence, words, secret, operation, code=code)
    if isinstance(refusal, NotYetError):
        return refusal
    try:
        presence.require_known(secret.registration, operation)
    except StartOverError:
        if secret.registration.managed:
            raise
        return RemoteRejectedError(
            f"The customer's registration {secret.registration.app_id} was deleted, or its secret was removed. The customer "
            "enters the values of a registration again.",
            code=ENTERED_GONE,
        )
    return refusal


def _check_job(ump: UmpClient, job: str, secret: ClientSecret, operation: Operation) -> None:
    try:
        task = ump.read_task(job)
    except UnexplainedNotFoundError:  # perhaps the UMP is being restarted: the job may be running all the same
        raise
    except NotFoundError as missing:
        engine.save_notes(operation, job="")
        raise NotYetError("The UMP no longer knows its job. SyncPortal hands over again.") from missing
    started_at = parse_datetime(str(operation.notes.get("job_started_at")))
    if task.status == "In Progress" and started_at and timezone.now() - started_at > JOB_TIMEOUT:
        engine.save_notes(operation, job="")  # Resume starts a new job
        raise RemoteRejectedError(
            f"The UMP's job {job} did not finish within an hour. Check it in the UMP, then resume."
        )
    if task.status == "In Progress":
        raise NotYetError("The phone service is processing the registration.", retry_after=JOB_RETRY)
    if task.status != "CompletedSuccess":
        sentence, words = "The UMP could not process the registration", " ".join(task.messages)
        raise _refused(sentence, words, secret, operation, code="ump_job")


def validation(operation: Operation) -> str:
    """The UMP signs in with the registration."""
    service = open_connection(operation).invitation.service
    if service.instance.delivery == UmpInstance.Delivery.HANDOVER:
        return "The UMP's job validated the registration."
    ump = connections.ump(service.instance)
    with noticing_a_missing_service(ump, service):
        outcome = ump.validate_connection(service.ump_customer_guid)
    if not outcome.valid:
        secret = client_secrets.live_secret(made_registration(operation))
        sentence = "The UMP could not use the registration"
        raise _refused(sentence, outcome.error, secret, operation, code=UMP_VALIDATION)
    return "The phone service signed in with the registration."
