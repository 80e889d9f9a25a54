"""Microsoft Entra ID: sign-in, tokens and the check of id_tokens.

MSAL does the protocol. It verifies neither signature, issuer, audience nor times of an id_token, so we do.
One MSAL object is made for each attempt: it caches answers of HTTP 400 for a minute.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NewType, TypeVar

import jwt
import requests
from msal import ConfidentialClientApplication
from msal import SerializableTokenCache as TokenCache
from msal.exceptions import MsalServiceError

from registrations.clean_text import Kind, clean
from registrations.clients.discovery_cache import DISCOVERY_PATH, SERVICE, VALUES, DiscoveryCache, require_discovery
from registrations.clients.http import LONGEST_ID, RemoteSession, exchange, json_of, time_apart
from registrations.clients.microsoft_words import first_sentence
from registrations.clients.token_claims import claims_for_diagnosis, signing_key, texts_in
from registrations.errors import NotYetError, RemoteAnswer, RemoteRejectedError, RemoteUnavailableError
from registrations.service_words import LONGEST_READ, own_sentence

CLOCK_SKEW = timedelta(minutes=5)
ID_TOKEN_CLAIMS = ["aud", "iss", "exp", "iat", "nbf", "sub", "oid", "tid", "ver"]

# https://learn.microsoft.com/entra/identity-platform/reference-error-codes
TRANSIENT = frozenset({"AADSTS90033", "AADSTS90006", "AADSTS90024", "AADSTS90055", "AADSTS50000", "AADSTS50033"})
REPLICATING = frozenset({"AADSTS7000215", "AADSTS700016", "AADSTS7000229", "AADSTS650051", "AADSTS500011"})
WRONG_CREDENTIAL = frozenset({"AADSTS7000215", "AADSTS7000222", "AADSTS700016", "AADSTS7000229", "AADSTS90002"})

CODE = re.compile(r"\bAADSTS(\d{4,9})\b", re.IGNORECASE)
# What MSAL lets through where the network or the answer breaks. JSONDecodeError is a ValueError: catch it first.
UNAVAILABLE = (requests.RequestException, MsalServiceError, json.JSONDecodeError)

SignedClaims = NewType("SignedClaims", dict[str, Any])
T = TypeVar("T")


class EntraRefusedError(RemoteRejectedError):
    """Entra said no: `code` is the AADSTS number or the OAuth error, `error` the OAuth error (RFC 6749, section 5.2).

    `words` is the first sentence of Microsoft's own text, redacted; "" where there is none.
    """

    def __init__(self, answer: dict[str, Any]) -> None:
        numbers = answer.get("error_codes")
        numbers = [each for each in numbers if str(each).isdecimal()] if isinstance(numbers, list) else []
        self.error = str(answer.get("error", "unknown_error"))
        self.suberror = str(answer.get("suberror") or answer.get("error_subcode") or "")
        self.correlation_id = _short_text(answer.get("correlation_id"))
        self.words = first_sentence(str(answer.get("error_description") or ""))  # for pages of customers
        code = f"AADSTS{numbers[0]}" if numbers else _code_in(str(answer.get("error_description", ""))) or self.error
        said = RemoteAnswer(
            sentence=own_sentence(str(answer.get("error_description") or "")),
            request_id=_short_text(answer.get("trace_id")),
            correlation_id=_short_text(answer.get("correlation_id")),
            answered_at=_short_text(answer.get("timestamp")),
        )
        super().__init__(f"Microsoft refused ({code}).", code=code, answer=said)


class ClockSkewError(RemoteRejectedError):
    """Microsoft's clock and ours are further apart than `CLOCK_SKEW`, so nothing that carries a time can be verified."""

    CODE = "clock_skew"

    def __init__(self) -> None:
        super().__init__(
            "The clocks of SyncPortal's server and of Microsoft are more than five minutes apart. Set the server's clock by NTP.",
            code=self.CODE,
        )


@dataclass(frozen=True)
class SignInAnswer:
    """What a redeemed authorization code brought. The tokens must not be logged or kept in clear."""

    access_token: str
    expires_at: datetime
    id_token: str
    scopes: frozenset[str]
    cache: str = ""  # MSAL's cache with the refresh token, only where it was asked for


@dataclass(frozen=True)
class RenewedToken:
    """A person's token that the refresh token brought, and MSAL's cache as it must be kept now."""

    access_token: str
    scopes: frozenset[str]
    cache: str


@dataclass(frozen=True)
class AppToken:
    """An application's own token; roles and wids are read for diagnosis only (the token is the API's, not ours)."""

    token: str
    expires_at: datetime
    roles: frozenset[str]
    wids: frozenset[str]
    name: str = ""
    object_id: str = ""


