"""The JSON of each of Graph's types, with Graph's defaults."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from sandbox import directory
from sandbox.catalogue import DIRECTORY_ROLES, MICROSOFT_TENANT_ID, Resource
from sandbox.clock import as_text
from sandbox.directory import live_application, seeded_id
from sandbox.graph import defaults
from sandbox.model import (
    Application,
    AppRoleAssignment,
    JsonObject,
    Password,
    PermissionGrant,
    RoleAssignment,
    ServicePrincipal,
    Tenant,
    User,
)
from sandbox.world import World


def application(
    app: Application, tenant: Tenant, *, with_keys: bool = False, passwords: list[Password] | None = None
) -> JsonObject:
    """An application, without secret values; with certificate keys only if requested.

    `passwords` are those that the replica knows; all where none are given.
    """
    own = app.properties
    keys = [key if with_keys else {**key, "key": None} for key in own.get("keyCredentials") or []]
    return {
        "id": app.id,
        "deletedDateTime": app.deleted,
        "appId": app.app_id,
        "applicationTemplateId": None,
        "createdByAppId": app.created_by_app_id,
        "createdDateTime": app.created,
        "disabledByMicrosoftStatus": None,
        "publisherDomain": tenant.domain,
        "verifiedPublisher": {"displayName": None, "verifiedPublisherId": None, "addedDateTime": None},
        **defaults.APPLICATION_DEFAULTS,
        **own,
        "appRoles": _reordered(own.get("appRoles") or []),
        "requiredResourceAccess": _reordered(own.get("requiredResourceAccess") or []),
        "api": {**defaults.EMPTY_API, **(own.get("api") or {})},
        "info": {**defaults.EMPTY_INFO, **(own.get("info") or {})},
        "web": _web(own.get("web") or {}),
        "parentalControlSettings": {**defaults.NO_PARENTAL_CONTROL, **(own.get("parentalControlSettings") or {})},
        "spa": _platform(own.get("spa") or {}),
        "publicClient": _platform(own.get("publicClient") or {}),
        "keyCredentials": keys,
        "passwordCredentials": [password(p) for p in (app.passwords if passwords is None else passwords)],
    }


def _reordered(items: list[Any]) -> list[Any]:
    """Some lists come back from Graph in an order of its own, always the same one, and not the one that was sent."""
    return sorted(items, key=lambda item: hashlib.sha256(json.dumps(item, sort_keys=True).encode()).digest())


def _platform(own: JsonObject) -> JsonObject:
    return {**own, "redirectUris": _reordered(own.get("redirectUris") or [])}


def _web(own: JsonObject) -> JsonObject:
    uris = _reordered(own.get("redirectUris") or [])
    implicit = {"enableAccessTokenIssuance": False, "enableIdTokenIssuance": False}
    return {
        "homePageUrl": None,
        "logoutUrl": None,
        **own,
        "redirectUris": uris,
        "implicitGrantSettings": {**implicit, **(own.get("implicitGrantSettings") or {})},
        "redirectUriSettings": [{"uri": uri, "index": None} for uri in uris],
    }


def password(credential: Password) -> JsonObject:
    return {
        "customKeyIdentifier": None,
        "displayName": credential.display_name,
        "endDateTime": credential.end,
        "hint": credential.hint,
        "keyId": credential.key_id,
        "secretText": None,
        "startDateTime": credential.start,
    }


def service_principal(world: World, principal: ServicePrincipal) -> JsonObject:
    app = live_application(world.state, principal.app_id)
    api = directory.resource(world.state, principal.app_id)
    own = principal.properties
    name = directory.display_name_of(world.state, principal.app_id)
    names = list(app.properties.get("identifierUris") or []) if app else []
    return {
        "id": principal.id,
        "deletedDateTime": principal.deleted,
        "accountEnabled": True,
        "alternativeNames": [],
        "appDescription": None,
        "appDisplayName": name,
        "appId": principal.app_id,
        "appOwnerOrganizationId": app.tenant_id if app else MICROSOFT_TENANT_ID,
        "appRoleAssignmentRequired": False,
        "applicationTemplateId": None,
        "createdByAppId": None,
        "description": None,
        "disabledByMicrosoftStatus": None,
        "displayName": name,
        "homepage": None,
        **defaults.SERVICE_PRINCIPAL_DEFAULTS,
        "replyUrls": _reordered(app.redirect_uris) if app else [],
        "servicePrincipalType": "Application",
        "signInAudience": app.properties.get("signInAudience") if app else "AzureADMultipleOrgs",
        "tags": [],
        "tokenEncryptionKeyId": None,
        "verifiedPublisher": {"displayName": None, "verifiedPublisherId": None, "addedDateTime": None},
        **own,
        "info": {**defaults.EMPTY_INFO, **(own.get("info") or {})},
        "isDisabled": app.properties.get("isDisabled") if app else None,
        "servicePrincipalNames": [principal.app_id, *names],
        "appRoles": _roles(api),
        "oauth2PermissionScopes": _scopes(api),
    }


def _roles(api: Resource | None) -> list[JsonObject]:
    return [
        {
            "allowedMemberTypes": ["Application"],
            "description": p.description or p.value,
            "displayName": p.description or p.value,
            "id": p.role_id,
            "isEnabled": True,
            "origin": "Application",
            "value": p.value,
        }
        for p in (api.permissions if api else ())
        if p.role_id
    ]


def _scopes(api: Resource | None) -> list[JsonObject]:
    return [
        {
            "adminConsentDescription": p.description or p.value,
            "adminConsentDisplayName": p.description or p.value,
            "id": p.scope_id,
            "isEnabled": True,
            "type": "Admin" if p.admin_only else "User",
            "userConsentDescription": p.description or p.value,
            "userConsentDisplayName": p.description or p.value,
            "value": p.value,
        }
        for p in (api.permissions if api else ())
        if p.scope_id
    ]


def app_role_assignment(world: World, tenant: Tenant, assignment: AppRoleAssignment) -> JsonObject:
    def name(principal_id: str) -> str | None:
        principal = tenant.service_principals.get(principal_id)
        return directory.display_name_of(world.state, principal.app_id) if principal else None

    return {
        "id": assignment.id,
        "deletedDateTime": None,
        "appRoleId": assignment.app_role_id,
        "createdDateTime": assignment.created,
        "principalDisplayName": name(assignment.principal_id),
        "principalId": assignment.principal_id,
        "principalType": "ServicePrincipal",
        "resourceDisplayName": name(assignment.resource_id),
        "resourceId": assignment.resource_id,
    }


def permission_grant(grant: PermissionGrant) -> JsonObject:
    return {
        "clientId": grant.client_id,
        "consentType": grant.consent_type,
        "id": grant.id,
        "principalId": grant.principal_id,
        "resourceId": grant.resource_id,
        "scope": grant.scope,
    }


def role_assignment(tenant: Tenant, assignment: RoleAssignment) -> JsonObject:
    return {
        "id": assignment.id,
        "principalId": assignment.principal_id,
        "principalOrganizationId": tenant.id,
        "directoryScopeId": assignment.scope,
        "roleDefinitionId": assignment.role_id,
    }


def role_definition(role_id: str) -> JsonObject:
    return {
        "id": role_id,
        "description": DIRECTORY_ROLES[role_id],
        "displayName": DIRECTORY_ROLES[role_id],
        "isBuiltIn": True,
        "isEnabled": True,
        "resourceScopes": ["/"],
        "rolePermissions": [],
        "templateId": role_id,
        "version": "1",
    }


def directory_role(tenant: Tenant, role_id: str) -> JsonObject:
    return {
        "id": seeded_id(tenant.id, "directoryRole", role_id),
        "deletedDateTime": None,
        "description": DIRECTORY_ROLES[role_id],
        "displayName": DIRECTORY_ROLES[role_id],
        "roleTemplateId": role_id,
    }


def user(person: User) -> JsonObject:
    return {
        "businessPhones": [],
        "displayName": person.display_name,
        "givenName": person.display_name,
        "id": person.id,
        "jobTitle": None,
        "mail": None if person.is_guest else person.upn,
        "mobilePhone": None,
        "officeLocation": None,
        "preferredLanguage": None,
        "surname": None,
        "userPrincipalName": person.upn,
    }


def organization(tenant: Tenant) -> JsonObject:
    return {
        **defaults.ORGANIZATION_DEFAULTS,
        "id": tenant.id,
        "deletedDateTime": None,
        "countryLetterCode": "DE",
        "createdDateTime": as_text(1_500_000_000),
        "displayName": tenant.name,
        "tenantType": "AAD",
        "verifiedDomains": [
            {
                "capabilities": "Email, OfficeCommunicationsOnline",
                "isDefault": True,
                "isInitial": True,
                "name": tenant.domain,
                "type": "Managed",
            }
        ],
    }


# https://learn.microsoft.com/graph/api/resources/appmanagementpolicyactorexemptions
EXCLUDED: JsonObject = {
    "customSecurityAttributes": [
        {
            "@odata.type": "#microsoft.graph.customSecurityAttributeStringValueExemption",
            "id": "PolicyExemptions_AppManagement",
            "operator": "equals",
            "value": "Exempt",
        }
    ]
}


def app_management_policy(tenant: Tenant) -> JsonObject:
    """https://learn.microsoft.com/graph/api/resources/tenantappmanagementpolicy"""
    rules: list[JsonObject] = []
    policy = tenant.secret_policy
    if policy.secrets_forbidden:
        forbidden = _rule("passwordAddition", None, policy.created_after)
        rules.append({**forbidden, "excludeActors": EXCLUDED if policy.excluded_users else None})
    if policy.max_lifetime_days is not None:
        rules.append(_rule("passwordLifetime", f"P{policy.max_lifetime_days}D", policy.created_after))
    restrictions = {"passwordCredentials": rules, "keyCredentials": []}
    return {
        "id": "00000000-0000-0000-0000-000000000000",
        "deletedDateTime": None,
        "displayName": "Default app management tenant policy",
        "description": "Default tenant policy that enforces app management restrictions on applications and service"
        " principals.",
        "isEnabled": bool(rules),
        "applicationRestrictions": restrictions,
        "servicePrincipalRestrictions": {"passwordCredentials": [], "keyCredentials": []},
    }


def _rule(kind: str, lifetime: str | None, created_after: str) -> JsonObject:
    return {
        "restrictionType": kind,
        "state": "enabled",
        "maxLifetime": lifetime,
        "restrictForAppsCreatedAfterDateTime": created_after,
        "excludeActors": None,
    }
