"""The worker of the web server: a request occupies a thread only once it has arrived as a whole.

gunicorn's own threads read from the connection, so a dozen half-sent forms would occupy all of them. Here one loop reads all
connections (waitress, https://docs.pylonsproject.org/projects/waitress), and gunicorn starts, watches and stops the
processes as before. `gunicorn.conf.py` chooses this worker; docs/performance.md has the measurement.
"""

import resource
import time
from typing import Any

from django.conf import settings
from django.http import parse_cookie
from django.http.request import split_domain_port
from django.utils.http import parse_header_parameters
from gunicorn.workers.base import Worker
from waitress import wasyncore
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.server import BaseWSGIServer, create_server
from waitress.task import ErrorTask
from waitress.utilities import BadRequest, Error, RequestEntityTooLarge

from syncportal.request_bodies import MOST_OF_STRANGERS, is_utf_8
from syncportal.security_headers import HSTS

TICK = 0.5  # seconds between two looks at slow connections
IDLE_SECONDS = 20  # without a byte, half-sent or kept alive
WHOLE_REQUEST_SECONDS = 60  # from a request's first byte to its last
MOST_HEADER_BYTES = 32 * 1024  # request line and headers together
FILES_OF_A_PROCESS = 200  # besides its connections: database, logs, static files


class LengthRequiredError(Error):  # type: ignore[misc]
    """411, which waitress has no class for."""

    code = 411
    reason = "Length Required"


class BoundedParser(HTTPRequestParser):  # type: ignore[misc]
    """Refuses a request once its headers are there, before a byte of a body is kept that Django would not read."""

    error: Error | None

    def received(self, data: bytes) -> int:
        """The number of bytes that belong to this request."""
        knew_headers = self.headers_finished
        consumed: int = super().received(data)
        if self.headers_finished and not knew_headers and not self.error and not self.empty:
            self.error = refusal_of(self)
        if self.error:
            self.completed, self.expect_continue = True, False
        return consumed


def refusal_of(request: HTTPRequestParser) -> Error | None:
    """Why these headers cannot be served, or None. The limits are those of `syncportal.request_bodies`."""
    if request.chunked:
        return LengthRequiredError("The request does not say how long its body is.")
    if request.content_length > MOST_OF_STRANGERS and not may_be_staff(request.headers):
        return RequestEntityTooLarge(f"More than {MOST_OF_STRANGERS} bytes.")
    # What follows, Django does before its first middleware, and would answer 500.
    if request.query.count("&") >= settings.DATA_UPLOAD_MAX_NUMBER_FIELDS:
        return BadRequest("Too many fields")
    try:
        charset = parse_header_parameters(request.headers.get("CONTENT_TYPE", ""))[1].get("charset", "utf-8")
    except (TypeError, ValueError):
        return BadRequest("Content-Type is invalid")
    return None if is_utf_8(charset) else BadRequest("The character set is not UTF-8")


def may_be_staff(headers: dict[str, str]) -> bool:
    """Whether the request is for an admin host and has a session's cookie, valid or not."""
    host = split_domain_port(headers.get("HOST", "").lower())[0].strip("[]")
    return host in settings.ADMIN_HOSTS and settings.SESSION_COOKIE_NAME in parse_cookie(headers.get("COOKIE", ""))


class SecureErrorTask(ErrorTask):  # type: ignore[misc]
    """An answer that Django never sees. Whether it travels over https is not known yet; browsers ignore the header on http."""

    def execute(self) -> None:
        """Send the error with HSTS, as every answer of the portal."""
        self.response_headers.append(("Strict-Transport-Security", HSTS))
        super().execute()


class BoundedChannel(HTTPChannel):  # type: ignore[misc]
    """A connection whose requests are bounded by their headers."""

    parser_class = BoundedParser
    error_task_class = SecureErrorTask


class BufferingWorker(Worker):  # type: ignore[misc]
    """A process of gunicorn that serves with waitress: `--threads` threads, and `--worker-connections` connections."""

    def run(self) -> None:
        """Serve until gunicorn says to end; then finish what has arrived."""
        allow_files(self.cfg.worker_connections + FILES_OF_A_PROCESS)
        self.channels: dict[int, Any] = {}  # of all listeners, by file descriptor
        self.arriving: dict[int, float] = {}
        most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        server = create_server(
            self.wsgi,
            map=self.channels,
            sockets=[getattr(listener, "sock", listener) for listener in self.sockets],
            threads=self.cfg.threads,
            connection_limit=self.cfg.worker_connections,
            channel_timeout=IDLE_SECONDS,
            cleanup_interval=5,
            max_request_header_size=MOST_HEADER_BYTES,
            max_request_body_size=most,
            inbuf_overflow=most + 1,  # never on disk
            clear_untrusted_proxy_headers=False,  # onboarding.middleware decides which proxies it trusts
            ident=None,
            asyncore_use_poll=True,
            log_socket_errors=False,
        )
        for listener in self.listeners():
            listener.channel_class = BoundedChannel
        while self.alive:
            self.tick()
            self.close_late_ones()
        self.finish()
        server.task_dispatcher.shutdown(timeout=1)

    def listeners(self) -> list[Any]:
        """What accepts connections, one for each address."""
        return [channel for channel in self.channels.values() if isinstance(channel, BaseWSGIServer)]

    def tick(self) -> None:
        """Tell gunicorn that this process lives, and handle what the connections have to say."""
        self.notify()
        wasyncore.loop(timeout=TICK, use_poll=True, map=self.channels, count=1)

    def close_late_ones(self) -> None:
        """Close connections whose request takes too long to arrive, a byte at a time for example."""
        now = time.monotonic()
        arriving = {number for number, channel in self.channels.items() if getattr(channel, "request", None)}
        self.arriving = {number: self.arriving.get(number, now) for number in arriving}
        for number, since in self.arriving.items():
            if now - since > WHOLE_REQUEST_SECONDS:
                self.channels[number].will_close = True

    def finish(self) -> None:
        """Accept no more, and answer the requests that have arrived, within gunicorn's graceful timeout."""
        for listener in self.listeners():
            listener.accepting = False
            listener.del_channel()
            listener.socket.close()
        end = time.monotonic() + self.cfg.graceful_timeout
        while time.monotonic() < end and any(is_busy(channel) for channel in self.channels.values()):
            self.tick()


def is_busy(channel: Any) -> bool:
    """Whether a request of this connection is being answered, or its answer is being sent."""
    return bool(getattr(channel, "requests", None) or getattr(channel, "total_outbufs_len", 0))


def allow_files(number: int) -> None:
    """Raise the soft limit of open files as far as the hard one allows: each connection is one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = number if hard == resource.RLIM_INFINITY else min(number, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
