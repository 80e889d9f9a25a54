"""The calls to Graph that the portal and a customer's administrator make, as data."""

from dataclasses import dataclass, field
from typing import Any

from tests.sandbox.actors import CALLBACK, GRAPH_ID, SYNC_APP, TEAMS_ID

TEAMS_ADMINISTRATOR = "69091246-20e8-4a56-aa4d-066075b2a7a8"
USER_ADMINISTRATOR = "fe930be7-5e62-47db-91af-98c3a49a38b1"  # nobody in the seed has it
ORGANIZATION_READ_ALL = "498476ce-e0fe-48b0-b801-37ba7e2685c6"
UPSERT = {"Prefer": "create-if-missing"}
ASSIGNMENTS = "/servicePrincipals/{servicePrincipal-id}/appRoleAssignments"
DIRECTORY_ROLES = "/roleManagement/directory/roleAssignments"


@dataclass(frozen=True)
class Row:
    """One call. `documented` is the path as Graph documents it, `path` the path to call, `status` the expected status.

    `keep` maps a name to a property of the answer. Later rows may use `{name}` in their path and body.
    """

    who: str
    method: str
    documented: str
    path: str
    status: int
    body: Any = None
    keep: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)


PORTAL = [
    Row("portal", "GET", "/organization", "/organization?$select=id,displayName,verifiedDomains,tenantType", 200),
    Row("portal", "GET", "/organization/{organization-id}", "/organization/{finebak}", 200),
    Row("portal", "GET", "/policies/defaultAppManagementPolicy", "/policies/defaultAppManagementPolicy", 200),
    Row(
        "portal",
        "PATCH",
        "/applications(uniqueName='{uniqueName}')",
        "/applications(uniqueName='one')",
        201,
        {**SYNC_APP, "tags": ["syncportal"]},
        {"app": "id", "app_id": "appId"},
        UPSERT,
    ),
    Row(
        "portal",
        "PATCH",
        "/applications(uniqueName='{uniqueName}')",
        "/applications(uniqueName='one')",
        204,
        SYNC_APP,
        {},
        UPSERT,
    ),
    Row("portal", "GET", "/applications(uniqueName='{uniqueName}')", "/applications(uniqueName='one')", 200),
    Row("portal", "GET", "/applications(appId='{appId}')", "/applications(appId='{app_id}')", 200),
    Row("portal", "GET", "/applications/{application-id}", "/applications/{app}", 200),
    Row(
        "portal",
        "GET",
        "/applications",
        "/applications?$filter=displayName eq 'Sync App'"
        "&$select=id,appId,uniqueName,displayName,createdDateTime,web&$top=999",
        200,
    ),
    Row(
        "portal",
        "PATCH",
        "/applications/{application-id}",
        "/applications/{app}",
        204,
        {"web": {"redirectUris": [CALLBACK]}},
    ),
    Row("portal", "POST", "/servicePrincipals", "/servicePrincipals", 201, {"appId": "{app_id}"}, {"sp": "id"}),
    Row(
        "portal",
        "PATCH",
        "/servicePrincipals(appId='{appId}')",
        "/servicePrincipals(appId='{app_id}')",
        204,
        {"tags": ["syncportal"]},
        {},
        UPSERT,
    ),
    Row("portal", "GET", "/servicePrincipals(appId='{appId}')", "/servicePrincipals(appId='{app_id}')", 200),
    Row("portal", "GET", "/servicePrincipals/{servicePrincipal-id}", "/servicePrincipals/{sp}", 200),
    Row("portal", "GET", "/servicePrincipals", "/servicePrincipals?$filter=appId eq '{app_id}'", 200),
    Row(
        "portal",
        "PATCH",
        "/servicePrincipals/{servicePrincipal-id}",
        "/servicePrincipals/{sp}",
        204,
        {"accountEnabled": False},
    ),
    Row(
        "portal",
        "POST",
        "/applications/{application-id}/addPassword",
        "/applications/{app}/addPassword",
        200,
        {"passwordCredential": {"displayName": "one"}},
        {"key": "keyId"},
    ),
    Row(
        "portal",
        "POST",
        "/applications/{application-id}/removePassword",
        "/applications/{app}/removePassword",
        204,
        {"keyId": "{key}"},
    ),
    Row(
        "portal",
        "POST",
        "/applications(appId='{appId}')/addPassword",
        "/applications(appId='{app_id}')/addPassword",
        200,
        {"passwordCredential": {"displayName": "two"}},
        {"key": "keyId"},
    ),
    Row(
        "portal",
        "POST",
        "/applications(appId='{appId}')/removePassword",
        "/applications(appId='{app_id}')/removePassword",
        204,
        {"keyId": "{key}"},
    ),
    Row("portal", "GET", "/applications/{application-id}/owners/$ref", "/applications/{app}/owners/$ref", 200),
    Row(
        "portal",
        "POST",
        "/applications/{application-id}/owners/$ref",
        "/applications/{app}/owners/$ref",
        204,
        {"@odata.id": "https://graph.microsoft.com/v1.0/directoryObjects/{sp}"},
    ),
    Row(
        "portal",
        "POST",
        "/$batch",
        "/$batch",
        200,
        {"requests": [{"id": "1", "method": "GET", "url": "/applications/{app}?$select=id"}]},
    ),
    Row("portal", "DELETE", "/servicePrincipals/{servicePrincipal-id}", "/servicePrincipals/{sp}", 204),
    Row("portal", "DELETE", "/applications/{application-id}", "/applications/{app}", 204),
    Row(
        "portal",
        "GET",
        "/directory/deletedItems/microsoft.graph.application",
        "/directory/deletedItems/microsoft.graph.application?$filter=uniqueName eq 'one'",
        200,
    ),
    Row(
        "portal",
        "GET",
        "/directory/deletedItems/microsoft.graph.servicePrincipal",
        "/directory/deletedItems/microsoft.graph.servicePrincipal",
        200,
    ),
    Row("portal", "GET", "/directory/deletedItems/{directoryObject-id}", "/directory/deletedItems/{app}", 200),
    Row(
        "portal",
        "POST",
        "/directory/deletedItems/{directoryObject-id}/restore",
        "/directory/deletedItems/{app}/restore",
        200,
    ),
    Row("portal", "DELETE", "/applications(uniqueName='{uniqueName}')", "/applications(uniqueName='one')", 204),
    Row("portal", "DELETE", "/directory/deletedItems/{directoryObject-id}", "/directory/deletedItems/{app}", 204),
]
CUSTOMER = [
    Row("carla", "GET", "/me", "/me?$select=id,displayName,userPrincipalName,userType", 200),
    Row("carla", "GET", "/me/memberOf", "/me/memberOf", 200),
    Row("carla", "GET", "/me/transitiveMemberOf", "/me/transitiveMemberOf", 200),
    Row(
        "carla",
        "GET",
        "/me/transitiveMemberOf/microsoft.graph.directoryRole",
        "/me/transitiveMemberOf/microsoft.graph.directoryRole?$count=true&$select=displayName,roleTemplateId",
        200,
        headers={"ConsistencyLevel": "eventual"},
    ),
    Row("carla", "POST", "/applications", "/applications", 201, SYNC_APP, {"app": "id", "app_id": "appId"}),
    Row("carla", "POST", "/servicePrincipals", "/servicePrincipals", 201, {"appId": "{app_id}"}, {"sp": "id"}),
    Row("carla", "POST", "/servicePrincipals", "/servicePrincipals", 201, {"appId": TEAMS_ID}),
    Row(
        "carla",
        "GET",
        "/servicePrincipals(appId='{appId}')",
        f"/servicePrincipals(appId='{GRAPH_ID}')?$select=id,appRoles,oauth2PermissionScopes",
        200,
        None,
        {"graph": "id"},
    ),
    Row(
        "carla",
        "POST",
        ASSIGNMENTS,
        "/servicePrincipals/{sp}/appRoleAssignments",
        201,
        {"principalId": "{sp}", "resourceId": "{graph}", "appRoleId": ORGANIZATION_READ_ALL},
        {"grant": "id"},
    ),
    Row("carla", "GET", ASSIGNMENTS, "/servicePrincipals/{sp}/appRoleAssignments", 200),
    Row(
        "carla",
        "GET",
        f"{ASSIGNMENTS}/{{appRoleAssignment-id}}",
        "/servicePrincipals/{sp}/appRoleAssignments/{grant}",
        200,
    ),
    Row(
        "carla",
        "GET",
        "/servicePrincipals/{servicePrincipal-id}/appRoleAssignedTo",
        "/servicePrincipals/{graph}/appRoleAssignedTo",
        200,
    ),
    Row(
        "carla",
        "DELETE",
        f"{ASSIGNMENTS}/{{appRoleAssignment-id}}",
        "/servicePrincipals/{sp}/appRoleAssignments/{grant}",
        204,
    ),
    Row(
        "carla",
        "POST",
        "/oauth2PermissionGrants",
        "/oauth2PermissionGrants",
        201,
        {"clientId": "{sp}", "consentType": "AllPrincipals", "resourceId": "{graph}", "scope": "User.Read"},
        {"consent": "id"},
    ),
    Row("carla", "GET", "/oauth2PermissionGrants", "/oauth2PermissionGrants?$filter=clientId eq '{sp}'", 200),
    Row(
        "carla",
        "GET",
        "/servicePrincipals/{servicePrincipal-id}/oauth2PermissionGrants",
        "/servicePrincipals/{sp}/oauth2PermissionGrants",
        200,
    ),
    Row(
        "carla",
        "PATCH",
        "/oauth2PermissionGrants/{oAuth2PermissionGrant-id}",
        "/oauth2PermissionGrants/{consent}",
        204,
        {"scope": "User.Read openid"},
    ),
    Row("carla", "GET", "/oauth2PermissionGrants/{oAuth2PermissionGrant-id}", "/oauth2PermissionGrants/{consent}", 200),
    Row(
        "carla",
        "DELETE",
        "/oauth2PermissionGrants/{oAuth2PermissionGrant-id}",
        "/oauth2PermissionGrants/{consent}",
        204,
    ),
    Row(
        "carla",
        "POST",
        DIRECTORY_ROLES,
        DIRECTORY_ROLES,
        201,
        {"roleDefinitionId": TEAMS_ADMINISTRATOR, "principalId": "{sp}", "directoryScopeId": "/"},
        {"role": "id"},
    ),
    Row("carla", "GET", DIRECTORY_ROLES, f"{DIRECTORY_ROLES}?$filter=principalId eq '{{sp}}'", 200),
    Row("carla", "GET", f"{DIRECTORY_ROLES}/{{unifiedRoleAssignment-id}}", f"{DIRECTORY_ROLES}/{{role}}", 200),
    Row("carla", "DELETE", f"{DIRECTORY_ROLES}/{{unifiedRoleAssignment-id}}", f"{DIRECTORY_ROLES}/{{role}}", 204),
    Row("carla", "GET", "/roleManagement/directory/roleDefinitions", "/roleManagement/directory/roleDefinitions", 200),
    Row(
        "carla",
        "GET",
        "/roleManagement/directory/roleDefinitions/{unifiedRoleDefinition-id}",
        f"/roleManagement/directory/roleDefinitions/{TEAMS_ADMINISTRATOR}",
        200,
    ),
    Row(
        "carla",
        "POST",
        "/directoryRoles",
        "/directoryRoles",
        201,
        {"roleTemplateId": USER_ADMINISTRATOR},
        {"directory_role": "id"},
    ),
    Row("carla", "GET", "/directoryRoles", "/directoryRoles", 200),
    Row("carla", "GET", "/directoryRoles/{directoryRole-id}", "/directoryRoles/{directory_role}", 200),
    Row(
        "carla",
        "POST",
        "/directoryRoles/{directoryRole-id}/members/$ref",
        "/directoryRoles/{directory_role}/members/$ref",
        204,
        {"@odata.id": "https://graph.microsoft.com/v1.0/directoryObjects/{sp}"},
    ),
    Row("carla", "GET", "/directoryRoles/{directoryRole-id}/members", "/directoryRoles/{directory_role}/members", 200),
]
