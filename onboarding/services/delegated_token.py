"""Connect with a delegated token: store one person's consent as MSAL's cache, check both APIs, hand it over to the UMP.

Microsoft redeems a code for one API only. The callback redeems it for Graph. A worker then obtains the token for Teams
administration with the refresh token.
"""

from datetime import timedelta

from django.utils import timezone

from onboarding import requirements
from onboarding.errors import RefusedError
from onboarding.explanations import explain
from onboarding.models import Connection, ConnectionMethod, DelegatedToken
from onboarding.services import lookups, redemption, sign_in_exchange, stored_tokens, temporary_grant, ump_handover
from onboarding.services.lookups import DELEGATED_TOKEN, open_connection
from onboarding.services.sign_in_exchange import SyncApp
from registrations import audit, connections, engine
from registrations.applications import presence
from registrations.applications.replication import APPLICATION_UNKNOWN
from registrations.clients.entra import EntraRefusedError, RenewedToken, SignInAnswer, refresh_token_in
from registrations.delivery import secret_refusals
from registrations.errors import (
    NotFoundError,
    NotYetError,
    PersonNeededError,
    RemoteRejectedError,
    StartOverError,
    UnexplainedNotFoundError,
    UnexplainedRefusalError,
)
from registrations.models import Operation, UmpInstance
from registrations.models.notes import INSTANCE_NOTE
from registrations.models.steps import reset_steps

KIND = DELEGATED_TOKEN
ROLES_MISSING = "roles_missing"
SYNC_APP_GONE = "sync_app_gone"
SYNC_APP_RETRY = timedelta(minutes=2)
CONSENT_REPLICATION_TIME = timedelta(minutes=2)
CONSENT_RETRY = ROLES_RETRY = timedelta(seconds=10)
# OAuth errors that only a new sign-in resolves (https://learn.microsoft.com/entra/identity-platform/reference-error-codes)
SIGN_IN_ERRORS = frozenset({"invalid_grant", "interaction_required", "consent_required", "login_required"})


def register() -> None:
    """Register the kind of operation with the engine."""
    engine.register(
        engine.Kind(
            name=KIND,
            title="Connect with a delegated token",
            steps=(
                engine.Step("teams_token", "Obtain the token for Teams administration", _teams_token),
                engine.Step("roles", "Check the account’s roles", _roles),
                engine.Step("find_service", "Find the phone service", ump_handover.find_service),
                engine.Step("hand_over", "Hand over the token to the phone service", _hand_over),
                engine.Step("validation", "Check the connection", _validation),
            ),
            subject=Connection,
            succeeded=ump_handover.succeeded,
            resumed=ump_handover.resumed,
            obstacles=lookups.obstacles,
            failed=_closed,
            retry_from=ump_handover.RETRY_FROM,
        )
    )


def start_or_resume(connection: Connection, tokens: SignInAnswer, actor: audit.Actor) -> Operation:
    """Store the token encrypted, and start or resume the operation. The caller enqueues it.

    Raises WrongStateError if another operation is live, or the invitation can no longer be used.
    """
    latest = Operation.objects.newest_of(connection, KIND)
    with audit.atomic():
        if latest is None or latest.status in {Operation.Status.CANCELLED, Operation.Status.SUCCEEDED}:
            latest = _start(connection, actor)
        elif latest.waits_for == "customer" or latest.status == Operation.Status.FAILED:
            engine.resume(latest, actor=actor)
            lookups.begin_connecting(connection.invitation_id)
            latest.refresh_from_db(fields=["steps"])
            again = reset_steps(latest.steps, "teams_token", "roles", "hand_over", "validation")
            Operation.objects.filter(pk=latest.pk).update(steps=again)
            _mark_connecting(connection)
        else:
            return latest  # a second tab: the first one started the operation, and its token is equivalent
        _store(connection, tokens, actor, latest)
    return latest


def _start(connection: Connection, actor: audit.Actor) -> Operation:
    invitation = connection.invitation
    operation = engine.request(
        KIND, connection, actor=actor, notes={INSTANCE_NOTE: str(invitation.service.instance_id)}
    )
    lookups.begin_connecting(invitation.pk)
    _mark_connecting(connection)
    return operation


def _mark_connecting(connection: Connection) -> None:
    own = Connection.objects.filter(pk=connection.pk)
    own.update(status=Connection.Status.CONNECTING, way=ConnectionMethod.TOKEN, customer_part_done_at=None)
    # That an earlier grant was revoked does not apply to this setup. What could not be revoked does, until it is.
    own.filter(grant_removed=True).update(grant_removed=None)


def _closed(operation: Operation) -> None:
    """In the closing transaction: a failed setup keeps its token for Resume, a cancelled one deletes it."""
    ump_handover.failed(operation)
    if operation.status == Operation.Status.CANCELLED:
        stored_tokens.clear(DelegatedToken.objects.filter(connection=operation.subject_id), actor=audit.SYSTEM)
        Connection.objects.filter(pk=operation.subject_id).update(customer_part_done_at=None)


