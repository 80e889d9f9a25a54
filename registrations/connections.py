"""The only place where settings and rows become clients."""

import contextlib
import functools
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar, cast

import redis
from django.conf import settings
from django.core.exceptions import ValidationError

from registrations.clients.credential_refusals import explain
from registrations.clients.entra import AppToken, EntraClient, EntraRefusedError
from registrations.clients.graph.client import GraphClient
from registrations.clients.http import RemoteSession, origin_of
from registrations.clients.rate_limit.limiter import RateLimit, RateLimiter
from registrations.clients.token_claims import claims_for_diagnosis
from registrations.clients.ump import UmpClient
from registrations.errors import PersonNeededError, RemoteRejectedError, RemoteUnavailableError
from registrations.models import EntraTenant, UmpInstance
from registrations.models.tenants import validate_ump_url

# Scopes stay Microsoft's, whatever GRAPH_URL is: they name the API, not the server.
GRAPH_SCOPE = "https://graph.microsoft.com/.default"
TEAMS_ADMIN_API_SCOPE = "48ac35b8-9aa8-4d74-927d-1f4a14a0b239/.default"
SIGN_IN_AGAIN = "sign_in_again"
SIGN_IN_AGAIN_SENTENCE = (
    "Microsoft's permission to work in your organisation has ended. "
    "Sign in again, and the setup continues where it stopped."
)
UNDER_TENANTS = "Its values are under Entra tenants."
RENEW_BEFORE = timedelta(minutes=5)


LONGEST_IDLE = 60.0  # seconds; a firewall may drop an idle connection silently
MOST_SESSIONS = 16  # that one thread keeps: Entra, Graph, and the UMPs it called last

TOO_MANY_REQUESTS = "429"  # the code of a busy answer that asks for fewer calls
BULK_CACHE_SECONDS = 300.0  # seconds; Microsoft's tokens last an hour

T = TypeVar("T")
Tokens = dict[tuple[str, ...], AppToken]
_run_tokens: ContextVar[Tokens | None] = ContextVar("run_tokens", default=None)
_is_bulk: ContextVar[bool] = ContextVar("is_bulk", default=False)


class _ThreadCache(threading.local):
    """What one thread keeps from run to run: open connections, which threads cannot share; for bulk jobs tokens and answers."""

    def __init__(self) -> None:
        self.sessions: OrderedDict[tuple[str, str, float], tuple[RemoteSession, float]] = OrderedDict()
        self.forget()

    def forget(self) -> None:
        """Drop the tokens and answers."""
        self.tokens: Tokens = {}
        self.answers: dict[tuple[str, ...], Any] = {}
        self.since = time.monotonic()


_cache = _ThreadCache()
_making_limiter = threading.Lock()


@contextlib.contextmanager
def reuse(*, is_bulk: bool = False) -> Iterator[None]:
    """Reuse application tokens for the length of a with block, and open connections beyond it.

    `is_bulk`: the operation is part of a bulk job. The portal's own tokens and the answers of `cached_answer` are then also
    used by the following operations, for minutes. Otherwise each run gets new tokens: a token shows only the permissions
    that were granted when it was issued. Connections are safe to reuse: sessions keep neither cookies nor credentials.
    """
    before, kept_before = _run_tokens.set({}), _is_bulk.set(is_bulk)
    try:
        yield
    finally:
        _run_tokens.reset(before)
        _is_bulk.reset(kept_before)


def entra() -> EntraClient:
    """Entra ID, for sign-ins and tokens."""
    return EntraClient(_session(settings.ENTRA_URL), settings.ENTRA_URL)


def graph_as_app(tenant: EntraTenant, client_secret: str | None = None) -> GraphClient:
    """Graph with the portal's own credential in a tenant; `client_secret` tries one that is not kept yet."""

    credential = (tenant.tenant_id, tenant.client_id, tenant.client_secret_envelope)
    whose = () if client_secret else ("graph", *credential)
    token = _renewing(lambda: own_token(tenant, client_secret), whose, _own_tokens() if whose else {})
    return GraphClient(_session(settings.GRAPH_URL), settings.GRAPH_URL, token, rate_limit_of(tenant))


