"""The discovery documents of Entra tenants, cached for an hour in this process, below MSAL.

https://learn.microsoft.com/entra/identity-platform/v2-protocols-oidc#fetch-the-openid-configuration-document
"""

import time
from dataclasses import dataclass, field
from typing import Any, ClassVar

import requests

from registrations.clients.answer_values import AnswerValues
from registrations.clients.http import RemoteSession, busy_of, json_of
from registrations.clients.token_claims import claims_for_diagnosis, is_encoded_object
from registrations.errors import RemoteUnavailableError

SERVICE = "Microsoft's sign-in service"
DISCOVERY_PATH = "/v2.0/.well-known/openid-configuration"
LIFETIME = 3600.0  # seconds
LARGEST_CACHE = 1000  # documents
VALUES = AnswerValues(SERVICE, RemoteUnavailableError)
LONGEST_SECONDS = 9  # digits
# What MSAL and SyncPortal read of a discovery document (OpenID Connect Discovery 1.0, section 3)
DISCOVERED = ("issuer", "authorization_endpoint", "token_endpoint", "jwks_uri")


@dataclass(frozen=True)
class Document:
    """The parts of an answer that MSAL reads; the answer itself would keep its connection open."""

    status_code: int
    text: str
    headers: dict[str, str] = field(default_factory=dict)


class DiscoveryCache:
    """MSAL's HTTP client: our session, which requests the discovery document of each existing tenant once an hour.

    MSAL would request it before each token. MSAL's own cache also keeps refusals of tokens, so it is not used.
    """

    _cached: ClassVar[dict[str, tuple[float, "Document"]]] = {}

    def __init__(self, session: RemoteSession) -> None:
        self._session = session

    def get(self, url: str, **kwargs: Any) -> "requests.Response | Document":
        """A discovery document from the cache, anything else from the network.

        Raises RemoteUnavailableError for a document that cannot be used: MSAL would fail with a KeyError.
        """
        ends_at, document = self._cached.get(url, (0.0, None))
        if document and ends_at > time.monotonic():
            return document
        answer = _not_busy(self._session.get(url, **kwargs))
        if url.endswith(DISCOVERY_PATH) and answer.status_code == requests.codes.ok:
            require_discovery(json_of(answer, SERVICE))  # a broken one must not be cached for an hour
            if len(self._cached) >= LARGEST_CACHE:
                self.forget()
            self._cached[url] = (time.monotonic() + LIFETIME, Document(answer.status_code, answer.text))
        return answer

    def post(self, url: str, **kwargs: Any) -> requests.Response:
        """Raises RemoteUnavailableError if Entra is busy, because MSAL drops the Retry-After, or its answer is not a token's."""
        answer = _not_busy(self._session.post(url, **kwargs))
        _require_token_answer(json_of(answer, SERVICE), is_token=answer.status_code == requests.codes.ok)
        return answer

    def close(self) -> None:
        """Does nothing: the session belongs to the caller."""

    @classmethod
    def forget(cls) -> None:
        """Empty the cache."""
        cls._cached.clear()


def require_discovery(body: dict[str, Any]) -> None:
    """Raises RemoteUnavailableError if a discovery document lacks what is read of it."""
    for name in DISCOVERED:
        VALUES.text(body, name)


def _require_token_answer(body: dict[str, Any], *, is_token: bool) -> None:
    """MSAL takes the types of RFC 6749 (sections 5.1 and 5.2) for granted."""
    for name in ("error", "error_description", "suberror", "scope", "refresh_token"):
        VALUES.optional(body, name)
    id_token, client_info = VALUES.optional(body, "id_token"), VALUES.optional(body, "client_info")
    if id_token and not claims_for_diagnosis(id_token):
        raise VALUES.missing("id_token")
    if client_info and not is_encoded_object(client_info):
        raise VALUES.missing("client_info")
    for name in ("expires_in", "ext_expires_in", "refresh_in"):
        seconds = VALUES.optional(body, name)
        if seconds and not (seconds.isascii() and seconds.isdigit() and len(seconds) <= LONGEST_SECONDS):
            raise VALUES.missing(name)
    if is_token and "error" not in body:
        VALUES.text(body, "access_token")
    elif "error" not in body:
        raise VALUES.missing("error")


def _not_busy(response: requests.Response) -> requests.Response:
    """The answer. Raises RemoteUnavailableError with Entra's Retry-After if it is busy."""
    busy = busy_of(response, SERVICE)
    if busy:
        raise busy
    return response
