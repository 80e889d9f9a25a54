"""A registration's client secret: exactly one live one of ours, kept sealed, proven, and never touched where not ours."""

import re
from collections.abc import Iterable

from django.db import IntegrityError
from django.utils import timezone

from registrations import audit, connections, engine
from registrations.clients.entra import REPLICATING, AppToken, EntraRefusedError
from registrations.clients.graph.client import BETWEEN_CREDENTIAL_WRITES, GraphClient
from registrations.clients.graph.errors import GraphRefusedError, Meaning
from registrations.clients.graph.types import NewSecret
from registrations.errors import NotYetError, RemoteRejectedError, WrongStateError
from registrations.models import AppRegistration, ClientSecret, Operation
from registrations.services import desired
from registrations.services.registering import believe_gone, found_again, is_fresh, made_in_this_turn, require_managed

OUR_PREFIX = "syncportal:"
LONGEST_WORDS = 300  # of a remote service, in a sentence for people
REFUSED = ("AADSTS7000215", "AADSTS7000222")  # by Microsoft, for good: the secret is gone, or has ended
PROBE_AGAIN = BETWEEN_CREDENTIAL_WRITES


def ensure_secret(graph: GraphClient, registration: AppRegistration, operation: Operation, *, longest: str = "") -> str:
    """Exactly one live secret of ours exists in Entra and is kept sealed; returns a note for people.

    Adding a secret cannot be repeated safely, so its name is kept first. After a crash a secret of that name is one
    whose text nobody has: it is removed before another is added. `longest` is the tenant's policy (ISO 8601).
    """
    require_managed(registration)
    secrets = list(registration.secrets.exclude(status=ClientSecret.Status.REMOVED))
    _remove(graph, registration, _of_status(secrets, ClientSecret.Status.DISCARDED), operation)
    for live in _of_status(secrets, *ClientSecret.LIVE):
        if _still_there(graph, live, operation):
            return _expiry_note(live)
        _give_up(live, operation)
    intended = _of_status(secrets, ClientSecret.Status.INTENDED)
    intent = intended[0] if intended else _intend(registration, operation)
    if intended:  # nobody has added a secret of a name that came into being a moment ago
        _sweep_lost(graph, registration, intent)
        _look_twice(intent, operation)
    made = _add(graph, registration, intent, longest)
    if not _keep(intent, made, operation):
        graph.remove_secret(registration.object_id, made.key_id)
        raise NotYetError("Another worker went on with this secret.")
    return _expiry_note(intent)