def graph_as_person(access_token: str) -> GraphClient:
    """Graph with the token of an administrator who has signed in; PersonNeededError once Graph does not take it."""

    def token(renew: bool) -> str:
        if renew:
            raise PersonNeededError(SIGN_IN_AGAIN_SENTENCE, who="customer", code=SIGN_IN_AGAIN)
        return access_token

    claims = claims_for_diagnosis(access_token)  # to count the calls; nothing is decided by them
    rate_limit = RateLimit(_limiter(), str(claims.get("appid", "")), str(claims.get("tid", "")))
    return GraphClient(_session(settings.GRAPH_URL), settings.GRAPH_URL, token, rate_limit)


def rate_limit_of(tenant: EntraTenant) -> RateLimit:
    """The rate limit of the portal's own application in a tenant."""
    return RateLimit(_limiter(), tenant.client_id, tenant.tenant_id)


@functools.cache
def rate_limiter() -> RateLimiter:
    """Counts the calls to Microsoft, together with all other processes."""
    client = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=0.5, socket_connect_timeout=0.5)
    return RateLimiter(client, settings.GRAPH_RATE_LIMIT_SHARES)


def _limiter() -> RateLimiter:
    """The one limiter of this process: threads that start at the same time must not count apart."""
    with _making_limiter:
        return rate_limiter()


def ump(instance: UmpInstance) -> UmpClient:
    """The UMP of an instance. Raises RemoteRejectedError if its URL is not allowed (any more)."""
    require_ump_url(instance)

    def obtain() -> AppToken:
        instance.refresh_from_db(
            fields=["ump_client_secret_envelope"]
        )  # the row may have been read at the start of the run
        secret = instance.unseal("ump_client_secret_envelope")
        if not (secret and instance.ump_client_id and instance.ump_scope):
            raise PersonNeededError(
                f"{instance.host} has no UMP API credential. Enter its client ID, secret and scope on the instance's page, "
                "then resume.",
                who="staff",
                code="ump_credential_needed",
            )
        app_id, tenant_id = instance.ump_client_id, instance.ump_tenant_id or instance.provider.tenant.tenant_id
        with pausing(app_id, tenant_id):
            return entra().app_token(tenant_id=tenant_id, app_id=app_id, client_secret=secret, scope=instance.ump_scope)

    whose = ("ump", str(instance.pk), instance.ump_client_id, instance.ump_scope)
    token = _renewing(_explained(obtain, instance), whose, _tokens_of_run())
    return UmpClient(_session(origin_of(instance.ump_url)), instance.ump_url, lambda: token(False))


@contextlib.contextmanager
def pausing(app_id: str, tenant_id: str) -> Iterator[None]:
    """Request an application's token within: a 429 of the sign-in service makes all workers pause for it in that tenant.

    Raises QuotaSpentError while such a pause, or one of Graph's, lasts.
    """
    rate_limit = RateLimit(_limiter(), app_id, tenant_id)
    rate_limit.require_no_pause()
    try:
        yield
    except RemoteUnavailableError as busy:
        if busy.code == TOO_MANY_REQUESTS:
            rate_limit.pause(busy.retry_after)
        raise


def require_ump_url(instance: UmpInstance) -> None:
    """Refuse a UMP base URL that is empty or not under the provider's domain as it is now: RemoteRejectedError."""
    try:
        validate_ump_url(instance.ump_url, instance.provider.domain)
    except ValidationError as error:
        raise RemoteRejectedError(" ".join(error.messages), code="ump_url") from error


