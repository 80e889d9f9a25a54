"""The token endpoint.

https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow
https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NoReturn

from werkzeug import Request

from sandbox.catalogue import GRAPH, OPENID_SCOPES, Resource
from sandbox.directory import consented_scopes
from sandbox.entra import clients, scopes
from sandbox.entra.errors import EntraError
from sandbox.entra.tokens import LIFETIME_SECONDS, Issuer, client_info
from sandbox.model import Application, JsonObject, RefreshToken, Tenant, User
from sandbox.world import World

REFRESH_DAYS = 90
DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"


@dataclass
class Code:
    """An authorization code and the request it was issued for."""

    client_id: str
    tenant_id: str
    user_id: str
    redirect_uri: str
    scope: str
    nonce: str | None
    challenge: str | None
    challenge_method: str
    expires_at: float
    used: bool = False


@dataclass
class TokenEndpoint:
    """Redeems codes, refresh tokens and client credentials. Codes are in memory only: a restart loses them."""

    issuer: Issuer
    codes: dict[str, Code] = field(default_factory=dict)

    def grant(self, segment: str, client_id: str, secret: str | None, form: Mapping[str, str]) -> JsonObject:
        """Answer one token request."""
        world = self.issuer.world
        grant_type = form.get("grant_type", "")
        if not grant_type:
            raise EntraError(90014, field="grant_type")
        any_tenant = segment.lower() in clients.ANY_TENANT
        tenant = None if any_tenant else clients.tenant_of(world, segment)
        application = clients.application_of(world, client_id, tenant)
        clients.check_secret(world, application, secret)
        if grant_type == "client_credentials":
            if tenant is None:
                raise EntraError(90002, tenant=segment)
            return self.client_credentials(tenant, application, form.get("scope", ""))
        if grant_type == "authorization_code":
            return self._code(tenant, application, form)
        if grant_type == "refresh_token":
            return self._refresh(tenant, application, form)
        raise EntraError(70003, grant_type=grant_type)

    def client_credentials(self, tenant: Tenant, application: Application, scope: str) -> JsonObject:
        world = self.issuer.world
        words = scope.split()
        if len(words) != 1 or not words[0].endswith("/.default"):
            raise EntraError(70011, scope=scope or "(none)")
        principal = clients.principal_of(world, application, tenant)
        audience = words[0].removesuffix("/.default")
        resource = scopes.resource_of(world, audience)
        if resource is None or tenant.service_principal_of(resource.app_id) is None:
            raise EntraError(500011, resource=audience, tenant=tenant.name)
        return {
            "token_type": "Bearer",
            "expires_in": LIFETIME_SECONDS - 1,
            "ext_expires_in": LIFETIME_SECONDS - 1,
            "access_token": self.issuer.app_token(tenant, principal, resource),
        }

    def _code(self, tenant: Tenant | None, application: Application, form: Mapping[str, str]) -> JsonObject:
        code = self.codes.get(form.get("code", ""))
        if code is None or code.client_id != application.app_id:
            raise EntraError(70000, parameter="code")
        if code.used:
            raise EntraError(54005)
        if code.expires_at < self.issuer.world.clock.now():
            raise EntraError(70008)
        if tenant is not None and tenant.id != code.tenant_id:
            raise EntraError(700005)
        if code.redirect_uri != form.get("redirect_uri", ""):
            raise EntraError(50011, redirect_uri=form.get("redirect_uri", ""), app_id=application.app_id)
        _check_verifier(code, form.get("code_verifier", ""))
        home = self.issuer.world.state.tenants[code.tenant_id]
        # Only a code that brought a token is used up: after a refusal, the same code may be redeemed again.
        raise_simulated_error(home.users[code.user_id], application, "token")
        answer = self._person(
            home,
            home.users[code.user_id],
            application,
            form.get("scope") or code.scope,
            code.nonce,
            form.get("client_info") == "1",
        )
        code.used = True
        return answer

    def _refresh(self, tenant: Tenant | None, application: Application, form: Mapping[str, str]) -> JsonObject:
        world = self.issuer.world
        known = world.state.refresh_tokens.get(form.get("refresh_token", ""))
        if known is None or known.client_id != application.app_id:
            raise EntraError(70000, parameter="refresh_token")
        if known.expires_at < world.clock.now():
            raise EntraError(70008)
        home = world.state.tenants[known.tenant_id]
        if tenant is not None and tenant.id != home.id:
            raise EntraError(700005)
        user = home.users.get(known.user_id)
        if user is None or not user.enabled:
            raise EntraError(50057)
        scope = form.get("scope") or " ".join(known.scopes)
        return self._person(home, user, application, scope, None, form.get("client_info") == "1")

    def _person(
        self, tenant: Tenant, user: User, application: Application, scope: str, nonce: str | None, wants_info: bool
    ) -> JsonObject:
        clients.check_enabled(application, tenant)
        request = scopes.parse(self.issuer.world, application, scope)
        if len(request.asked) > 1:
            raise EntraError(28000, scope=scope)
        resource = request.asked[0].resource if request.asked else GRAPH
        granted = self._granted(tenant, user, application, resource, request)
        answer: JsonObject = {
            "token_type": "Bearer",
            "scope": _scope_text(resource, granted, request.openid),
            "expires_in": LIFETIME_SECONDS - 1,
            "ext_expires_in": LIFETIME_SECONDS - 1,
            "access_token": self.issuer.user_token(tenant, user, application, resource, granted),
        }
        if "offline_access" in request.openid:
            answer["refresh_token"] = self._new_refresh_token(tenant, user, application, scope)
        if "openid" in request.openid:
            answer["id_token"] = self.issuer.id_token(tenant, user, application, nonce, request.openid)
        if wants_info:
            answer["client_info"] = client_info(tenant, user)
        return answer

    def implicit(self, tenant: Tenant, user: User, application: Application, scope: str) -> dict[str, str]:
        """An access token for the browser, if the registration allows it: the same as a code brings, without a refresh token."""
        words = " ".join(word for word in scope.split() if word not in ("offline_access", "openid"))
        found = self._person(tenant, user, application, words, None, False)
        return {name: str(found[name]) for name in ("access_token", "token_type", "expires_in", "scope")}

    def _granted(
        self, tenant: Tenant, user: User, application: Application, resource: Resource, request: scopes.ScopeRequest
    ) -> list[str]:
        """All consented scopes of the resource, as Entra issues them. Raises EntraError if a requested one is missing."""
        consented = consented_scopes(tenant, application.app_id, resource.app_id, user.id)
        wanted = [] if not request.asked else [s for s in request.asked[0].values if s != scopes.DEFAULT]
        if set(wanted) - set(consented) or (request.asked and not consented):
            raise EntraError(65001, app_id=application.app_id, name=application.display_name)
        # offline_access leads to a refresh token and is never in the access token.
        return [scope for scope in consented if scope != "offline_access"]

    def _new_refresh_token(self, tenant: Tenant, user: User, application: Application, scope: str) -> str:
        token = f"0.{secrets.token_urlsafe(48)}"
        expires_at = self.issuer.world.clock.now() + REFRESH_DAYS * 86400
        self.issuer.world.state.refresh_tokens[token] = RefreshToken(
            token, application.app_id, tenant.id, user.id, scope.split(), expires_at
        )
        return token


def refuse_device_code(world: World, segment: str, request: Request) -> NoReturn:
    """Refuse a device code: this sandbox does not play that flow, here or at the token endpoint. Raises EntraError.

    What Entra checks first is checked first. https://learn.microsoft.com/entra/identity-platform/v2-oauth2-device-code
    """
    tenant = None if segment.lower() in clients.ANY_TENANT else clients.tenant_of(world, segment)
    client_id, _ = clients.credentials(request)
    application = clients.application_of(world, client_id, tenant)
    if not request.form.get("scope"):
        raise EntraError(90014, field="scope")
    scopes.parse(world, application, request.form["scope"])
    raise EntraError(70003, grant_type=DEVICE_CODE)


def raise_simulated_error(user: User, application: Application, where: str) -> None:
    """Raise the error that a test configured for this user, such as a Conditional Access policy."""
    if user.refused_with and user.refused_where == where:
        raise EntraError(user.refused_with, app_id=application.app_id, name=application.display_name)


def _scope_text(resource: Resource, granted: list[str], openid: list[str]) -> str:
    names = [s if s in OPENID_SCOPES else f"{resource.audiences[0]}/{s}" for s in granted]
    return " ".join(names + [s for s in openid if s not in granted and s != "offline_access"])


def _check_verifier(code: Code, verifier: str) -> None:
    if code.challenge is None:
        return
    made = verifier
    if code.challenge_method == "S256":
        made = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    if not secrets.compare_digest(made, code.challenge):
        raise EntraError(501481)
