"""What Microsoft defines for all tenants: permissions, directory roles and Microsoft's own applications."""

from __future__ import annotations

from dataclasses import dataclass

GRAPH_APP_ID = "00000003-0000-0000-c000-000000000000"
TEAMS_ADMIN_APP_ID = "48ac35b8-9aa8-4d74-927d-1f4a14a0b239"
# The tenant that owns Microsoft's own applications.
MICROSOFT_TENANT_ID = "f8cdef31-a31e-4b4a-93e4-5f571e91255a"

GLOBAL_ADMINISTRATOR = "62e90394-69f5-4237-9190-012177145e10"
PRIVILEGED_ROLE_ADMINISTRATOR = "e8611ab8-c189-46e8-94e1-60213ab1f814"
APPLICATION_ADMINISTRATOR = "9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3"
CLOUD_APPLICATION_ADMINISTRATOR = "158c047a-c907-4556-b7ef-446551a6b5f7"
SKYPE_FOR_BUSINESS_ADMINISTRATOR = "75941009-915a-4869-abe7-691bff18279e"
TEAMS_COMMUNICATIONS_ADMINISTRATOR = "baf37b3a-610e-45da-9e62-d9d1e5e8914b"
# Every member has this id in `wids`. It means "default user" and grants nothing.
DEFAULT_USER_ROLE = "b79fbf4d-3ef9-4689-8143-76b194e85509"

# https://learn.microsoft.com/entra/identity/role-based-access-control/permissions-reference
DIRECTORY_ROLES: dict[str, str] = {
    GLOBAL_ADMINISTRATOR: "Global Administrator",
    PRIVILEGED_ROLE_ADMINISTRATOR: "Privileged Role Administrator",
    APPLICATION_ADMINISTRATOR: "Application Administrator",
    CLOUD_APPLICATION_ADMINISTRATOR: "Cloud Application Administrator",
    SKYPE_FOR_BUSINESS_ADMINISTRATOR: "Skype for Business Administrator",
    "69091246-20e8-4a56-aa4d-066075b2a7a8": "Teams Administrator",
    TEAMS_COMMUNICATIONS_ADMINISTRATOR: "Teams Communications Administrator",
    "aa38014f-0993-46e9-9b45-30501a20909d": "Teams Telephony Administrator",
    "8329153b-31d0-4727-b945-745eb3bc5f31": "Domain Name Administrator",
    "fe930be7-5e62-47db-91af-98c3a49a38b1": "User Administrator",
}


@dataclass(frozen=True)
class Permission:
    """One permission of a resource: its delegated form (scope), its application form (app role), or both."""

    value: str
    scope_id: str | None = None
    role_id: str | None = None
    admin_only: bool = True
    description: str = ""


@dataclass(frozen=True)
class Resource:
    """An API that applications request permissions for."""

    app_id: str
    display_name: str
    audiences: tuple[str, ...]
    permissions: tuple[Permission, ...]

    def by_scope(self, value: str) -> Permission | None:
        return next((p for p in self.permissions if p.scope_id and p.value.lower() == value.lower()), None)

    def by_scope_id(self, scope_id: str) -> Permission | None:
        return next((p for p in self.permissions if p.scope_id and p.scope_id == scope_id), None)

    def by_role_id(self, role_id: str) -> Permission | None:
        return next((p for p in self.permissions if p.role_id and p.role_id == role_id), None)


