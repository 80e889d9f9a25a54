"""A registration's client secret: exactly one live one of ours, stored encrypted and proven. Others' are never touched."""

from collections.abc import Iterable
from functools import partial

from django.db import IntegrityError
from django.utils import timezone

from registrations import audit, connections, engine
from registrations.applications import secret_cleanup, secret_policy
from registrations.applications.ensure import require_managed
from registrations.applications.replication import (
    confirm_deleted,
    may_be_replicating,
    reset_missing,
    secret_may_be_replicating,
)
from registrations.applications.secret_cleanup import OUR_PREFIX
from registrations.clients.credential_refusals import explain
from registrations.clients.entra import REPLICATING, AppToken, EntraRefusedError
from registrations.clients.graph.client import BETWEEN_CREDENTIAL_WRITES, GraphClient
from registrations.clients.graph.errors import GraphRefusedError, Meaning
from registrations.clients.graph.types import NewSecret
from registrations.errors import NotYetError, RemoteRejectedError, WrongStateError
from registrations.models import AppRegistration, ClientSecret, Operation


def ensure_secret(graph: GraphClient, registration: AppRegistration, operation: Operation) -> str:
    """Exactly one live secret of ours exists in Entra and is stored encrypted; returns a note for people.

    Adding a secret cannot be repeated safely, so its display name is saved first (the intent). After a crash a secret with
    that name is one whose value is unknown: it is removed before another is added. `secret_policy` decides its end.
    """
    require_managed(registration)
    secrets = list(registration.secrets.exclude(status=ClientSecret.Status.REMOVED))
    secret_cleanup.remove(graph, registration, _with_status(secrets, ClientSecret.Status.DISCARDED), operation)
    for live in _with_status(secrets, *ClientSecret.LIVE):
        if _exists(graph, live, operation):
            return _expiry_note(live)
        _mark_gone(live, operation)
    intended = _with_status(secrets, ClientSecret.Status.INTENDED)
    intent = intended[0] if intended else _save_intent(registration, operation)
    if intended:  # a new intent has no secret to look for
        secret_cleanup.remove_lost(graph, registration, intent)
        _look_twice(intent, operation)
    created = _add(graph, registration, intent)
    if not _store(intent, created, operation):
        graph.remove_secret(registration.object_id, created.key_id)
        raise NotYetError("Another worker continued with this secret.")
    return _expiry_note(intent)


def prove_secret(
    registration: AppRegistration,
    operation: Operation,
    *,
    scope: str = connections.GRAPH_SCOPE,
    remedy: str = "Check the registration in Entra, then resume: a secret that was removed is replaced.",
) -> AppToken:
    """A token obtained with the live secret: the proof that Entra accepts it. `remedy` ends the sentence of a refusal.

    Raises NotYetError while Entra may still be copying the new secret, RemoteRejectedError afterwards.
    """
    secret = live_secret(registration)
    try:
        token = connections.entra().app_token(
            tenant_id=registration.tenant_id,
            app_id=registration.app_id,
            client_secret=secret.unseal("envelope"),
            scope=scope,
        )
    except EntraRefusedError as refusal:
        if refusal.code in REPLICATING and secret_may_be_replicating(secret, refusal.code, operation):
            raise NotYetError(
                f"Microsoft has not replicated the new secret to every server yet ({refusal.code}).",
                retry_after=BETWEEN_CREDENTIAL_WRITES,
                code=refusal.code,
                answer=refusal.answer,
            ) from refusal
        raise RemoteRejectedError(
            explain("the secret", refusal, where=remedy), code=refusal.code, answer=refusal.answer
        ) from refusal

    def save() -> None:
        if mark(secret, ClientSecret.Status.STORED, ClientSecret.Status.PROVEN):
            secret_cleanup.record("secret.proven", registration, secret.key_id, operation)

    engine.on_step_commit(save)
    return token


def deliver(registration: AppRegistration, operation: Operation) -> None:
    """The consumer has the secret now: mark it, with its history entry, in the caller's transaction."""
    secret = live_secret(registration)
    if mark(secret, ClientSecret.Status.PROVEN, ClientSecret.Status.DELIVERED):
        secret_cleanup.record("secret.delivered", registration, secret.key_id, operation)


def mark_undelivered(registration: AppRegistration, operation: Operation) -> None:
    """The consumer cannot use what was delivered, although the hint is right: the next delivery writes it again."""
    secret = live_secret(registration)
    engine.save_notes(operation, doubted=True)
    with audit.atomic(durable=True):
        engine.require_lease(operation)
        if mark(secret, ClientSecret.Status.DELIVERED, ClientSecret.Status.PROVEN):
            secret_cleanup.record("secret.doubted", registration, secret.key_id, operation)


