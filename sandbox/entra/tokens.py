"""The claims of the tokens.

https://learn.microsoft.com/entra/identity-platform/id-token-claims-reference
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from collections.abc import Collection
from dataclasses import dataclass

from sandbox.catalogue import DEFAULT_USER_ROLE, Resource
from sandbox.directory import live_application
from sandbox.entra.keys import SigningKeys
from sandbox.model import Application, JsonObject, ServicePrincipal, Tenant, User
from sandbox.urls import Urls
from sandbox.world import World

LIFETIME_SECONDS = 3600


@dataclass
class Issuer:
    """Issues the tokens of one sandbox."""

    world: World
    keys: SigningKeys
    urls: Urls

    def issuer_of(self, tenant_id: str) -> str:
        return f"{self.urls.entra}/{tenant_id}/v2.0"

    def id_token(
        self,
        tenant: Tenant,
        user: User,
        application: Application,
        nonce: str | None,
        openid: Collection[str],
        *,
        code: str | None = None,
        access_token: str | None = None,
    ) -> str:
        """An id_token with the claims that the OpenID scopes ask for.

        `code` and `access_token` are what comes back beside it from the authorization endpoint: it has their hashes, so that
        neither can be exchanged on the way. https://openid.net/specs/openid-connect-core-1_0.html#HybridIDToken

        https://learn.microsoft.com/entra/identity-platform/id-token-claims-reference: oid, name and preferred_username need
        `profile`, email needs `email`.
        """
        claims = {
            **self._common(tenant, application.app_id),
            "ver": "2.0",
            "sub": pairwise_subject(user, application.app_id),
            "uti": secrets.token_urlsafe(16),
        }
        if "profile" in openid:
            claims |= {"oid": user.id, "name": user.display_name, "preferred_username": user.upn}
        if "email" in openid and not user.is_guest:
            claims["email"] = user.upn
        if nonce:
            claims["nonce"] = nonce
        if user.is_guest:
            claims["idp"] = "https://sts.windows.net/guest-home-directory/"
        if code:
            claims["c_hash"] = left_half_hash(code)
        if access_token:
            claims["at_hash"] = left_half_hash(access_token)
        claims.update(self._optional(tenant, user, application))
        return self.keys.sign(claims)

    def _optional(self, tenant: Tenant, user: User, application: Application) -> JsonObject:
        """Claims that are included only if the registration requests them."""
        extra: JsonObject = {}
        if application.properties.get("groupMembershipClaims") in ("DirectoryRole", "All"):
            extra["wids"] = self.wids(tenant, user)
        wanted = (application.properties.get("optionalClaims") or {}).get("idToken") or []
        names = {claim.get("name") for claim in wanted}
        if "acct" in names:
            extra["acct"] = 1 if user.is_guest else 0
        if "login_hint" in names:
            extra["login_hint"] = f"O.{user.id}"
        return extra

    def wids(self, tenant: Tenant, user: User) -> list[str]:
        return tenant.roles_of(user.id) + ([] if user.is_guest else [DEFAULT_USER_ROLE])

    def _common(self, tenant: Tenant, audience: str) -> JsonObject:
        now = int(self.world.clock.now())
        return {
            "aud": audience,
            "iss": self.issuer_of(tenant.id),
            "tid": tenant.id,
            "iat": now,
            # Entra backdates tokens by some minutes, to allow for clock skew.
            "nbf": now - 300,
            "exp": now + LIFETIME_SECONDS,
        }

    def user_token(
        self, tenant: Tenant, user: User, application: Application, resource: Resource, scopes: list[str]
    ) -> str:
        claims = {
            **self._access(tenant, application.app_id, resource),
            "idtyp": "user",
            "oid": user.id,
            "name": user.display_name,
            "upn": user.upn,
            "scp": " ".join(scopes),
            "wids": self.wids(tenant, user),
        }
        return self.keys.sign(claims)

    def app_token(self, tenant: Tenant, principal: ServicePrincipal, resource: Resource) -> str:
        claims = {
            **self._access(tenant, principal.app_id, resource),
            "idtyp": "app",
            "oid": principal.id,
            "sub": principal.id,
            "roles": self.granted_roles(tenant, principal, resource),
            "wids": [
                a.role_id
                for a in tenant.role_assignments
                if a.principal_id == principal.id and self.world.is_replicated("consent", a.created_at)
            ],
        }
        return self.keys.sign(claims)

    def _access(self, tenant: Tenant, app_id: str, resource: Resource) -> JsonObject:
        claims = {**self._common(tenant, self._audience(resource)), "ver": "1.0", "appid": app_id, "azp": app_id}
        application = live_application(self.world.state, app_id)
        if application is not None:
            claims["app_displayname"] = application.display_name
        claims["uti"] = secrets.token_urlsafe(16)
        return claims

    def _audience(self, resource: Resource) -> str:
        application = live_application(self.world.state, resource.app_id)
        version = (application.properties.get("api") or {}).get("requestedAccessTokenVersion") if application else None
        return resource.app_id if version == 2 else resource.audiences[0]

    def granted_roles(self, tenant: Tenant, principal: ServicePrincipal, resource: Resource) -> list[str]:
        """The application permissions that have replicated to the token service."""
        target = tenant.service_principal_of(resource.app_id)
        values: list[str] = []
        for assignment in tenant.app_role_assignments:
            if assignment.principal_id != principal.id or target is None or assignment.resource_id != target.id:
                continue
            permission = resource.by_role_id(assignment.app_role_id)
            if permission and self.world.is_replicated("consent", assignment.created_at):
                values.append(permission.value)
        return values


def pairwise_subject(user: User, app_id: str) -> str:
    """The subject of a person for one application; another application gets another one."""
    return f"{user.id[:8]}-{app_id[:8]}-pairwise"


def left_half_hash(value: str) -> str:
    """`at_hash` or `c_hash`, for tokens that are signed with RS256.

    https://openid.net/specs/openid-connect-core-1_0.html#ImplicitIDToken
    """
    return base64.urlsafe_b64encode(hashlib.sha256(value.encode("ascii")).digest()[:16]).decode().rstrip("=")


def client_info(tenant: Tenant, user: User) -> str:
    """What MSAL requests with client_info=1, to distinguish accounts."""
    raw = json.dumps({"uid": user.id, "utid": tenant.id}).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
