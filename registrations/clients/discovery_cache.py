"""The discovery documents of Entra tenants, cached for an hour in this process, below MSAL.

https://learn.microsoft.com/entra/identity-platform/v2-protocols-oidc#fetch-the-openid-configuration-document
"""

import time
from dataclasses import dataclass, field
from typing import Any, ClassVar

import requests

from registrations.clients.http import RemoteSession, busy_of

SERVICE = "Microsoft's sign-in service"
DISCOVERY_PATH = "/v2.0/.well-known/openid-configuration"
LIFETIME = 3600.0  # seconds
LARGEST_CACHE = 1000  # documents


@dataclass(frozen=True)
class Document:
    """The parts of an answer that MSAL reads; the answer itself would keep its connection open."""

    status_code: int
    text: str
    headers: dict[str, str] = field(default_factory=dict)


def _is_discovery(answer: requests.Response) -> bool:
    """Whether the answer is complete: a broken one must not be cached for an hour."""
    if answer.status_code != requests.codes.ok:
        return False
    try:
        return "token_endpoint" in answer.json()
    except (requests.JSONDecodeError, TypeError):
        return False


class DiscoveryCache:
    """MSAL's HTTP client: our session, which requests the discovery document of each existing tenant once an hour.

    MSAL would request it before each token. MSAL's own cache also keeps refusals of tokens, so it is not used.
    """

    _cached: ClassVar[dict[str, tuple[float, "Document"]]] = {}

    def __init__(self, session: RemoteSession) -> None:
        self._session = session

    def get(self, url: str, **kwargs: Any) -> "requests.Response | Document":
        """A discovery document from the cache, anything else from the network."""
        ends_at, document = self._cached.get(url, (0.0, None))
        if document and ends_at > time.monotonic():
            return document
        answer = _not_busy(self._session.get(url, **kwargs))
        if url.endswith(DISCOVERY_PATH) and _is_discovery(answer):
            if len(self._cached) >= LARGEST_CACHE:
                self.forget()
            self._cached[url] = (time.monotonic() + LIFETIME, Document(answer.status_code, answer.text))
        return answer

    def post(self, url: str, **kwargs: Any) -> requests.Response:
        """Raises RemoteUnavailableError if Entra is busy, because MSAL drops the Retry-After."""
        return _not_busy(self._session.post(url, **kwargs))

    def close(self) -> None:
        """Does nothing: the session belongs to the caller."""

    @classmethod
    def forget(cls) -> None:
        """Empty the cache."""
        cls._cached.clear()


def _not_busy(response: requests.Response) -> requests.Response:
    """The answer. Raises RemoteUnavailableError with Entra's Retry-After if it is busy."""
    busy = busy_of(response, SERVICE)
    if busy:
        raise busy
    return response