def _store(connection: Connection, tokens: SignInAnswer, actor: audit.Actor, operation: Operation) -> None:
    token = DelegatedToken.objects.filter(connection=connection).first() or DelegatedToken(connection=connection)
    token.username, token.obtained_at = connection.admin_username, timezone.now()
    token.renewed_at = token.delivered_at = None
    token.seal("cache_envelope", tokens.cache)
    token.save()
    audit.record("token.kept", actor=actor, subject=connection, operation_id=operation.pk)


def _stored_token(connection: Connection) -> DelegatedToken:
    token = DelegatedToken.objects.filter(connection=connection).exclude(cache_envelope="").first()
    if token is None:
        raise PersonNeededError("The token is no longer stored. Sign in again.", who="customer", code="token_gone")
    return token


def _renew(operation: Operation, scopes: list[str]) -> RenewedToken:
    """A token for one API. Renewing changes MSAL's cache, which is stored under the lease."""
    connection = open_connection(operation)
    invitation, token = connection.invitation, _stored_token(connection)
    app = _sync_app(invitation.service.instance)
    try:
        renewed = connections.entra().renew(
            tenant_id=invitation.tenant_id,
            app_id=app.app_id,
            client_secret=app.client_secret,
            cache=token.unseal("cache_envelope"),
            scopes=scopes,
        )
    except EntraRefusedError as refusal:
        _require_sync_app(invitation.service.instance, app, refusal, operation)
        raise _explained(refusal, token, connection) from refusal
    token.seal("cache_envelope", renewed.cache)
    with audit.atomic(durable=True):
        engine.require_lease(operation)  # a worker that lost its lease must not overwrite a newer cache
        DelegatedToken.objects.filter(pk=token.pk).update(
            cache_envelope=token.cache_envelope, renewed_at=timezone.now()
        )
    return renewed


def _sync_app(instance: UmpInstance) -> SyncApp:
    try:
        return sign_in_exchange.sync_app(instance)
    except RefusedError as missing:
        raise _sync_app_gone(instance) from missing


def _require_sync_app(instance: UmpInstance, app: SyncApp, refusal: EntraRefusedError, operation: Operation) -> None:
    """Raises PersonNeededError for staff if Microsoft does not know the sync app or its secret in its own tenant either.

    The customer could sign in as often as they like. Raises NotYetError while a new one may be unknown to some servers.
    """
    if refusal.code not in presence.GONE_AT_ENTRA:
        return
    if refusal.code in redemption.APP_REPLICATES and app.is_new:
        raise NotYetError(
            "Microsoft is still replicating the sync app.",
            retry_after=CONSENT_RETRY,
            code=refusal.code,
            answer=refusal.answer,
        ) from refusal
    try:
        presence.require_known(lookups.sync_app_of(instance), operation)
    except StartOverError as gone:
        if gone.code != presence.PRINCIPAL_GONE:  # customers sign in without the one in the provider's tenant
            raise _sync_app_gone(instance) from refusal


def _sync_app_gone(instance: UmpInstance) -> PersonNeededError:
    return PersonNeededError(
        f"The sync app of {instance.host}, through which customers sign in, was deleted in Entra, or its client secret was "
        "removed or has expired. Provision the instance again; SyncPortal then continues automatically.",
        who="staff",
        code=SYNC_APP_GONE,
        look_again=SYNC_APP_RETRY,
    )


def _explained(refusal: EntraRefusedError, token: DelegatedToken, connection: Connection) -> Exception:
    # Counted from the consent, not from the operation: a person who signs in again has just given another.
    is_new = timezone.now() - token.obtained_at < CONSENT_REPLICATION_TIME
    if refusal.code in redemption.CONSENT_REPLICATES and is_new:
        return NotYetError(
            "Microsoft is still replicating the consent.",
            retry_after=CONSENT_RETRY,
            code=refusal.code,
            answer=refusal.answer,
        )
    known = explain(refusal.code, refusal.words)
    service = connection.invitation.service
    words = f"{known.sentence} {known.next_step}".format(
        provider=service.instance.provider.name,
        customer=service.customer.name,
        app=service.instance.app_name,
        needed_role=requirements.NEEDED_FOR_TOKEN_SENTENCE,
    )
    may_sign_in = refusal.error in SIGN_IN_ERRORS and known.is_known
    if refusal.code in APPLICATION_UNKNOWN:
        words = (
            f"The application {service.instance.app_name} is not in your organisation any more. Sign in again and accept the "
            "permissions: this adds it."
        )
    if may_sign_in or refusal.code in APPLICATION_UNKNOWN:
        return PersonNeededError(words, who="customer", code=refusal.code, answer=refusal.answer)
    return RemoteRejectedError(words, code=refusal.code, answer=refusal.answer)