def own_token(tenant: EntraTenant, client_secret: str | None = None) -> AppToken:
    """A token for the portal's own application in a tenant.

    Raises PersonNeededError without a credential, RemoteRejectedError if Microsoft does not accept it.
    """
    if not client_secret:
        tenant.refresh_from_db(
            fields=["client_id", "client_secret_envelope"]
        )  # the row may have been read at the start of the run
    secret = client_secret or tenant.unseal("client_secret_envelope")
    if not secret:
        raise PersonNeededError(
            f"{tenant.name} has no credential. Enter its client secret in the admin under Entra tenants, then resume.",
            who="staff",
        )
    try:
        with pausing(tenant.client_id, tenant.tenant_id):
            return entra().app_token(
                tenant_id=tenant.tenant_id, app_id=tenant.client_id, client_secret=secret, scope=GRAPH_SCOPE
            )
    except EntraRefusedError as refusal:
        whose = f"SyncPortal's credential in {tenant.name}"
        sentence = explain(whose, refusal, where=UNDER_TENANTS, secret=secret)
        raise RemoteRejectedError(sentence, code=refusal.code, answer=refusal.answer) from refusal


def _explained(obtain: Callable[[], AppToken], instance: UmpInstance) -> Callable[[], AppToken]:
    def explained() -> AppToken:
        try:
            return obtain()
        except EntraRefusedError as refusal:
            whose = f"the UMP API credential of {instance.host}"
            secret = instance.unseal("ump_client_secret_envelope")
            sentence = explain(whose, refusal, where="Check the UMP API values of the instance.", secret=secret)
            raise RemoteRejectedError(sentence, code=refusal.code, answer=refusal.answer) from refusal

    return explained


def _renewing(obtain: Callable[[], AppToken], whose: tuple[str, ...], kept: Tokens) -> Callable[[bool], str]:
    """Returns a source of tokens: it requests one if none is kept, if the kept one ends soon, or on demand. For one thread."""

    def token(renew: bool) -> str:
        if renew or whose not in kept or kept[whose].expires_at - RENEW_BEFORE < datetime.now(UTC):
            kept[whose] = obtain()
        return kept[whose].token

    return token


def _tokens_of_run() -> Tokens:
    current = _run_tokens.get()
    return current if current is not None else {}


def _own_tokens() -> Tokens:
    if not _is_bulk.get():
        return _tokens_of_run()
    return _bulk_cache().tokens


def cached_answer(about: tuple[str, ...], ask: Callable[[], T]) -> T:
    """In a bulk job the answer that an earlier operation got from this tenant. For answers that change once in months."""
    if not _is_bulk.get():
        return ask()
    answers = _bulk_cache().answers
    if about not in answers:
        answers[about] = ask()
    return cast(T, answers[about])


def _bulk_cache() -> _ThreadCache:
    """The cache of bulk jobs, which would otherwise ask the same a thousand times. It lasts minutes, and ends at a refusal."""
    if time.monotonic() - _cache.since > BULK_CACHE_SECONDS:
        _cache.forget()
    return _cache


def forget_cached() -> None:
    """Drop cached tokens and answers: they show only what was granted when they were issued."""
    _cache.forget()


def _session(origin: str) -> RemoteSession:
    ca_bundle, timeout = settings.REMOTE_CA_BUNDLE, settings.REMOTE_TIMEOUT_SECONDS
    if _run_tokens.get() is None:
        return RemoteSession(origins={origin}, ca_bundle=ca_bundle, timeout=timeout)
    kept, key = _cache.sessions, (origin, ca_bundle, timeout)
    now = time.monotonic()
    session, used_at = kept.pop(key, (None, now))
    if session and now - used_at > LONGEST_IDLE:
        session.close()
        session = None
    session = session or RemoteSession(origins={origin}, ca_bundle=ca_bundle, timeout=timeout)
    kept[key] = (session, now)
    if len(kept) > MOST_SESSIONS:
        kept.popitem(last=False)[1][0].close()
    return session
