"""How a UMP tries what it was given: a token from Entra, a visit to the portal's URL."""

from __future__ import annotations

import http.client
import ssl
from pathlib import Path
from urllib.parse import urlsplit

from sandbox.clock import as_seconds
from sandbox.directory import live_application
from sandbox.entra import clients
from sandbox.entra.errors import EntraError
from sandbox.entra.token import TokenEndpoint
from sandbox.model import UmpConnection

TIMEOUT_SECONDS = 5.0
GRAPH_SCOPE = "https://graph.microsoft.com/.default"


def token_problem(endpoint: TokenEndpoint, tenant_id: str, client_id: str | None, secret: str | None) -> str | None:
    """Why Entra gives no app-only token for these values; None where it gives one."""
    if not client_id or not secret:
        return "No client id and client secret are held."
    return _ask(endpoint, tenant_id, client_id, secret, {"grant_type": "client_credentials", "scope": GRAPH_SCOPE})


def refresh_problem(
    endpoint: TokenEndpoint, tenant_id: str, client_id: str | None, secret: str | None, refresh_token: str
) -> str | None:
    """Why Entra does not renew this delegated token; None where it does."""
    if not client_id or not secret:
        return "No sync app is held, and a delegated token is renewed in its name."
    form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
    return _ask(endpoint, tenant_id, client_id, secret, form)


def _ask(endpoint: TokenEndpoint, tenant_id: str, client_id: str, secret: str, form: dict[str, str]) -> str | None:
    world = endpoint.issuer.world
    with world.lock:
        try:
            endpoint.grant(tenant_id, client_id, secret, form)
        except EntraError as error:
            return error.description(world.clock)
    return None


def days_until_expiry(endpoint: TokenEndpoint, connection: UmpConnection) -> int | None:
    """How long the secret that the UMP holds lives on; the sandbox knows, a real UMP is told in its own way."""
    world = endpoint.issuer.world
    application = live_application(world.state, connection.client_id or "")
    if application is None or not connection.client_secret:
        return None
    try:
        password = clients.check_secret(world, application, connection.client_secret)
    except EntraError:
        return None
    return int((as_seconds(password.end) - world.clock.now()) // 86400)


def portal_problem(url: str | None, ca_bundle: Path) -> str | None:
    """Why the portal's URL cannot be reached; None where it answers 200."""
    if not url:
        return "No Customer Authentication Portal URL is held."
    parts = urlsplit(url)
    host = parts.hostname or ""
    try:
        port = parts.port
        connection = _connection(parts.scheme, host, port, ca_bundle)
        try:
            connection.request("GET", parts.path, headers={"Host": parts.netloc, "User-Agent": "UMP-365 sandbox"})
            status = connection.getresponse().status
        finally:
            connection.close()
    except (OSError, ValueError, http.client.HTTPException) as problem:
        return f"{url} cannot be reached: {problem or type(problem).__name__}"
    return None if status == 200 else f"{url} answered {status} where 200 is expected."


def _connection(scheme: str, host: str, port: int | None, ca_bundle: Path) -> http.client.HTTPConnection:
    # Names below localhost are this machine (RFC 6761), whether or not the resolver knows.
    local = host == "localhost" or host.endswith(".localhost")
    target = "127.0.0.1" if local else host
    if scheme == "http":
        return http.client.HTTPConnection(target, port or 80, timeout=TIMEOUT_SECONDS)
    context = ssl.create_default_context()
    context.load_verify_locations(ca_bundle)
    # The connection goes to an address here, so the certificate cannot be asked for the name.
    context.check_hostname = not local
    return http.client.HTTPSConnection(target, port or 443, timeout=TIMEOUT_SECONDS, context=context)