def _teams_token(operation: Operation) -> str:
    renewed = _renew(operation, [requirements.TEAMS_USER_SCOPE])
    if "user_impersonation" not in {scope.lower() for scope in renewed.scopes}:
        raise PersonNeededError(
            "Microsoft’s answer lacks the permission user_impersonation. Sign in again and accept the whole list.",
            who="customer",
            code="missing_scopes",
        )
    return "Microsoft issued tokens for both APIs."


def _roles(operation: Operation) -> str:
    connection = open_connection(operation)
    renewed = _renew(operation, requirements.SCOPES_TOKEN)
    graph = connections.graph_as_person(renewed.access_token)
    held = graph.my_directory_roles()
    lacking = requirements.lacking_for_token(held)
    if lacking and not operation.notes.get("roles_looked_for"):
        engine.save_notes(operation, roles_looked_for=True)
        raise NotYetError("Microsoft's index may not show a new role yet. Looking once more.", retry_after=ROLES_RETRY)
    if lacking:
        engine.save_notes(operation, roles_looked_for=False)
        raise PersonNeededError(
            f"{connection.admin_username} lacks: {', '.join(lacking)}. Assign or activate the role, then sign in again.",
            who="customer",
            code=ROLES_MISSING,
        )
    temporary_grant.revoke_of_others(graph, connection, operation)
    with audit.atomic(durable=True):
        engine.require_lease(operation)
        Connection.objects.filter(pk=connection.pk).update(customer_part_done_at=timezone.now())
    return "Active: " + ", ".join(role.name for role in requirements.TOKEN_ROLES) + "."


def _hand_over(operation: Operation) -> str:
    _deliver(operation)
    return f"The phone service holds the token of {_stored_token(open_connection(operation)).username}."


def _deliver(operation: Operation) -> str:
    """Renew the token and send it to the UMP. Returns the refresh token, so that the caller can redact it."""
    connection = open_connection(operation)
    invitation, service = connection.invitation, connection.invitation.service
    if service.instance.delivery != UmpInstance.Delivery.API:
        raise _unsupported(service.instance)
    # The service may have been missing for days: renewing here finds an expired token before the UMP does.
    _renew(operation, requirements.SCOPES_TOKEN)
    token = _stored_token(connection)
    refresh_token = refresh_token_in(token.unseal("cache_envelope"))
    ump = connections.ump(service.instance)
    try:
        with ump_handover.noticing_a_missing_service(ump, service):
            held = ump.apply_token(
                service.ump_customer_guid,
                tenant_id=invitation.tenant_id,
                username=token.username,
                refresh_token=refresh_token,
            )
    except NotFoundError as missing:
        raise _unsupported(service.instance, missing) from missing
    wanted = ("delegated_token", invitation.tenant_id, token.username)
    if (held.method, held.tenant_id, held.username) != wanted:
        raise UnexplainedRefusalError(
            "The UMP accepted the token but shows different values. Check the service in the UMP.", code="ump_token"
        )
    with audit.atomic(durable=True):
        engine.require_lease(operation)
        DelegatedToken.objects.filter(pk=token.pk).update(delivered_at=timezone.now())
        audit.record("token.delivered", actor=audit.WORKER, subject=connection, operation_id=operation.pk)
    return refresh_token


def _unsupported(instance: UmpInstance, missing: NotFoundError | None = None) -> RemoteRejectedError:
    sentence = (
        f"The UMP {instance.host} has no API that accepts a token. Revoke the invitation, and ask the customer to connect with a "
        "registration."
    )
    if isinstance(missing, UnexplainedNotFoundError):  # perhaps it is being restarted: that advice would be wrong then
        return UnexplainedRefusalError(sentence, code="no_contract", meanwhile=missing)
    return RemoteRejectedError(sentence, code="no_contract")


def _validation(operation: Operation) -> str:
    service = open_connection(operation).invitation.service
    ump = connections.ump(service.instance)
    with ump_handover.noticing_a_missing_service(ump, service):
        outcome = ump.validate_connection(service.ump_customer_guid)
    if outcome.valid:
        return "The phone service signed in with the token."
    # The UMP's token may have expired. Send a new one, or learn from Microsoft why the customer must sign in again.
    secret = _deliver(operation)
    outcome = ump.validate_connection(service.ump_customer_guid)
    if not outcome.valid:
        words = secret_refusals.without(outcome.error, secret)
        refusal = RemoteRejectedError if "AADSTS" in outcome.error else UnexplainedRefusalError
        raise refusal(
            f"The UMP could not use the token: {words or 'it gave no reason'}.", code=ump_handover.UMP_VALIDATION
        )
    return "The phone service signed in with a renewed token."
