"""What a connection needs in a customer's tenant, as data: to be confirmed by AudioCodes, and correctable in one place.

Sources: Microsoft's page on application-based authentication in the Teams PowerShell module (both APIs, the Graph
permissions, the role on the service principal) and AudioCodes' pages on roles for onboarding and replication.
"""

from collections.abc import Collection
from dataclasses import dataclass

from registrations.clients.graph.client import GRAPH_APP_ID, TEAMS_ADMIN_API_APP_ID

TO_BE_CONFIRMED = "to be confirmed by AudioCodes"

GLOBAL_ADMINISTRATOR = "62e90394-69f5-4237-9190-012177145e10"
PRIVILEGED_ROLE_ADMINISTRATOR = "e8611ab8-c189-46e8-94e1-60213ab1f814"
APPLICATION_ADMINISTRATOR = "9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3"
SKYPE_FOR_BUSINESS_ADMINISTRATOR = "75941009-915a-4869-abe7-691bff18279e"
TEAMS_COMMUNICATIONS_ADMINISTRATOR = "baf37b3a-610e-45da-9e62-d9d1e5e8914b"
TEAMS_ADMINISTRATOR = "69091246-20e8-4a56-aa4d-066075b2a7a8"

SCOPES_IDENTIFY = ["User.Read"]


@dataclass(frozen=True)
class Scope:
    """A delegated permission that the administrator grants SyncPortal."""

    value: str
    sentence: str


SCOPES = [
    Scope("Application.ReadWrite.All", "Create the registration and its secret."),
    Scope("AppRoleAssignment.ReadWrite.All", "Grant the registration its permissions."),
    Scope("RoleManagement.ReadWrite.Directory", "Assign the registration its administrator roles."),
    Scope("DelegatedPermissionGrant.ReadWrite.All", "Revoke this temporary access at the end."),
]
SCOPES_AUTHORISE = [scope.value for scope in SCOPES]


@dataclass(frozen=True)
class Permission:
    """An application permission of the registration: Microsoft's exact name, a plain sentence and the reason."""

    resource_app_id: str
    resource_name: str
    value: str
    sentence: str
    reason: str


PERMISSIONS = [
    Permission(
        GRAPH_APP_ID,
        "Microsoft Graph",
        "Organization.Read.All",
        "Read the name and domains of your organisation.",
        "Required for Teams administration by an application.",
    ),
    Permission(
        GRAPH_APP_ID,
        "Microsoft Graph",
        "User.Read.All",
        "Read the profiles of all users.",
        "The phone service shows which users have a number.",
    ),
    Permission(
        GRAPH_APP_ID,
        "Microsoft Graph",
        "Group.Read.All",
        "Read groups and their members.",
        "Numbers and policies can be assigned to groups.",
    ),
    Permission(
        TEAMS_ADMIN_API_APP_ID,
        "Skype and Teams Tenant Admin API",
        "application_access",
        "Administer Teams calling as an application.",
        "Sets numbers, voice routes and policies in Teams.",
    ),
]


@dataclass(frozen=True)
class Role:
    """An Entra role of the registration's service principal, or of the account behind a delegated token."""

    template_id: str
    name: str
    sentence: str
    removable_after: str | None


ROLES = [
    Role(TEAMS_ADMINISTRATOR, "Teams Administrator", "Set up calling in Teams and keep it in sync.", None),
    Role(
        SKYPE_FOR_BUSINESS_ADMINISTRATOR,
        "Skype for Business Administrator",
        "Some calling settings still require the older Skype administration.",
        None,
    ),
]


@dataclass(frozen=True)
class AdministratorRole:
    """A role that the person who signs in no longer needs once the tenant is connected."""

    template_id: str
    name: str
    removable: str


ADMINISTRATOR_ROLES = [
    AdministratorRole(
        GLOBAL_ADMINISTRATOR,
        "Global Administrator",
        "Needed only for this setup. Deactivate it if it was activated for today.",
    ),
    AdministratorRole(PRIVILEGED_ROLE_ADMINISTRATOR, "Privileged Role Administrator", "Needed only for this setup."),
    AdministratorRole(APPLICATION_ADMINISTRATOR, "Application Administrator", "Needed only for this setup."),
]

# The delegated token (AudioCodes: "Secure Connection using Delegated Token", "Create Delegated Token", "Upgrading M365
# Connection to Delegated Token Authentication"). Microsoft adds openid, profile and offline_access.
TEAMS_USER_SCOPE = f"{TEAMS_ADMIN_API_APP_ID}/user_impersonation"
TOKEN_SCOPES = [
    Scope("Group.ReadWrite.All", "Read and write all groups."),
    Scope("Directory.AccessAsUser.All", "Access the directory as the person who signs in."),
    Scope("User.Read.All", "Read the profiles of all users."),
    Scope("AppCatalog.ReadWrite.All", "Read and write all app catalogs."),
]
TOKEN_SCOPES_ELSEWHERE = [
    Scope("user_impersonation", "Administer Teams and Skype for Business as the person who signs in."),
    Scope("offline_access", "Keep this access until it is revoked or a policy of your organisation ends it."),
]
SCOPES_TOKEN = [scope.value for scope in TOKEN_SCOPES]

# AudioCodes: "Grant Roles to Global admin Account" and "Assign Administrator Roles to Service Account". Both roles are
# mandatory there for every account, a Global Administrator's too.
TOKEN_ROLES = [
    Role(
        SKYPE_FOR_BUSINESS_ADMINISTRATOR,
        "Skype for Business Administrator",
        "Runs the Teams administration in your organisation.",
        None,
    ),
    Role(
        TEAMS_COMMUNICATIONS_ADMINISTRATOR,
        "Teams Communications Administrator",
        "Sets numbers, voice routes and policies, and keeps them in sync.",
        None,
    ),
]


def lacking_for_token(role_template_ids: Collection[str]) -> list[str]:
    """The names of the roles that an account with these active roles lacks for a delegated token."""
    return [role.name for role in TOKEN_ROLES if role.template_id not in role_template_ids]


# https://learn.microsoft.com/entra/identity/role-based-access-control/manage-roles-portal
ROLES_PAGE = "https://entra.microsoft.com/#view/Microsoft_AAD_IAM/AllRolesBlade"
ENTERPRISE_PAGE = "https://entra.microsoft.com/#view/Microsoft_AAD_IAM/StartboardApplicationsMenuBlade/~/AppAppsPreview"
# https://learn.microsoft.com/entra/identity-platform/howto-remove-app and quickstart-configure-app-access-web-apis
REGISTRATION_BLADE = "https://entra.microsoft.com/#view/Microsoft_AAD_RegisteredApps/ApplicationMenuBlade/~"


def overview_page(app_id: str) -> str:
    """The registration's own page in Microsoft Entra."""
    return f"{REGISTRATION_BLADE}/Overview/appId/{app_id}"


def permissions_page(app_id: str) -> str:
    """Where the registration's permissions are listed and granted in Microsoft Entra."""
    return f"{REGISTRATION_BLADE}/CallAnAPI/appId/{app_id}"


NEEDED_ROLE_SENTENCE = "Global Administrator, or Privileged Role Administrator together with Application Administrator"


def is_sufficient(role_template_ids: Collection[str]) -> bool:
    """Whether these active directory roles allow the setup."""
    held = set(role_template_ids)
    return GLOBAL_ADMINISTRATOR in held or {PRIVILEGED_ROLE_ADMINISTRATOR, APPLICATION_ADMINISTRATOR} <= held