class EntraClient:
    """Entra's endpoints below one origin, for any tenant."""

    def __init__(self, session: RemoteSession, entra_url: str) -> None:
        self._session = session
        self._entra_url = entra_url

    # https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow
    def begin_sign_in(
        self,
        *,
        authority: str,
        app_id: str,
        client_secret: str,
        scopes: list[str],
        redirect_uri: str,
        login_hint: str | None = None,
        same_account: bool = False,
        keeps: bool = False,
    ) -> dict[str, Any]:
        """The state of a new sign-in (MSAL's flow): `auth_uri` is for the browser, the rest is kept sealed.

        With `keeps` a refresh token is asked for too. With `same_account` Microsoft does not ask a person whom it knows already
        for the account again; otherwise it always asks.
        `authority` is "organizations" or a tenant's GUID. Raises RemoteUnavailableError, EntraRefusedError.
        """
        flow: dict[str, Any] = self._ask(
            authority,
            app_id,
            client_secret,
            lambda app: app.initiate_auth_code_flow(
                scopes,
                redirect_uri=redirect_uri,
                prompt=None if same_account else "select_account",
                login_hint=login_hint,
                response_mode="form_post",  # no code in an address, a log or a Referer
            ),
            TokenCache() if keeps else None,
        )
        return flow

    def finish_sign_in(
        self,
        *,
        authority: str,
        app_id: str,
        client_secret: str,
        flow: dict[str, Any],
        answer: dict[str, str],
        scopes: list[str] | None = None,
        keeps: bool = False,
    ) -> SignInAnswer:
        """Redeem the answer that the browser brought back.

        Where several APIs were consented to, `scopes` names those of one: a code is redeemed for one API only.

        Raises EntraRefusedError if Entra or the person said no, RemoteRejectedError if the answer does not fit
        the flow (state or nonce), RemoteUnavailableError where Entra does not answer.
        """
        cache = TokenCache() if keeps else None
        try:
            result = self._ask(
                authority,
                app_id,
                client_secret,
                lambda app: app.acquire_token_by_auth_code_flow(flow, answer, scopes=scopes),
                cache,
            )
        except (ValueError, RuntimeError):  # their texts hold state and nonce: not chained on purpose
            raise RemoteRejectedError("The answer does not belong to this sign-in.", code="state_mismatch") from None
        _refuse_errors(result)
        return SignInAnswer(
            access_token=result["access_token"],
            expires_at=_expiry(result),
            id_token=result.get("id_token", ""),
            scopes=_scopes_in(result),
            cache=cache.serialize() if cache else "",
        )

    # https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow#refresh-the-access-token
    def renew(self, *, tenant_id: str, app_id: str, client_secret: str, cache: str, scopes: list[str]) -> RenewedToken:
        """A token for one API by the refresh token in the cache, which comes back changed.

        Raises EntraRefusedError if Microsoft has ended it, NotYetError, RemoteUnavailableError.
        """
        kept = TokenCache()
        kept.deserialize(cache)

        def ask(app: ConfidentialClientApplication) -> dict[str, Any]:
            accounts = app.get_accounts()
            found = app.acquire_token_silent_with_error(scopes, accounts[0]) if accounts else None
            return found or {"error": "invalid_grant", "error_description": "The cache holds no refresh token."}

        result = self._ask(tenant_id, app_id, client_secret, ask, kept)
        _refuse_errors(result)
        # MSAL leaves `scope` out where the access token came from the cache: the token itself says it.
        granted = _scopes_in(result) or frozenset(
            str(claims_for_diagnosis(result["access_token"]).get("scp", "")).lower().split()
        )
        return RenewedToken(result["access_token"], granted, kept.serialize())

    # https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
    def app_token(self, *, tenant_id: str, app_id: str, client_secret: str, scope: str) -> AppToken:
        """A token for the application itself. Raises EntraRefusedError, NotYetError, RemoteUnavailableError."""
        result = self._ask(tenant_id, app_id, client_secret, lambda app: app.acquire_token_for_client([scope]))
        _refuse_errors(result)
        claims = claims_for_diagnosis(result["access_token"])
        return AppToken(
            token=result["access_token"],
            expires_at=_expiry(result),
            roles=texts_in(claims, "roles"),
            wids=texts_in(claims, "wids"),
            name=clean(str(claims.get("app_displayname") or ""), what=Kind.HEADER),
            object_id=str(claims.get("oid") or ""),
        )

    # https://learn.microsoft.com/entra/identity-platform/id-tokens#validate-tokens
    def verify_id_token(self, id_token: str, *, app_id: str, authority: str) -> SignedClaims:
        """The claims, once signature, issuer, audience and times are checked. Raises RemoteRejectedError otherwise.

        The id_token has just been issued: a time in it that does not fit is a wrong clock (ClockSkewError), and so is the time
        of Microsoft's answer, because a token is valid long enough to hide that our clock is ahead.
        """
        document = self.discovery(authority)
        try:
            header = jwt.get_unverified_header(id_token)
            answer = exchange(self._session, SERVICE, "GET", document["jwks_uri"])
            if time_apart(answer) > CLOCK_SKEW:
                raise ClockSkewError
            key = signing_key(VALUES, json_of(answer, SERVICE), header.get("kid"))
            tenant_id = str(claims_for_diagnosis(id_token).get("tid", ""))
            claims = jwt.decode(
                id_token,
                key,
                algorithms=["RS256"],
                audience=app_id,
                issuer=str(document["issuer"]).replace("{tenantid}", tenant_id),
                leeway=CLOCK_SKEW,
                options={"require": ID_TOKEN_CLAIMS},
            )
        except (jwt.ImmatureSignatureError, jwt.ExpiredSignatureError):
            raise ClockSkewError from None
        except jwt.PyJWTError:
            raise RemoteRejectedError(
                "The identity that came back is not signed as it must be.", code="id_token"
            ) from None
        if claims["ver"] != "2.0":
            raise RemoteRejectedError("The identity that came back has the wrong version.", code="id_token")
        return SignedClaims(claims)

    def discovery(self, authority: str) -> dict[str, Any]:
        """The discovery document of a tenant (OpenID Connect Discovery 1.0). Raises EntraRefusedError for no tenant."""
        url = f"{self._entra_url}/{authority}{DISCOVERY_PATH}"
        response = exchange(self._session, SERVICE, "GET", url)
        body = json_of(response, SERVICE)
        if response.status_code != requests.codes.ok:
            raise EntraRefusedError(body)
        require_discovery(body)
        return body

    def tenant_id_of(self, domain: str) -> str:
        """The GUID of the tenant that a domain belongs to. Raises EntraRefusedError if Entra knows none."""
        issuer = str(self.discovery(domain)["issuer"])
        found = re.search(r"/([0-9a-f-]{36})/", issuer, re.IGNORECASE)
        if found is None:
            raise RemoteUnavailableError(f"{SERVICE} sent an answer that cannot be read.")
        return found[1].lower()

    def _ask(
        self,
        authority: str,
        app_id: str,
        client_secret: str,
        question: Callable[[ConfidentialClientApplication], T],
        cache: TokenCache | None = None,
    ) -> T:
        try:
            app = ConfidentialClientApplication(
                app_id,
                client_credential=client_secret,
                authority=f"{self._entra_url}/{authority}",
                instance_discovery=False,  # ENTRA_URL is the authority; MSAL need not ask Microsoft whether it is one
                http_client=DiscoveryCache(self._session),
                token_cache=cache,
                # Without a cache to keep there is no refresh token: nothing that outlives the act.
                exclude_scopes=None if cache else ["offline_access"],
            )
        except UNAVAILABLE as error:
            raise RemoteUnavailableError(f"{SERVICE} did not answer.") from error
        except ValueError:  # MSAL tells no tenant and a busy Entra alike: ask for the reason ourselves
            self.discovery(authority)
            raise RemoteUnavailableError(f"{SERVICE} did not answer.") from None
        try:
            return question(app)
        except UNAVAILABLE as error:
            raise RemoteUnavailableError(f"{SERVICE} did not answer.") from error


