"""What Graph answers for properties that were never set."""

from __future__ import annotations

from sandbox.model import JsonObject

APPLICATION_DEFAULTS: JsonObject = {
    "addIns": [],
    "authenticationBehaviors": None,
    "certification": None,
    "defaultRedirectUri": None,
    "isDeviceOnlyAuthSupported": None,
    "isDisabled": None,
    "isFallbackPublicClient": None,
    "managerApplications": [],
    "nativeAuthenticationApisEnabled": None,
    "oauth2RequirePostResponse": False,
    "optionalClaims": None,
    "requestSignatureVerification": None,
    "samlMetadataUrl": None,
    "servicePrincipalLockConfiguration": None,
    "tokenEncryptionKeyId": None,
    "description": None,
    "groupMembershipClaims": None,
    "notes": None,
    "serviceManagementReference": None,
    "uniqueName": None,
    "identifierUris": [],
    "tags": [],
    "appRoles": [],
    "requiredResourceAccess": [],
}
EMPTY_API: JsonObject = {
    "acceptMappedClaims": None,
    "knownClientApplications": [],
    "requestedAccessTokenVersion": None,
    "oauth2PermissionScopes": [],
    "preAuthorizedApplications": [],
}
EMPTY_INFO: JsonObject = {
    "logoUrl": None,
    "marketingUrl": None,
    "privacyStatementUrl": None,
    "supportUrl": None,
    "termsOfServiceUrl": None,
}
SERVICE_PRINCIPAL_DEFAULTS: JsonObject = {
    "addIns": [],
    "customSecurityAttributes": None,
    "keyCredentials": [],
    "loginUrl": None,
    "logoutUrl": None,
    "notes": None,
    "notificationEmailAddresses": [],
    "passwordCredentials": [],
    "preferredSingleSignOnMode": None,
    "preferredTokenSigningKeyThumbprint": None,
    "resourceSpecificApplicationPermissions": [],
    "samlSingleSignOnSettings": None,
}


NO_PARENTAL_CONTROL: JsonObject = {"countriesBlockedForMinors": [], "legalAgeGroupRule": "Allow"}
# https://learn.microsoft.com/graph/api/resources/organization
ORGANIZATION_DEFAULTS: JsonObject = {
    "assignedPlans": [],
    "businessPhones": [],
    "city": None,
    "country": None,
    "defaultUsageLocation": None,
    "marketingNotificationEmails": [],
    "mobileDeviceManagementAuthority": "unknown",
    "onPremisesLastSyncDateTime": None,
    "onPremisesSyncEnabled": None,
    "partnerTenantType": None,
    "postalCode": None,
    "preferredLanguage": "en",
    "privacyProfile": None,
    "provisionedPlans": [],
    "securityComplianceNotificationMails": [],
    "securityComplianceNotificationPhones": [],
    "state": None,
    "street": None,
    "technicalNotificationMails": [],
}
