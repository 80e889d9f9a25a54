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
CLOUD_APPLICATION_ADMINISTRATOR = "158c047a-c907-4556-b7ef-446551a6b5f7"
SKYPE_FOR_BUSINESS_ADMINISTRATOR = "75941009-915a-4869-abe7-691bff18279e"
TEAMS_COMMUNICATIONS_ADMINISTRATOR = "baf37b3a-610e-45da-9e62-d9d1e5e8914b"
TEAMS_ADMINISTRATOR = "69091246-20e8-4a56-aa4d-066075b2a7a8"

SCOPES_IDENTIFY = ["User.Read"]


# The date of the last change of what is asked for below: a security team can compare two invitations by it.
VERSION = "2026-11-30"


@dataclass(frozen=True)
class Scope:
    """A delegated permission that the administrator grants SyncPortal: Microsoft's two names for it, what it is used for, why,
    and what more it could do.
    """

    value: str
    display_name: str
    sentence: str
    reason: str
    caution: str = ""


# Display names: https://learn.microsoft.com/graph/permissions-reference, row DisplayText, column Delegated. That is what an
# administrator reads; some permissions have another name for people who accept for themselves alone.
SCOPES_FIRST_SIGN_IN = [
    Scope(
        "User.Read",
        "Sign in and read user profile",
        "Read your name and your administrator roles.",
        "Only an administrator of your organisation may connect it.",
    ),
    Scope("openid", "Sign users in", "Sign you in.", "Without it, Microsoft does not say who signed in."),
    Scope("profile", "View users' basic profile", "Read your name and user name.", "They are shown to you, and kept."),
]
SCOPES = [
    Scope(
        "Policy.Read.All",
        "Read your organization's policies",
        "Check that your policies allow the registration’s secret, before anything is created.",
        "None of the other permissions can read them.",
    ),
    Scope(
        "Application.ReadWrite.All",
        "Read and write all applications",
        "Create the registration and its secret.",
        "Microsoft has no permission for creating one registration only.",
        "It allows changes to every application of your organisation.",
    ),
    Scope(
        "AppRoleAssignment.ReadWrite.All",
        "Manage app permission grants and app role assignments",
        "Grant the registration its permissions.",
        "The phone service works without anyone’s sign-in, so its permissions are granted to the registration.",
        "It allows granting any permission to any application.",
    ),
    Scope(
        "RoleManagement.ReadWrite.Directory",
        "Read and write directory RBAC settings",
        "Assign the registration its administrator roles.",
        "Microsoft has no smaller permission for assigning a role to an application.",
        "It allows making anyone a Global Administrator.",
    ),
    Scope(
        "DelegatedPermissionGrant.ReadWrite.All",
        "Manage all delegated permission grants",
        "Revoke this temporary access at the end.",
        "Without it these permissions would stay until you remove them.",
        "It allows changing every consent that people gave to applications.",
    ),
]
SCOPES_AUTHORISE = [scope.value for scope in SCOPES]


@dataclass(frozen=True)
class Permission:
    """An application permission of the registration: Microsoft's two names for it, a plain sentence and the reason."""

    resource_app_id: str
    resource_name: str
    value: str
    display_name: str
    sentence: str
    reason: str