def replace(registration: AppRegistration, *, actor: audit.Actor, operation: Operation) -> None:
    """Let the next `ensure_secret` create another, in the caller's transaction.

    A delivered secret stays in Entra until its successor is delivered, so that its consumer is not locked out meanwhile.
    Raises WrongStateError if there is none.
    """
    require_managed(registration)
    secret = live_secret(registration)
    # One that was marked undelivered may be in use all the same: removing it late does no harm, removing it early locks out.
    may_be_used = bool(registration.instance and registration.instance.delivered_at) and secret.revealed_at is None
    delivered = secret.status == ClientSecret.Status.DELIVERED or may_be_used
    after = ClientSecret.Status.SUPERSEDED if delivered else ClientSecret.Status.DISCARDED
    if not mark(secret, secret.status, after):
        raise WrongStateError("The secret was changed at the same moment. Look again.")
    audit.record(
        "secret.discarded",
        actor=actor,
        subject=registration,
        operation_id=operation.pk,
        after={"key_id": secret.key_id},
    )


def live_secret(registration: AppRegistration) -> ClientSecret:
    """The secret in use. Raises WrongStateError if there is none."""
    secret = registration.live_secret
    if secret is None:
        raise WrongStateError(
            "The registration has no client secret. Provision the instance again, or invite the customer again: that "
            "creates one."
        )
    return secret


def mark(secret: ClientSecret, before: str, after: str) -> bool:
    """Move a secret from one status to the next; False if it does not have the first one any more."""
    return ClientSecret.objects.filter(pk=secret.pk, status=before).update(status=after) == 1


def _add(graph: GraphClient, registration: AppRegistration, intent: ClientSecret) -> NewSecret:
    add = partial(graph.add_secret, registration.object_id, intent.display_name)
    try:
        return secret_policy.add_longest(graph, registration, add)
    except GraphRefusedError as refusal:
        if refusal.meaning is not Meaning.POLICY:
            raise
        is_lifetime = refusal.code == secret_policy.TOO_LONG
        limit = f" {secret_policy.limit_in_words(graph, registration)}" if is_lifetime else ""
        raise RemoteRejectedError(
            f"The organisation's app management policy does not allow this client secret ({refusal.code}).{limit} An administrator "
            "of that tenant can make an exception for this application, then resume.",
            code=refusal.code,
            answer=refusal.answer,
        ) from refusal


def _store(intent: ClientSecret, created: NewSecret, operation: Operation) -> bool:
    """Encrypt the value and commit it before anything else happens: its text is nowhere else.

    False if another worker has taken the intent away.
    """
    intent.seal("envelope", created.secret_text)
    intent.key_id, intent.hint, intent.expires_at = created.key_id, created.hint, created.ends_at
    with audit.atomic(durable=True):
        stored = ClientSecret.objects.filter(pk=intent.pk, status=ClientSecret.Status.INTENDED).update(
            envelope=intent.envelope,
            key_id=created.key_id,
            hint=created.hint,
            expires_at=created.ends_at,
            stored_at=timezone.now(),
            status=ClientSecret.Status.STORED,
        )
        if stored:
            audit.record(
                "secret.added",
                actor=audit.WORKER,
                subject=intent.registration,
                operation_id=operation.pk,
                after={"key_id": created.key_id, "hint": created.hint, "expires_at": created.ends_at.isoformat()},
            )
    return bool(stored)


def _save_intent(registration: AppRegistration, operation: Operation) -> ClientSecret:
    intent = ClientSecret(registration=registration)
    intent.display_name = f"{OUR_PREFIX}{operation.kind}:{intent.pk}"
    try:
        with audit.atomic(durable=True):
            intent.save(force_insert=True)
    except IntegrityError:
        raise NotYetError("Another worker is adding the secret.") from None
    return intent


def _look_twice(intent: ClientSecret, operation: Operation) -> None:
    """An earlier attempt may have added the secret while a replica that lags hides it. Raises NotYetError once."""
    if operation.notes.get("looked_for") == str(intent.pk):
        engine.save_notes(operation, looked_for="")  # the answer to the next attempt may be lost too
        return
    engine.save_notes(operation, looked_for=str(intent.pk))
    raise NotYetError(
        "A secret whose answer was lost may still show up in Entra.", retry_after=BETWEEN_CREDENTIAL_WRITES
    )


def _with_status(secrets: Iterable[ClientSecret], *statuses: str) -> list[ClientSecret]:
    return [secret for secret in secrets if secret.status in statuses]


def _exists(graph: GraphClient, secret: ClientSecret, operation: Operation) -> bool:
    """Whether Entra has it. Raises NotYetError while it may only be hidden: its consumer must not be locked out."""
    if secret.expires_at and secret.expires_at <= timezone.now():
        return False
    shown = {entry.key_id.lower() for entry in graph.credentials(secret.registration.object_id)}
    if secret.key_id in shown:
        reset_missing(operation, secret.key_id)
        return True
    if secret.stored_at is not None and may_be_replicating(secret.stored_at):
        return True
    confirm_deleted(operation, secret.key_id, f"the client secret {secret.hint}…")
    return False


def _mark_gone(secret: ClientSecret, operation: Operation) -> None:
    with audit.atomic(durable=True):
        ClientSecret.objects.filter(pk=secret.pk).update(status=ClientSecret.Status.REMOVED, envelope="")
        reason = "It has expired, or somebody removed it in Entra."
        secret_cleanup.record("secret.found_gone", secret.registration, secret.key_id, operation, reason=reason)


def _expiry_note(secret: ClientSecret) -> str:
    return f"Secret {secret.hint}… is stored encrypted and expires on {secret.expires_at:%Y-%m-%d}."