def refresh_token_in(cache: str) -> str:
    """The refresh token that MSAL's cache holds, "" where there is none. The caller must not log or keep it in clear."""
    kept = TokenCache()
    kept.deserialize(cache)
    found: dict[str, Any] = next(iter(kept.search(TokenCache.CredentialType.REFRESH_TOKEN)), {})
    return str(found.get("secret", ""))


def _scopes_in(result: dict[str, Any]) -> frozenset[str]:
    return frozenset(_short(scope) for scope in str(result.get("scope", "")).split())


def _refuse_errors(result: dict[str, Any]) -> None:
    if "error" not in result:
        return
    refusal = EntraRefusedError(result)
    if refusal.code in TRANSIENT or refusal.error == "temporarily_unavailable" or refusal.code == "server_error":
        raise NotYetError(f"{SERVICE} is busy ({refusal.code}).", code=refusal.code, answer=refusal.answer)
    raise refusal


def _short_text(value: Any) -> str:
    return str(value or "")[:LONGEST_ID]


def _code_in(description: str) -> str:
    """The first code in a text: it stands at the beginning, in brackets, or behind another service's words."""
    found = CODE.search(description[:LONGEST_READ])
    return f"AADSTS{found[1]}" if found else ""


def _expiry(result: dict[str, Any]) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=int(result.get("expires_in") or 0))


def _short(scope: str) -> str:
    return scope.rsplit("/", 1)[-1]