def prove_secret(
    registration: AppRegistration,
    operation: Operation,
    *,
    scope: str = connections.GRAPH_SCOPE,
    remedy: str = "Check the registration in Entra, then resume: a secret that is gone is replaced.",
) -> AppToken:
    """A token obtained with the live secret: the proof that Entra accepts it. `remedy` ends the sentence where it does not.

    Raises NotYetError while Entra may still be copying what was just made, RemoteRejectedError afterwards.
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
        if refusal.code in REPLICATING and is_fresh(secret.stored_at):
            raise NotYetError(
                f"Microsoft does not know the new secret everywhere yet ({refusal.code}).",
                retry_after=PROBE_AGAIN,
                code=refusal.code,
            ) from refusal
        raise RemoteRejectedError(
            f"Microsoft does not accept the secret ({refusal.code}). {remedy}",
            code=refusal.code,
            request_id=refusal.request_id,
        ) from refusal

    def keep() -> None:
        if mark(secret, ClientSecret.Status.STORED, ClientSecret.Status.PROVEN):
            _tell("secret.proven", registration, secret.key_id, operation)

    engine.on_step_commit(keep)
    return token


def remove_strays(graph: GraphClient, registration: AppRegistration, operation: Operation) -> None:
    """Remove secrets of ours that nobody has: a read that lagged behind may have hidden one from the first sweep.

    Call it once the live secret is proven. Secrets without our prefix are never touched. Raises NotYetError until Microsoft
    shows the live secret: who shows the newest one hides none that is older. An application that this very turn has made
    holds none but the live one.
    """
    require_managed(registration)
    if made_in_this_turn(registration):
        return
    wanted = [*ClientSecret.LIVE, ClientSecret.Status.SUPERSEDED]
    rows = dict(registration.secrets.filter(status__in=wanted).values_list("key_id", "status"))
    shown = graph.credentials(registration.object_id)
    newest = {key_id for key_id, status in rows.items() if status in ClientSecret.LIVE}
    if not newest <= {entry.key_id.lower() for entry in shown}:
        raise NotYetError("Microsoft does not show the new secret everywhere yet.", retry_after=PROBE_AGAIN)
    for entry in shown:
        if entry.display_name.startswith(OUR_PREFIX) and entry.key_id.lower() not in rows:
            graph.remove_secret(registration.object_id, entry.key_id)
            with audit.atomic(durable=True):
                _tell("secret.removed", registration, entry.key_id, operation, reason="Nobody has its value.")


def keep_entered(
    registration: AppRegistration, value: str, *, actor: audit.Actor, operation: Operation, display_name: str
) -> None:
    """Seal a secret that the customer typed and that has proved itself, in the caller's transaction.

    Only its value is known: key ID and end are told to those alone who may read the registration.
    """
    secret = ClientSecret(
        registration=registration,
        display_name=display_name,
        hint=value[:3],
        stored_at=timezone.now(),
        status=ClientSecret.Status.PROVEN,
    )
    secret.seal("envelope", value)
    secret.save(force_insert=True)
    audit.record("secret.entered", actor=actor, subject=registration, operation_id=operation.pk)


def forget_entered(registration: AppRegistration, *, actor: audit.Actor, operation: Operation) -> None:
    """Drop the values of secrets that the customer typed, in the caller's transaction. In Entra they stay the customer's."""
    live = ClientSecret.objects.filter(
        registration=registration, registration__managed=False, status__in=ClientSecret.LIVE
    )
    if live.update(status=ClientSecret.Status.REMOVED, envelope=""):
        audit.record("secret.forgotten", actor=actor, subject=registration, operation_id=operation.pk)


def deliver(registration: AppRegistration, operation: Operation) -> None:
    """The consumer has the secret now: mark it, with its history entry, in the caller's transaction."""
    secret = live_secret(registration)
    if mark(secret, ClientSecret.Status.PROVEN, ClientSecret.Status.DELIVERED):
        _tell("secret.delivered", registration, secret.key_id, operation)


def doubt(registration: AppRegistration, operation: Operation) -> None:
    """The consumer cannot use what was delivered, though its hint is right: the next delivery writes it again."""
    secret = live_secret(registration)
    engine.save_notes(operation, doubted=True)
    with audit.atomic(durable=True):
        engine.require_lease(operation)
        if mark(secret, ClientSecret.Status.DELIVERED, ClientSecret.Status.PROVEN):
            _tell("secret.doubted", registration, secret.key_id, operation)


def replace(registration: AppRegistration, *, actor: audit.Actor, operation: Operation) -> None:
    """Let the next `ensure_secret` make another, in the caller's transaction.

    A delivered secret stays in Entra until its successor is delivered: whoever uses it is not locked out meanwhile.
    Raises WrongStateError where there is none.
    """
    require_managed(registration)
    secret = live_secret(registration)
    # One that was doubted may be in use all the same: removed late it does no harm, removed early it locks out.
    is_doubted = bool(registration.instance and registration.instance.delivered_at) and secret.revealed_at is None
    delivered = secret.status == ClientSecret.Status.DELIVERED or is_doubted
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


