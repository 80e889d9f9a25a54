"""What the portal's own application must be allowed to do in a tenant, and what it must not."""

from dataclasses import dataclass

from registrations.clients.entra import AppToken
from registrations.clients.graph.client import GRAPH_APP_ID, GraphClient
from registrations.errors import NotPermittedError, RemoteRejectedError

# https://learn.microsoft.com/graph/permissions-reference
REQUIRED = {
    "Application.ReadWrite.OwnedBy": "creates sync apps and changes those it created",
    "Application.Read.All": "finds applications that are there already, and reads its own permissions",
    "Organization.Read.All": "checks that the credential belongs to the tenant",
}
WELCOME = {"Policy.Read.All": "sees a policy that forbids or shortens secrets before it refuses one"}


@dataclass(frozen=True)
class PermissionCheck:
    """The outcome of a look at the portal's own permissions in a tenant."""

    missing: list[str]
    excess: list[str]

    @property
    def sentence(self) -> str:
        """What the check found, for people."""
        parts = [f"Missing: {', '.join(self.missing)}."] if self.missing else ["Every permission it needs is granted."]
        if self.excess:
            parts.append(f"More than it needs: {', '.join(self.excess)}. Remove what is too much.")
        return " ".join(parts)


def check(graph: GraphClient, client_id: str, token: AppToken) -> PermissionCheck:
    """Compare what is granted to the portal's application with what it needs. Raises RemoteUnavailableError.

    Without Application.Read.All the grants cannot be read; then the token's own list has to do.
    """
    try:
        granted = _granted(graph, client_id)
    except NotPermittedError:
        granted = set(token.roles)
    return PermissionCheck(
        missing=[value for value in REQUIRED if value not in granted],
        excess=sorted(granted - REQUIRED.keys() - WELCOME.keys()),
    )


def _granted(graph: GraphClient, client_id: str) -> set[str]:
    resource = graph.resource(GRAPH_APP_ID)
    own = graph.find_service_principal(client_id)
    names = {role_id: value for value, role_id in resource.app_roles.items()}
    grants = graph.granted_roles(own) if own else frozenset()
    return {names.get(role, role) if api == resource.id else f"another API's {role}" for api, role in grants}


def confirm_tenant(graph: GraphClient, tenant_id: str) -> str:
    """The display name of the tenant the credential works in. Raises RemoteRejectedError where it is another tenant."""
    organization = graph.organization()
    if organization.tenant_id.lower() != tenant_id.lower():
        raise RemoteRejectedError(f"The credential belongs to {organization.display_name}, not to tenant {tenant_id}.")
    return organization.display_name
