"""Identifies the client application and checks its secret."""

from __future__ import annotations

import base64
import binascii
import hmac
from urllib.parse import unquote_plus

from werkzeug import Request

from sandbox.clock import as_seconds
from sandbox.directory import live_application
from sandbox.entra.errors import EntraError
from sandbox.model import Application, Password, ServicePrincipal, Tenant
from sandbox.world import World

ANY_TENANT = ("organizations", "common")


def tenant_of(world: World, segment: str) -> Tenant:
    """The tenant with this id or domain. Raises EntraError if there is none."""
    for tenant in world.state.tenants.values():
        if segment.lower() in (tenant.id, tenant.domain.lower()):
            return tenant
    raise EntraError(90002, tenant=segment)


def application_of(world: World, app_id: str, tenant: Tenant | None) -> Application:
    """The application, if it can be used in the tenant. Tenant None means `organizations`: any tenant."""
    where = tenant.name if tenant else "organizations"
    application = live_application(world.state, app_id.lower())
    if application is None or not world.is_replicated("application", application.created_at):
        raise EntraError(700016, app_id=app_id, tenant=where)
    if tenant is not None and application.tenant_id != tenant.id and not application.is_multitenant:
        raise EntraError(700016, app_id=app_id, tenant=where)
    if tenant is None and not application.is_multitenant:
        raise EntraError(50194, app_id=app_id, name=application.display_name)
    return application


def principal_of(world: World, application: Application, tenant: Tenant) -> ServicePrincipal:
    """The application's service principal in the tenant, which an app-only token needs.

    https://learn.microsoft.com/entra/identity-platform/service-principal-less-authentication
    """
    principal = tenant.service_principal_of(application.app_id)
    if principal is None or not world.is_replicated("service_principal", principal.created_at):
        raise EntraError(7000229, app_id=application.app_id, tenant=tenant.id)
    check_enabled(application, tenant)
    return principal


def check_enabled(application: Application, tenant: Tenant) -> None:
    """Raise EntraError if the application is disabled, everywhere or in this tenant."""
    principal = tenant.service_principal_of(application.app_id)
    if application.properties.get("isDisabled") or (principal is not None and not principal.enabled):
        raise EntraError(7000112, app_id=application.app_id, name=application.display_name)


def credentials(request: Request) -> tuple[str, str | None]:
    """Client id and secret, from the body or from HTTP Basic (RFC 6749, 2.3.1)."""
    header = request.headers.get("Authorization", "")
    if header.lower().startswith("basic "):
        try:
            name, _, secret = base64.b64decode(header[6:], validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            raise EntraError(90014, field="client_id") from None
        return unquote_plus(name), unquote_plus(secret)
    client_id = request.form.get("client_id", "")
    if not client_id:
        raise EntraError(90014, field="client_id")
    return client_id, request.form.get("client_secret")


def check_secret(world: World, application: Application, secret: str | None) -> Password:
    """The password credential with this value. Raises EntraError if none is valid."""
    if not secret:
        raise EntraError(7000218)
    for password in application.passwords:
        if not hmac.compare_digest(password.secret.encode(), secret.encode()):
            continue
        if not world.is_replicated("secret", password.created_at):
            break
        if as_seconds(password.end) <= world.clock.now():
            raise EntraError(7000222, app_id=application.app_id)
        if as_seconds(password.start) > world.clock.now() + 300:
            break
        return password
    raise EntraError(7000215, app_id=application.app_id)