def remove_superseded(graph: GraphClient, registration: AppRegistration, operation: Operation) -> None:
    """Remove secrets whose successor is delivered now: an application that this very turn has made has none."""
    require_managed(registration)
    if made_in_this_turn(registration):
        return
    # Marked before Entra is asked: a worker that is killed in between leaves one that is known to go.
    old = [ClientSecret.Status.SUPERSEDED, ClientSecret.Status.DISCARDED]
    going = list(registration.secrets.filter(status__in=old))
    superseded = [secret.pk for secret in _of_status(going, ClientSecret.Status.SUPERSEDED)]
    if superseded:
        ClientSecret.objects.filter(pk__in=superseded, status=ClientSecret.Status.SUPERSEDED).update(
            status=ClientSecret.Status.DISCARDED
        )
    _remove(graph, registration, going, operation)


def live_secret(registration: AppRegistration) -> ClientSecret:
    """The secret in use. Raises WrongStateError where there is none."""
    secret = registration.secrets.filter(status__in=ClientSecret.LIVE).first()
    if secret is None:
        raise WrongStateError(
            "The registration has no client secret. Provision the instance again, or invite the customer anew: one is made then."
        )
    return secret


def without_secret(words: str, secret: ClientSecret) -> str:
    """A remote service's words for people and history: without the secret, should they repeat it, and not too long."""
    return without(words, secret.unseal("envelope"))


def refusal_by_ump(sentence: str, words: str, secret: ClientSecret, *, code: str) -> NotYetError | RemoteRejectedError:
    """What the UMP's refusal of a secret means: a wait while Microsoft may be copying a fresh one, or a person's work.

    Our own proof came from one of Microsoft's servers; the UMP may meet another one.
    """
    replicating = REPLICATING.intersection(re.findall(r"AADSTS\d+", words))
    if replicating and is_fresh(secret.stored_at):
        said = ", ".join(sorted(replicating))
        return NotYetError(
            f"The UMP meets a Microsoft server that does not know the new secret yet ({said}).",
            retry_after=PROBE_AGAIN,
            code=said,
        )
    return RemoteRejectedError(f"{sentence}: {without_secret(words, secret) or 'it gives no reason'}.", code=code)


def without(words: str, plaintext: str) -> str:
    """The same for any value that must not be told."""
    return (words.replace(plaintext, "[secret]") if plaintext else words)[:LONGEST_WORDS]


def mark(secret: ClientSecret, before: str, after: str) -> bool:
    """Move a secret from one status to the next; False where it is not in the first one any more."""
    return ClientSecret.objects.filter(pk=secret.pk, status=before).update(status=after) == 1


def _add(graph: GraphClient, registration: AppRegistration, intent: ClientSecret, longest: str) -> NewSecret:
    try:
        return graph.add_secret(
            registration.object_id, intent.display_name, desired.secret_ends_at(timezone.now(), longest)
        )
    except GraphRefusedError as refusal:
        if refusal.meaning is not Meaning.POLICY:
            raise
        raise RemoteRejectedError(
            "The organisation's app management policy does not allow this client secret "
            f"({refusal.code}). An administrator of that tenant can make an exception for this application, then resume.",
            code=refusal.code,
            request_id=refusal.request_id,
        ) from refusal


def _keep(intent: ClientSecret, made: NewSecret, operation: Operation) -> bool:
    """Seal the value and commit it before anything else happens: its text is nowhere else.

    False where another worker has taken the intent away.
    """
    intent.seal("envelope", made.secret_text)
    intent.key_id, intent.hint, intent.expires_at = made.key_id, made.hint, made.ends_at
    with audit.atomic(durable=True):
        kept = ClientSecret.objects.filter(pk=intent.pk, status=ClientSecret.Status.INTENDED).update(
            envelope=intent.envelope,
            key_id=made.key_id,
            hint=made.hint,
            expires_at=made.ends_at,
            stored_at=timezone.now(),
            status=ClientSecret.Status.STORED,
        )
        if kept:
            audit.record(
                "secret.added",
                actor=audit.WORKER,
                subject=intent.registration,
                operation_id=operation.pk,
                after={"key_id": made.key_id, "hint": made.hint, "expires_at": made.ends_at.isoformat()},
            )
    return bool(kept)


