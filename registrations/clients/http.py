"""One way out: every call to Microsoft or a UMP goes through a session that has a time limit and a list of hosts."""

import os
import ssl
import threading
import time
from collections.abc import Callable, Collection
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3.exceptions import HTTPError
from urllib3.exceptions import TimeoutError as LateError
from urllib3.util import Retry
from urllib3.util.ssl_ import create_urllib3_context

from registrations.errors import RemoteAnswer, RemoteUnavailableError
from registrations.service_words import own_sentence

BUSY = frozenset({429, 500, 502, 503, 504})
LARGEST_ANSWER = 8 * 1024 * 1024  # bytes
LONGEST_ANSWER_IN_TIMEOUTS = 2
LONGEST_RETRY_AFTER = timedelta(hours=1)
MOST_DIGITS = 9  # of a Retry-After in seconds
LONGEST_ID = 80  # characters of an ID in a header

# Called before each request is sent: a run raises here once its lease is lost.
before_call: ContextVar[Callable[[], None] | None] = ContextVar("before_call", default=None)


class ForbiddenOriginError(Exception):
    """Code of ours tried to call a host that is not on the session's list: a mistake or an attack, never retried."""


class _ThreadContexts(threading.local):
    """The TLS context of this thread for each CA bundle.

    requests reads the CA bundle for every connection: measured with certifi's, 41 ms of processor time and 0.7 MiB each, in
    24 threads with 16 UMPs each 280 MiB. Threads do not share one, because urllib3 changes a context while it connects.
    """

    def __init__(self) -> None:
        self._known: dict[str, tuple[int, ssl.SSLContext]] = {}

    def of(self, ca_bundle: str) -> ssl.SSLContext:
        """The context that trusts this CA bundle as the file is now."""
        changed_at = os.stat(ca_bundle).st_mtime_ns
        known = self._known.get(ca_bundle)
        if known is None or known[0] != changed_at:
            context = create_urllib3_context(cert_reqs=ssl.CERT_REQUIRED)
            context.load_verify_locations(ca_bundle)
            known = self._known[ca_bundle] = (changed_at, context)
        return known[1]


_contexts = _ThreadContexts()


class _Adapter(HTTPAdapter):
    """Connects with the thread's TLS context. requests documents this way to use a context of one's own."""

    def __init__(self, ca_bundle: str, retry: Retry) -> None:
        self._context = _contexts.of(ca_bundle or DEFAULT_CA_BUNDLE_PATH)
        super().__init__(max_retries=retry)

    def build_connection_pool_key_attributes(self, request: Any, verify: Any, cert: Any = None) -> tuple[Any, Any]:
        """Without the path of the CA bundle, which urllib3 would read again."""
        host, _ = super().build_connection_pool_key_attributes(request, verify, cert)
        return host, {"ssl_context": self._context, "cert_reqs": "CERT_REQUIRED"}

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Verify always, by the context."""
        conn.cert_reqs = "CERT_REQUIRED"


class RemoteSession(requests.Session):
    """A session that calls only the given origins, follows no redirect and always has a time limit in seconds."""

    def __init__(self, *, origins: Collection[str], ca_bundle: str, timeout: float) -> None:
        super().__init__()
        self.trust_env = False  # REQUESTS_CA_BUNDLE in the environment would override `verify`
        self.verify = ca_bundle or True
        self.origins = frozenset(origins)
        self.timeout = timeout
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))  # calls for one tenant tell nothing of another
        # Only GET is repeated, at once and without sleeping; longer waits are written on the operation's row. A repeat takes
        # nothing from the rate limit: a failed connection did not reach the server, and after a broken answer there is
        # one repeat at most. It costs three units of 350 a second at most. An answer, 429 included, is never repeated.
        retry = Retry(
            total=2,
            connect=2,
            read=1,
            status=0,
            redirect=0,
            other=0,
            backoff_factor=0,
            allowed_methods={"GET"},
            respect_retry_after_header=False,
        )
        self.mount("https://", _Adapter(ca_bundle, retry))

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """Send to an allowed origin. Raises ForbiddenOriginError for any other."""
        if origin_of(request.url or "") not in self.origins:
            raise ForbiddenOriginError(f"{urlsplit(request.url or '').hostname} is not a host SyncPortal calls.")
        may_call = before_call.get()
        if may_call:
            may_call()
        kwargs.update(timeout=kwargs.get("timeout") or self.timeout, allow_redirects=False, stream=True)
        response = super().send(request, **kwargs)
        self._read(response, until=time.monotonic() + LONGEST_ANSWER_IN_TIMEOUTS * self.timeout)
        return response

    def _read(self, response: requests.Response, until: float) -> None:
        """Read the body within bounds: the time limit counts from byte to byte, so a slow dripper would never end."""
        body = b""
        with response:
            try:
                # read1 returns what is there; read would wait until its whole amount has come
                while chunk := response.raw.read1(64 * 1024, decode_content=True):
                    body += chunk
                    if len(body) > LARGEST_ANSWER or time.monotonic() > until:
                        raise requests.Timeout("The answer is too large or too slow.")
            except HTTPError as error:
                raise requests.ConnectionError("The answer broke off.") from error
        response._content = body


def origin_of(url: str) -> str:
    """Scheme, host and port of a URL, in lower case."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}".lower()