PERMISSIONS = [
    Permission(
        GRAPH_APP_ID,
        "Microsoft Graph",
        "Organization.Read.All",
        "Read organization information",
        "Read the name and domains of your organisation.",
        "Required for Teams administration by an application.",
    ),
    Permission(
        GRAPH_APP_ID,
        "Microsoft Graph",
        "User.Read.All",
        "Read all users' full profiles",
        "Read the profiles of all users.",
        "The phone service shows which users have a number.",
    ),
    Permission(
        GRAPH_APP_ID,
        "Microsoft Graph",
        "Group.Read.All",
        "Read all groups",
        "Read groups and their members.",
        "Numbers and policies can be assigned to groups.",
    ),
    Permission(
        TEAMS_ADMIN_API_APP_ID,
        "Skype and Teams Tenant Admin API",
        "application_access",
        "Grant appId full permission",
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
    AdministratorRole(
        CLOUD_APPLICATION_ADMINISTRATOR, "Cloud Application Administrator", "Needed only for this setup."
    ),
]

# The delegated token (AudioCodes: "Secure Connection using Delegated Token", "Create Delegated Token", "Upgrading M365
# Connection to Delegated Token Authentication"). Microsoft adds openid, profile and offline_access.
TEAMS_USER_SCOPE = f"{TEAMS_ADMIN_API_APP_ID}/user_impersonation"
TOKEN_SCOPES = [
    Scope(
        "Group.ReadWrite.All",
        "Read and write all groups",
        "Read and change groups and their members.",
        "Numbers and policies can be assigned to groups.",
        "It allows changing every group that the account may change.",
    ),
    Scope(
        "Directory.AccessAsUser.All",
        "Access directory as the signed in user",
        "Do in the directory what the account may do.",
        "Teams administration as a person requires it.",
        "If the account is a Global Administrator, so is whoever has the token.",
    ),
    Scope(
        "User.Read.All",
        "Read all users' full profiles",
        "Read the profiles of all users.",
        "The phone service shows which users have a number.",
    ),
    Scope(
        "AppCatalog.ReadWrite.All",
        "Read and write to all app catalogs",
        "Read and change the Teams app catalog.",
        "The phone service can offer its Teams app there.",
    ),
]
TOKEN_SCOPES_ELSEWHERE = [
    Scope(
        "user_impersonation",
        "Access Microsoft Teams and Skype for Business data as the signed in user",
        "Administer Teams and Skype for Business as the person who signs in.",
        "Sets numbers, voice routes and policies in Teams.",
    ),
    Scope(
        "offline_access",
        "Maintain access to data you have given it access to",
        "Keep this access until it is revoked or a policy of your organisation ends it.",
        "The phone service syncs when nobody is signed in.",
    ),
]


def both_names_of(scope: str) -> str:
    """Microsoft's two names of a delegated permission, in any case; what is not known here stays as it is."""
    known = [*SCOPES_FIRST_SIGN_IN, *SCOPES, *TOKEN_SCOPES, *TOKEN_SCOPES_ELSEWHERE]
    found = next((each for each in known if each.value.lower() == scope.lower()), None)
    return f"“{found.display_name}” ({found.value})" if found else scope


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


# Each group of roles is enough for the setup.
SUFFICIENT_ROLES = (
    frozenset({GLOBAL_ADMINISTRATOR}),
    frozenset({PRIVILEGED_ROLE_ADMINISTRATOR, APPLICATION_ADMINISTRATOR}),
)
# Who may accept delegated permissions for the organisation; one role is enough.
# https://learn.microsoft.com/entra/identity/enterprise-apps/grant-admin-consent
CONSENT_ROLES = {
    GLOBAL_ADMINISTRATOR: "Global Administrator",
    PRIVILEGED_ROLE_ADMINISTRATOR: "Privileged Role Administrator",
    APPLICATION_ADMINISTRATOR: "Application Administrator",
    CLOUD_APPLICATION_ADMINISTRATOR: "Cloud Application Administrator",
}
NEEDED_ROLE_SENTENCE = "Global Administrator, or Privileged Role Administrator together with Application Administrator"
TOKEN_ROLES_SENTENCE = " and ".join(role.name for role in TOKEN_ROLES)
*_OTHERS, _LAST = CONSENT_ROLES.values()
NEEDED_FOR_TOKEN_SENTENCE = (
    f"{TOKEN_ROLES_SENTENCE}, plus one of these to accept the permissions: {', '.join(_OTHERS)} or {_LAST}"
)


def is_sufficient(role_template_ids: Collection[str]) -> bool:
    """Whether these active directory roles allow the setup."""
    held = set(role_template_ids)
    return any(group <= held for group in SUFFICIENT_ROLES)


def held_administrator_roles(
    role_template_ids: Collection[str], *, keep: Collection[str] = ()
) -> list[AdministratorRole]:
    """The roles among these that only the setup needed; those in `keep` are needed afterwards too."""
    return [
        role for role in ADMINISTRATOR_ROLES if role.template_id in role_template_ids and role.template_id not in keep
    ]