def _intend(registration: AppRegistration, operation: Operation) -> ClientSecret:
    intent = ClientSecret(registration=registration)
    intent.display_name = f"{OUR_PREFIX}{operation.kind}:{intent.pk}"
    try:
        with audit.atomic(durable=True):
            intent.save(force_insert=True)
    except IntegrityError:
        raise NotYetError("Another worker is adding the secret.") from None
    return intent


def _sweep_lost(graph: GraphClient, registration: AppRegistration, intent: ClientSecret) -> None:
    lost = [entry for entry in graph.credentials(registration.object_id) if entry.display_name == intent.display_name]
    if not lost:
        return
    # First our row, then Entra: a slow worker that still waits for this secret's answer must find the intent gone.
    ClientSecret.objects.filter(pk=intent.pk, status=ClientSecret.Status.INTENDED).update(
        status=ClientSecret.Status.DISCARDED, key_id=lost[0].key_id
    )
    raise NotYetError("A secret whose answer was lost is being removed.", retry_after=BETWEEN_CREDENTIAL_WRITES)


def _look_twice(intent: ClientSecret, operation: Operation) -> None:
    """An attempt before this one may have added the secret, and a replica that lags hides it. Raises NotYetError once."""
    if operation.notes.get("looked_for") == str(intent.pk):
        engine.save_notes(operation, looked_for="")  # the answer to the next attempt may be lost too
        return
    engine.save_notes(operation, looked_for=str(intent.pk))
    raise NotYetError("A secret whose answer was lost may still show up in Entra.", retry_after=PROBE_AGAIN)


def _of_status(secrets: Iterable[ClientSecret], *statuses: str) -> list[ClientSecret]:
    return [secret for secret in secrets if secret.status in statuses]


def _remove(
    graph: GraphClient, registration: AppRegistration, secrets: Iterable[ClientSecret], operation: Operation
) -> None:
    for secret in secrets:
        graph.remove_secret(registration.object_id, secret.key_id)
        with audit.atomic(durable=True):
            ClientSecret.objects.filter(pk=secret.pk).update(status=ClientSecret.Status.REMOVED, envelope="")
            _tell("secret.removed", registration, secret.key_id, operation, reason="It was discarded.")


def _still_there(graph: GraphClient, secret: ClientSecret, operation: Operation) -> bool:
    """Whether Entra has it. Raises NotYetError while it may only be hidden: whoever uses it must not be locked out."""
    if secret.expires_at and secret.expires_at <= timezone.now():
        return False
    shown = {entry.key_id.lower() for entry in graph.credentials(secret.registration.object_id)}
    if secret.key_id in shown:
        found_again(operation, secret.key_id)
        return True
    if secret.stored_at is not None and is_fresh(secret.stored_at):
        return True
    believe_gone(operation, secret.key_id, f"the client secret {secret.hint}…")
    return False


def _give_up(secret: ClientSecret, operation: Operation) -> None:
    with audit.atomic(durable=True):
        ClientSecret.objects.filter(pk=secret.pk).update(status=ClientSecret.Status.REMOVED, envelope="")
        reason = "It has ended, or somebody removed it in Entra."
        _tell("secret.found_gone", secret.registration, secret.key_id, operation, reason=reason)


def _tell(action: str, registration: AppRegistration, key_id: str, operation: Operation, reason: str = "") -> None:
    audit.record(
        action,
        actor=audit.WORKER,
        subject=registration,
        operation_id=operation.pk,
        after={"key_id": key_id},
        reason=reason,
    )


def _expiry_note(secret: ClientSecret) -> str:
    return f"Secret {secret.hint}… is kept encrypted and ends on {secret.expires_at:%Y-%m-%d}."
