"""How a UMP validates its settings: it requests a token from Entra and the portal's URL."""

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
    """Why Entra issues no app-only token for these values, or None if it does."""
    if not client_id or not secret:
        return "No client id and client secret are held."
    return _request_token(
        endpoint, tenant_id, client_id, secret, {"grant_type": "client_credentials", "scope": GRAPH_SCOPE}
    )


def refresh_problem(
    endpoint: TokenEndpoint, tenant_id: str, client_id: str | None, secret: str | None, refresh_token: str
) -> str | None:
    """Why Entra does not renew this delegated token, or None if it does."""
    if not client_id or not secret:
        return "No sync app is held, and a delegated token is renewed in its name."
    form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
    return _request_token(endpoint, tenant_id, client_id, secret, form)


def _request_token(
    endpoint: TokenEndpoint, tenant_id: str, client_id: str, secret: str, form: dict[str, str]
) -> str | None:
    world = endpoint.issuer.world
    with world.lock:
        try:
            endpoint.grant(tenant_id, client_id, secret, form)
        except EntraError as error:
            return error.description(world.clock)
    return None


def days_until_expiry(endpoint: TokenEndpoint, connection: UmpConnection) -> int | None:
    """The days until the secret that the UMP holds expires, or None if there is no such secret.

    The sandbox reads the date from its own Entra.
    """
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
    """Why the portal's URL cannot be reached, or None if it answers 200."""
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
    return None if status == 200 else f"{url} answered {status} instead of 200."


def _connection(scheme: str, host: str, port: int | None, ca_bundle: Path) -> http.client.HTTPConnection:
    # Names below localhost are this machine (RFC 6761), even if the resolver does not know them.
    local = host == "localhost" or host.endswith(".localhost")
    target = "127.0.0.1" if local else host
    if scheme == "http":
        return http.client.HTTPConnection(target, port or 80, timeout=TIMEOUT_SECONDS)
    context = ssl.create_default_context()
    context.load_verify_locations(ca_bundle)
    # The connection goes to an IP address, so the name in the certificate cannot be checked.
    context.check_hostname = not local
    return http.client.HTTPSConnection(target, port or 443, timeout=TIMEOUT_SECONDS, context=context)