def exchange(session: RemoteSession, service: str, method: str, url: str, **kwargs: Any) -> requests.Response:
    """One request and its answer. Raises RemoteUnavailableError if there is none, or the service is busy."""
    try:
        response = session.request(method, url, **kwargs)
    except requests.RequestException as error:
        raise RemoteUnavailableError(f"{service} did not answer ({_reason(error)}).") from error
    busy = busy_of(response, service)
    if busy:
        raise busy
    return response


def busy_of(response: requests.Response, service: str) -> RemoteUnavailableError | None:
    """What an answer means that says "come back later", with its Retry-After; None for any other."""
    if response.status_code not in BUSY:
        return None
    return RemoteUnavailableError(
        f"{service} is busy (HTTP {response.status_code}).",
        retry_after=retry_after(response.headers.get("Retry-After")),
        code=str(response.status_code),
        answer=answer_of(response),
    )


def answer_of(response: requests.Response, words: str = "") -> RemoteAnswer:
    """What the answer says for support: `words`, which are redacted here, and the IDs and the date in its headers."""
    headers, sent = response.headers, getattr(response.request, "headers", None) or {}
    return RemoteAnswer(
        sentence=own_sentence(words),
        request_id=_id_in(headers.get("request-id") or headers.get("x-ms-request-id")),
        correlation_id=_id_in(headers.get("client-request-id") or sent.get("client-request-id")),
        answered_at=own_sentence(headers.get("Date", "")),
    )


def _id_in(header: str | None) -> str:
    return (header or "").strip()[:LONGEST_ID]


def json_of(response: requests.Response, service: str) -> dict[str, Any]:
    """The JSON object of an answer. Raises RemoteUnavailableError if it was cut off: the outcome is unknown then."""
    try:
        body = response.json()
    except requests.JSONDecodeError as error:
        raise RemoteUnavailableError(
            f"{service} sent an answer that cannot be read (HTTP {response.status_code}).", answer=answer_of(response)
        ) from error
    return body if isinstance(body, dict) else {"value": body}


def retry_after(header: str | None) -> timedelta | None:
    """The wait that a Retry-After header asks for (RFC 9110, section 10.2.3: seconds or a date), one hour at most."""
    if not header:
        return None
    seconds = header.strip()
    if seconds.isascii() and seconds.isdigit():
        # Capped first: int() refuses thousands of digits, and timedelta what no calendar has.
        wait = timedelta(seconds=int(seconds)) if len(seconds) <= MOST_DIGITS else LONGEST_RETRY_AFTER
    else:
        asked_until = _time_in(header)
        if asked_until is None:
            return None
        wait = asked_until - datetime.now(UTC)
    return min(max(wait, timedelta(seconds=1)), LONGEST_RETRY_AFTER)


def time_apart(response: requests.Response) -> timedelta:
    """How far our clock is from that of the server, by the answer's `Date` (RFC 9110, section 6.6.1); none without one."""
    answered_at = _time_in(response.headers.get("Date", ""))
    return abs(datetime.now(UTC) - answered_at) if answered_at else timedelta()


def _time_in(header: str) -> datetime | None:
    try:
        read = parsedate_to_datetime(header)
    except (ValueError, TypeError):
        return None
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def _reason(error: requests.RequestException) -> str:
    # The exception's own text may hold the URL with what was sent in it.
    if isinstance(error, requests.exceptions.SSLError):
        dated = any(words in str(error) for words in ("certificate has expired", "certificate is not yet valid"))
        clock = "its certificate is not valid at the time of this machine's clock"
        return clock if dated else "its certificate is not trusted"
    cause = getattr(error.args[0], "reason", None) if error.args else None  # after a retry, urllib3 wraps the time-out
    if isinstance(error, requests.Timeout) or isinstance(cause, LateError):
        return "no answer in time"
    return "the connection failed"
