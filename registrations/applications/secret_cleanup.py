"""Removing client secrets of ours from Entra: superseded, discarded, lost in a crash, or orphaned."""

from collections.abc import Iterable

from registrations import audit
from registrations.applications.ensure import created_in_this_run, require_managed
from registrations.clients.graph.client import BETWEEN_CREDENTIAL_WRITES, GraphClient
from registrations.errors import NotYetError
from registrations.models import AppRegistration, ClientSecret, Operation

OUR_PREFIX = "syncportal:"  # of the display name of every secret that SyncPortal adds; others are never touched


def remove_orphans(graph: GraphClient, registration: AppRegistration, operation: Operation) -> None:
    """Remove secrets of ours whose value is unknown: a replica that lagged may have hidden one from `remove_lost`.

    Call it once the live secret is proven. Raises NotYetError until Microsoft shows the live secret: a list with the newest
    secret hides no older one. An application that was created in this run has no secret but the live one.
    """
    require_managed(registration)
    if created_in_this_run(registration):
        return
    wanted = [*ClientSecret.LIVE, ClientSecret.Status.SUPERSEDED]
    rows = dict(registration.secrets.filter(status__in=wanted).values_list("key_id", "status"))
    shown = graph.credentials(registration.object_id)
    newest = {key_id for key_id, status in rows.items() if status in ClientSecret.LIVE}
    if not newest <= {entry.key_id.lower() for entry in shown}:
        raise NotYetError(
            "Microsoft does not show the new secret everywhere yet.", retry_after=BETWEEN_CREDENTIAL_WRITES
        )
    for entry in shown:
        if entry.display_name.startswith(OUR_PREFIX) and entry.key_id.lower() not in rows:
            graph.remove_secret(registration.object_id, entry.key_id)
            with audit.atomic(durable=True):
                record("secret.removed", registration, entry.key_id, operation, reason="Its value is unknown.")


def remove_superseded(graph: GraphClient, registration: AppRegistration, operation: Operation) -> None:
    """Remove secrets whose successor is delivered now. An application that was created in this run has none."""
    require_managed(registration)
    if created_in_this_run(registration):
        return
    # Marked before Entra is asked: if the worker is killed in between, the row shows that the secret must go.
    old = [ClientSecret.Status.SUPERSEDED, ClientSecret.Status.DISCARDED]
    to_remove = list(registration.secrets.filter(status__in=old))
    superseded = [secret.pk for secret in to_remove if secret.status == ClientSecret.Status.SUPERSEDED]
    if superseded:
        ClientSecret.objects.filter(pk__in=superseded, status=ClientSecret.Status.SUPERSEDED).update(
            status=ClientSecret.Status.DISCARDED
        )
    remove(graph, registration, to_remove, operation)


def remove_lost(graph: GraphClient, registration: AppRegistration, intent: ClientSecret) -> None:
    """Remove the secret that a crash left behind: it has the intent's name, and its value is unknown.

    Raises NotYetError if there is one: look again once it is removed.
    """
    lost = [entry for entry in graph.credentials(registration.object_id) if entry.display_name == intent.display_name]
    if not lost:
        return
    # First our row, then Entra: a slow worker that still waits for this secret's answer must find the intent gone.
    ClientSecret.objects.filter(pk=intent.pk, status=ClientSecret.Status.INTENDED).update(
        status=ClientSecret.Status.DISCARDED, key_id=lost[0].key_id
    )
    raise NotYetError("A secret whose answer was lost is being removed.", retry_after=BETWEEN_CREDENTIAL_WRITES)


def remove(
    graph: GraphClient, registration: AppRegistration, secrets: Iterable[ClientSecret], operation: Operation
) -> None:
    """Remove these secrets in Entra, and their values from our rows."""
    for secret in secrets:
        graph.remove_secret(registration.object_id, secret.key_id)
        with audit.atomic(durable=True):
            ClientSecret.objects.filter(pk=secret.pk).update(status=ClientSecret.Status.REMOVED, envelope="")
            record("secret.removed", registration, secret.key_id, operation, reason="It was discarded.")


def record(action: str, registration: AppRegistration, key_id: str, operation: Operation, reason: str = "") -> None:
    """Write the history entry of one secret, in the caller's transaction."""
    audit.record(
        action,
        actor=audit.WORKER,
        subject=registration,
        operation_id=operation.pk,
        after={"key_id": key_id},
        reason=reason,
    )
