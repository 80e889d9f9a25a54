"""The properties of Graph's types and their valid values. Anything else is rejected, as Graph does.

https://learn.microsoft.com/graph/api/resources/application
https://learn.microsoft.com/graph/api/resources/serviceprincipal
"""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.model import JsonObject


@dataclass(frozen=True)
class Property:
    """One property: its type, its limits, and whether it is writable."""

    kind: str
    limit: int | None = None
    choices: tuple[str, ...] = ()
    of: str = ""
    read_only: bool = False


def text(limit: int | None = None, *choices: str) -> Property:
    return Property("text", limit, choices)


def thing(of: str) -> Property:
    return Property("object", of=of)


def things(of: str) -> Property:
    return Property("objects", of=of)


TEXT, FLAG, GUID, INSTANT = text(), Property("flag"), Property("guid"), Property("instant")
TEXTS, GUIDS, NUMBER = Property("texts"), Property("guids"), Property("number")
READ_ONLY = Property("any", read_only=True)

AUDIENCES = ("AzureADMyOrg", "AzureADMultipleOrgs", "AzureADandPersonalMicrosoftAccount", "PersonalMicrosoftAccount")

TYPES: dict[str, dict[str, Property]] = {
    "application": {
        "id": READ_ONLY,
        "appId": READ_ONLY,
        "applicationTemplateId": READ_ONLY,
        "certification": READ_ONLY,
        "createdByAppId": READ_ONLY,
        "createdDateTime": READ_ONLY,
        "deletedDateTime": READ_ONLY,
        "disabledByMicrosoftStatus": READ_ONLY,
        "publisherDomain": READ_ONLY,
        "verifiedPublisher": READ_ONLY,
        "api": thing("apiApplication"),
        "appRoles": things("appRole"),
        "defaultRedirectUri": TEXT,
        "description": text(1024),
        "displayName": text(120),
        "groupMembershipClaims": text(None, "None", "SecurityGroup", "DirectoryRole", "ApplicationGroup", "All"),
        "identifierUris": TEXTS,
        "info": thing("informationalUrl"),
        "isDeviceOnlyAuthSupported": FLAG,
        "isDisabled": FLAG,
        "isFallbackPublicClient": FLAG,
        "keyCredentials": things("keyCredential"),
        "notes": text(1024),
        "oauth2RequirePostResponse": FLAG,
        "optionalClaims": thing("optionalClaims"),
        "passwordCredentials": things("passwordCredential"),
        "publicClient": thing("publicClientApplication"),
        "requiredResourceAccess": things("requiredResourceAccess"),
        "samlMetadataUrl": TEXT,
        "serviceManagementReference": TEXT,
        "servicePrincipalLockConfiguration": thing("servicePrincipalLockConfiguration"),
        "signInAudience": text(None, *AUDIENCES),
        "spa": thing("spaApplication"),
        "tags": TEXTS,
        "tokenEncryptionKeyId": GUID,
        "uniqueName": text(256),
        "web": thing("webApplication"),
    },
    "servicePrincipal": {
        "id": READ_ONLY,
        "appDescription": READ_ONLY,
        "appDisplayName": READ_ONLY,
        "appOwnerOrganizationId": READ_ONLY,
        "applicationTemplateId": READ_ONLY,
        "createdByAppId": READ_ONLY,
        "deletedDateTime": READ_ONLY,
        "disabledByMicrosoftStatus": READ_ONLY,
        "signInAudience": READ_ONLY,
        "verifiedPublisher": READ_ONLY,
        "appRoles": READ_ONLY,
        "oauth2PermissionScopes": READ_ONLY,
        "servicePrincipalType": READ_ONLY,
        "appId": GUID,
        "accountEnabled": FLAG,
        "alternativeNames": TEXTS,
        "appRoleAssignmentRequired": FLAG,
        "description": text(1024),
        "displayName": text(256),
        "homepage": TEXT,
        "info": thing("informationalUrl"),
        "keyCredentials": things("keyCredential"),
        "loginUrl": TEXT,
        "logoutUrl": TEXT,
        "notes": text(1024),
        "notificationEmailAddresses": TEXTS,
        "passwordCredentials": things("passwordCredential"),
        "preferredSingleSignOnMode": TEXT,
        "replyUrls": TEXTS,
        "servicePrincipalNames": TEXTS,
        "tags": TEXTS,
        "tokenEncryptionKeyId": GUID,
    },
    "webApplication": {
        "homePageUrl": TEXT,
        "implicitGrantSettings": thing("implicitGrantSettings"),
        "logoutUrl": text(255),
        "redirectUriSettings": things("redirectUriSettings"),
        "redirectUris": TEXTS,
    },
    "implicitGrantSettings": {"enableAccessTokenIssuance": FLAG, "enableIdTokenIssuance": FLAG},
    "redirectUriSettings": {"index": NUMBER, "uri": TEXT},
    "spaApplication": {"redirectUris": TEXTS},
    "publicClientApplication": {"redirectUris": TEXTS},
    "requiredResourceAccess": {"resourceAccess": things("resourceAccess"), "resourceAppId": GUID},
    "resourceAccess": {"id": GUID, "type": text(None, "Scope", "Role")},
    "apiApplication": {
        "acceptMappedClaims": FLAG,
        "knownClientApplications": GUIDS,
        "oauth2PermissionScopes": things("permissionScope"),
        "preAuthorizedApplications": Property("any"),
        "requestedAccessTokenVersion": NUMBER,
    },
    "permissionScope": {
        "adminConsentDescription": TEXT,
        "adminConsentDisplayName": TEXT,
        "id": GUID,
        "isEnabled": FLAG,
        "origin": READ_ONLY,
        "type": text(None, "User", "Admin"),
        "userConsentDescription": TEXT,
        "userConsentDisplayName": TEXT,
        "value": TEXT,
    },
    "appRole": {
        "allowedMemberTypes": TEXTS,
        "description": TEXT,
        "displayName": TEXT,
        "id": GUID,
        "isEnabled": FLAG,
        "origin": READ_ONLY,
        "value": TEXT,
    },
    "optionalClaims": {
        "accessToken": things("optionalClaim"),
        "idToken": things("optionalClaim"),
        "saml2Token": things("optionalClaim"),
    },
    "optionalClaim": {"additionalProperties": TEXTS, "essential": FLAG, "name": TEXT, "source": TEXT},
    "informationalUrl": {
        "logoUrl": READ_ONLY,
        "marketingUrl": TEXT,
        "privacyStatementUrl": TEXT,
        "supportUrl": TEXT,
        "termsOfServiceUrl": TEXT,
    },
    "keyCredential": {
        "customKeyIdentifier": TEXT,
        "displayName": TEXT,
        "endDateTime": INSTANT,
        "key": TEXT,
        "keyId": GUID,
        "startDateTime": INSTANT,
        "type": TEXT,
        "usage": text(None, "Verify", "Sign"),
    },
    "passwordCredential": {
        "customKeyIdentifier": TEXT,
        "displayName": text(120),
        "endDateTime": INSTANT,
        "hint": READ_ONLY,
        "keyId": READ_ONLY,
        "secretText": READ_ONLY,
        "startDateTime": INSTANT,
    },
    "servicePrincipalLockConfiguration": {
        "allProperties": FLAG,
        "credentialsWithUsageSign": FLAG,
        "credentialsWithUsageVerify": FLAG,
        "isEnabled": FLAG,
        "tokenEncryptionKeyId": FLAG,
    },
    "appRoleAssignment": {
        "id": READ_ONLY,
        "createdDateTime": READ_ONLY,
        "deletedDateTime": READ_ONLY,
        "principalDisplayName": READ_ONLY,
        "principalType": READ_ONLY,
        "resourceDisplayName": READ_ONLY,
        "appRoleId": GUID,
        "principalId": GUID,
        "resourceId": GUID,
    },
    "oAuth2PermissionGrant": {
        "id": READ_ONLY,
        "clientId": GUID,
        "consentType": text(None, "AllPrincipals", "Principal"),
        "principalId": GUID,
        "resourceId": GUID,
        "scope": text(3850),
    },
    "unifiedRoleAssignment": {
        "id": READ_ONLY,
        "principalOrganizationId": READ_ONLY,
        "appScopeId": TEXT,
        "condition": TEXT,
        "directoryScopeId": TEXT,
        "principalId": GUID,
        "roleDefinitionId": GUID,
    },
    "directoryRole": {
        "id": READ_ONLY,
        "deletedDateTime": READ_ONLY,
        "description": READ_ONLY,
        "displayName": READ_ONLY,
        "roleTemplateId": GUID,
    },
    "unifiedRoleDefinition": dict.fromkeys(
        ("id", "description", "displayName", "isBuiltIn", "isEnabled", "templateId"), READ_ONLY
    ),
    "organization": dict.fromkeys(
        (
            "id",
            "countryLetterCode",
            "createdDateTime",
            "deletedDateTime",
            "displayName",
            "tenantType",
            "verifiedDomains",
        ),
        READ_ONLY,
    ),
    "tenantAppManagementPolicy": dict.fromkeys(
        (
            "id",
            "applicationRestrictions",
            "deletedDateTime",
            "description",
            "displayName",
            "isEnabled",
            "servicePrincipalRestrictions",
        ),
        READ_ONLY,
    ),
}


def merge(type_name: str, before: JsonObject, values: JsonObject) -> None:
    """Carry out a PATCH: a complex property changes in what the call names, at every depth; lists are replaced whole."""
    for name, value in values.items():
        before[name] = _merged(before.get(name), value) if TYPES[type_name][name].kind == "object" else value


def _merged(before: object, after: object) -> object:
    if not isinstance(before, dict) or not isinstance(after, dict):
        return after
    return {**before, **{name: _merged(before.get(name), value) for name, value in after.items()}}