# https://learn.microsoft.com/graph/permissions-reference
GRAPH_PERMISSIONS = (
    Permission("openid", "37f7f235-527c-4136-accd-4a02d197296e", None, False, "Sign you in"),
    Permission("profile", "14dad69e-099b-42c9-810b-d002981feec1", None, False, "View your basic profile"),
    Permission("email", "64a6cdd6-aab1-4aaf-94b8-3cc8405e90d0", None, False, "View your email address"),
    Permission(
        "offline_access",
        "7427e0e9-2fba-42fe-b0c0-848c9e6a8182",
        None,
        False,
        "Maintain access to data you have given it access to",
    ),
    Permission("User.Read", "e1fe6dd8-ba31-4d61-89e7-88639da4683d", None, False, "Sign you in and read your profile"),
    Permission(
        "Organization.Read.All",
        "4908d5b9-3fb2-4b1e-9336-1888b7937185",
        "498476ce-e0fe-48b0-b801-37ba7e2685c6",
        description="Read organization information",
    ),
    Permission(
        "User.Read.All",
        "a154be20-db9c-4678-8ab7-66f6cc099a59",
        "df021288-bdef-4463-88db-98f22de89214",
        description="Read all users' full profiles",
    ),
    Permission(
        "Group.Read.All",
        "5f8c59db-677d-491f-a6b8-5f174b11ec1d",
        "5b567255-7703-4780-807c-7be8301ae99b",
        description="Read all groups",
    ),
    Permission(
        "Group.ReadWrite.All",
        "4e46008b-f24c-477d-8fff-7bb4ec7aafe0",
        "62a82d76-70ea-41e2-9197-370581804d09",
        description="Read and write all groups",
    ),
    Permission(
        "Directory.Read.All",
        "06da0dbc-49e2-44d2-8312-53f166ab848a",
        "7ab1d382-f21e-4acd-a863-ba3e13f7da61",
        description="Read directory data",
    ),
    Permission(
        "Directory.AccessAsUser.All",
        "0e263e50-5827-48a4-b97c-d940288653c7",
        description="Access directory as the signed in user",
    ),
    Permission(
        "Domain.Read.All",
        "2f9ee017-59c1-4f1d-9472-bd5529a7b311",
        "dbb9058a-0e50-45d7-ae91-66909b5d4664",
        description="Read domains",
    ),
    Permission(
        "Application.Read.All",
        "c79f8feb-a9db-4090-85f9-90d820caa0eb",
        "9a5d68dd-52b0-4cc2-bd40-abcf44ac3a30",
        description="Read applications",
    ),
    Permission(
        "Application.ReadWrite.All",
        "bdfbf15f-ee85-4955-8675-146e8e5296b5",
        "1bfefb4e-e0b5-418b-a88f-73c46d2cc8e9",
        description="Read and write all applications",
    ),
    Permission(
        "Application.ReadWrite.OwnedBy",
        None,
        "18a4783c-866b-4cc7-a460-3d5e5662c884",
        description="Manage apps that this app creates or owns",
    ),
    Permission(
        "AppRoleAssignment.ReadWrite.All",
        "84bccea3-f856-4a8a-967b-dbe0a3d53a64",
        "06b708a9-e830-4db3-a914-8e69da51d44f",
        description="Manage app permission grants and app role assignments",
    ),
    Permission(
        "DelegatedPermissionGrant.ReadWrite.All",
        "41ce6ca6-6826-4807-84f1-1c82854f7ee5",
        "8e8e4742-1d95-4f68-9d56-6ee75648c72a",
        description="Manage all delegated permission grants",
    ),
    Permission(
        "RoleManagement.ReadWrite.Directory",
        "d01b97e9-cbc0-49fe-810a-750afd5527a3",
        "9e3f62cf-ca93-4989-b6ce-bf83c28f9fe8",
        description="Read and write directory RBAC settings",
    ),
    Permission(
        "RoleManagement.Read.Directory",
        "741c54c3-0c1e-44a1-818b-3f97ab4e8c83",
        "483bed4a-2ad3-4361-a73b-c83ccdbdc53c",
        description="Read directory RBAC settings",
    ),
    Permission(
        "Policy.Read.All",
        "572fea84-0151-49b2-9301-11cb16974376",
        "246dd0d5-5bd0-4def-940b-0421030a5b68",
        description="Read your organization's policies",
    ),
    Permission(
        "Mail.Send",
        "e383f46e-2787-4529-855e-0e479a3ffac0",
        "b633e1c5-b582-4048-a93e-9f11b44c7e96",
        admin_only=False,
        description="Send mail as you",
    ),
    Permission(
        "AppCatalog.ReadWrite.All",
        "1ca167d5-1655-44a1-8adf-1414072e1ef9",
        "dc149144-f292-421e-b185-5953f2e98d7f",
        description="Read and write to all app catalogs",
    ),
    Permission(
        "TeamSettings.ReadWrite.All",
        "39d65650-9d3e-4223-80db-a335590d027e",
        "bdd80a03-d9bc-451d-b7c4-ce7c63fe3c8f",
        description="Read and change teams' settings",
    ),
    Permission(
        "Channel.Delete.All",
        "cc83893a-e232-4723-b5af-bd0b01bcfe65",
        "6a118a39-1227-45d4-af0c-ea7b40d210bc",
        description="Delete channels",
    ),
    Permission(
        "ChannelSettings.ReadWrite.All",
        "d649fb7c-72b4-4eec-b2b4-b15acf79e378",
        "243cded2-bd16-4fd6-a953-ff8177894c3d",
        description="Read and write the names, descriptions, and settings of channels",
    ),
    Permission(
        "ChannelMember.ReadWrite.All",
        "0c3e411a-ce45-4cd1-8f30-f99a3efa7b11",
        "35930dcf-aceb-4bd1-b99a-8ffed403c974",
        description="Add and remove members from channels",
    ),
)

# Microsoft's documentation does not list this resource's permissions. These are the ids of its service principal, which are
# the same in every tenant.
TEAMS_ADMIN_PERMISSIONS = (
    Permission(
        "user_impersonation",
        "e60370c1-e451-437e-aa6e-d76df38e5f15",
        admin_only=False,
        description="Access Microsoft Teams and Skype for Business data as the signed in user",
    ),
    Permission(
        "application_access",
        None,
        "15391dcf-e272-4693-b514-06792e967d66",
        description="Grant appId full permission",
    ),
    Permission(
        "application_access_custom_sba_appliance",
        None,
        "2becb389-af30-4221-8e0a-3384b5a0c656",
        description="Application access for a Survivable Branch Appliance",
    ),
    Permission(
        "Communications.Get",
        None,
        "f9d2a51f-70e2-41af-b617-3fceaa33ae55",
        description="Read communications data",
    ),
)

GRAPH = Resource(GRAPH_APP_ID, "Microsoft Graph", ("https://graph.microsoft.com", GRAPH_APP_ID), GRAPH_PERMISSIONS)
TEAMS_ADMIN = Resource(
    TEAMS_ADMIN_APP_ID,
    "Skype and Teams Tenant Admin API",
    (TEAMS_ADMIN_APP_ID, f"api://{TEAMS_ADMIN_APP_ID}", "https://api.interfaces.records.teams.microsoft.com"),
    TEAMS_ADMIN_PERMISSIONS,
)
MICROSOFT_RESOURCES: dict[str, Resource] = {r.app_id: r for r in (GRAPH, TEAMS_ADMIN)}
# OpenID Connect scopes: a client may request them together with any resource's scopes.
OPENID_SCOPES = ("openid", "profile", "email", "offline_access")
