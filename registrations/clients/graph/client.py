"""Microsoft Graph v1.0, as far as SyncPortal calls it. Each call names Microsoft's page.

`types.py` has what its answers hold, `errors.py` what its refusals mean.
"""

import contextlib
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import requests

from registrations.clients.graph import readers
from registrations.clients.graph.errors import SERVICE, GraphRefusedError, Meaning, refusal_of
from registrations.clients.graph.readers import VALUES
from registrations.clients.graph.types import (
    Application,
    Credential,
    DelegatedGrant,
    DeletedApplication,
    NewSecret,
    Organization,
    ResourcePrincipal,
    SecretPolicy,
)
from registrations.clients.http import RemoteSession, exchange, json_of
from registrations.clients.rate_limit.limiter import RateLimit, is_bulk
from registrations.errors import NotFoundError, NotShownError, NotYetError, RemoteUnavailableError

GRAPH_APP_ID = "00000003-0000-0000-c000-000000000000"
TEAMS_ADMIN_API_APP_ID = "48ac35b8-9aa8-4d74-927d-1f4a14a0b239"
BETWEEN_CREDENTIAL_WRITES = timedelta(seconds=6)  # two writes in quick succession answer 409

APPLICATION_FIELDS = (
    "id,appId,uniqueName,displayName,createdDateTime,signInAudience,isFallbackPublicClient,groupMembershipClaims,"
    "optionalClaims,servicePrincipalLockConfiguration,web,requiredResourceAccess,tags,notes,passwordCredentials"
)
NAMESAKE_FIELDS = "id,appId,uniqueName,displayName,createdDateTime,web"  # one tenant may hold thousands of namesakes
LONGEST_PAGE = 999


class GraphClient:
    """Graph for one tenant, with an application's or a person's token."""

    def __init__(
        self, session: RemoteSession, graph_url: str, token: Callable[[bool], str], rate_limit: RateLimit | None = None
    ) -> None:
        """`token` returns the current token, or with True a new one, because Graph does not accept the current one any more.

        With a rate limit, each call takes its cost first and may raise QuotaSpentError.
        """
        self._session, self._rate_limit = session, rate_limit
        self._base = f"{graph_url}/v1.0"
        self._token = token

    # https://learn.microsoft.com/graph/api/organization-list
    def organization(self) -> Organization:
        """The tenant this token is for."""
        found = next(iter(VALUES.entries(self._look("/organization?$select=id,displayName"), "value")), {})
        return Organization(VALUES.text(found, "id"), readers.shown(VALUES.text(found, "displayName")))

    # https://learn.microsoft.com/graph/api/user-list-transitivememberof (a cast needs $count and ConsistencyLevel)
    def my_directory_roles(self) -> frozenset[str]:
        """Template ids of the directory roles that the signed-in person holds now (active, not only eligible).

        Graph answers from an index that may lag: a role that was just activated may be missing.
        """
        path = "/me/transitiveMemberOf/microsoft.graph.directoryRole?$count=true&$select=displayName,roleTemplateId"
        roles = self._pages(path, headers={"ConsistencyLevel": "eventual"})
        return frozenset(VALUES.optional(role, "roleTemplateId") for role in roles) - {""}

    # https://learn.microsoft.com/graph/api/tenantappmanagementpolicy-get
    def secret_policy(self) -> SecretPolicy:
        """What the tenant's default policy says about client secrets. Raises NotPermittedError without Policy.Read.All."""
        return readers.secret_policy(self._look("/policies/defaultAppManagementPolicy"))

    # https://learn.microsoft.com/graph/api/application-get
    def find_application(self, unique_name: str) -> Application | None:
        """The application with that unique name, or None where there is none (or none that this replica knows)."""
        return self._find(f"/applications(uniqueName='{readers.quoted(unique_name)}')")

    def read_application(self, object_id: str) -> Application | None:
        """The application with that object id, or None."""
        return self._find(f"/applications/{object_id}")

    # https://learn.microsoft.com/graph/api/application-list
    def find_namesakes(self, display_name: str) -> list[Application]:
        """Every application with that display name, with `NAMESAKE_FIELDS` alone. Graph ignores upper and lower case."""
        wanted = (
            f"$filter=displayName eq '{readers.quoted(display_name)}'&$select={NAMESAKE_FIELDS}&$top={LONGEST_PAGE}"
        )
        return [readers.application(entry) for entry in self._pages(f"/applications?{wanted}")]

    # https://learn.microsoft.com/graph/api/directory-deleteditems-list
    def find_deleted(self, unique_name: str, object_id: str = "") -> DeletedApplication | None:
        """The deleted application, restorable for 30 days, that still holds the unique name; or None.

        One that was made by hand has no unique name: its object id tells it.
        """
        path = "/directory/deletedItems/microsoft.graph.application?$select=id,appId,uniqueName"
        entries = self._pages(path)
        of_name = [entry for entry in entries if entry.get("uniqueName") == unique_name or entry.get("id") == object_id]
        found = [DeletedApplication(VALUES.text(entry, "id"), VALUES.text(entry, "appId")) for entry in of_name]
        found.sort(key=lambda deleted: deleted.object_id != object_id)  # the known one first, whatever the list's order
        return next(iter(found), None)

    def find_deleted_principal(self, app_id: str, object_id: str = "") -> str | None:
        """The object id of the application's deleted service principal, or None; of several the one that is known."""
        path = "/directory/deletedItems/microsoft.graph.servicePrincipal?$select=id,appId"
        found = [VALUES.text(entry, "id") for entry in self._pages(path) if entry.get("appId") == app_id]
        return object_id if object_id in found else next(iter(found), None)

    # https://learn.microsoft.com/graph/api/directory-deleteditems-restore
    def restore(self, object_id: str) -> None:
        """Bring a deleted object back; restored before counts as done."""
        self._end_deletion("POST", f"/directory/deletedItems/{object_id}/restore")

    # https://learn.microsoft.com/graph/api/directory-deleteditems-delete
    def purge(self, object_id: str) -> None:
        """Delete a deleted object for good; gone before counts as done."""
        self._end_deletion("DELETE", f"/directory/deletedItems/{object_id}")

    # https://learn.microsoft.com/graph/api/application-upsert
    def create_application(self, unique_name: str, properties: Mapping[str, Any]) -> Application | None:
        """Create the application, or update the one that somebody created meanwhile; None in that case: look again.

        Raises GraphRefusedError with `NAME_TAKEN` if a deleted application still holds the name.
        """
        path = f"/applications(uniqueName='{readers.quoted(unique_name)}')"
        response = self._act("PATCH", path, properties, headers={"Prefer": "create-if-missing"})
        return (
            readers.application(json_of(response, SERVICE)) if response.status_code == requests.codes.created else None
        )

    # https://learn.microsoft.com/graph/api/application-update
    def update_application(self, object_id: str, changes: Mapping[str, Any]) -> None:
        """Change properties; Graph replaces collections whole."""
        self._act("PATCH", f"/applications/{object_id}", changes)

    # https://learn.microsoft.com/graph/api/serviceprincipal-upsert
    def ensure_service_principal(self, app_id: str, *, is_new: bool = False) -> str:
        """The object id of the application's service principal in this tenant, created where it is missing.

        `is_new`: the application was made a moment ago, so there is none to look for.
        """
        found = None if is_new else self._service_principal(app_id, "id")
        if found is not None:
            return VALUES.text(found, "id")
        try:
            return VALUES.text(json_of(self._act("POST", "/servicePrincipals", {"appId": app_id}), SERVICE), "id")
        except GraphRefusedError as refusal:
            if refusal.meaning is not Meaning.EXISTS:
                raise
            raise NotYetError(
                "Microsoft has made the service principal and does not show it everywhere yet."
            ) from refusal

    def find_service_principal(self, app_id: str) -> str | None:
        """The object id of the application's service principal in this tenant, or None."""
        found = self._service_principal(app_id, "id")
        return VALUES.text(found, "id") if found is not None else None

    def resource(self, app_id: str) -> ResourcePrincipal:
        """An API's service principal with the application permissions it offers; created where it is missing."""
        found = self._service_principal(app_id, "id,appRoles")
        if found is None:
            self.ensure_service_principal(app_id)
            raise NotYetError("Microsoft is adding the API to the organisation.", retry_after=timedelta(seconds=2))
        return readers.resource(found)

    # https://learn.microsoft.com/graph/api/serviceprincipal-list-approleassignments
    def granted_roles(self, service_principal_id: str) -> frozenset[tuple[str, str]]:
        """(resource service principal id, app role id) of every application permission granted to it.

        Raises NotYetError if this replica does not know the principal: its id is one that Graph has given us.
        """
        path = f"/servicePrincipals/{service_principal_id}/appRoleAssignments"
        try:
            grants = self._pages(path)
        except NotFoundError as missing:
            raise _not_copied_yet(missing) from missing
        return frozenset((VALUES.text(grant, "resourceId"), VALUES.text(grant, "appRoleId")) for grant in grants)

    # https://learn.microsoft.com/graph/api/serviceprincipal-post-approleassignments
    def grant_role(self, service_principal_id: str, resource_id: str, role_id: str) -> None:
        """Grant one application permission; granted before counts as done."""
        body = {"principalId": service_principal_id, "resourceId": resource_id, "appRoleId": role_id}
        self._act_once("POST", f"/servicePrincipals/{service_principal_id}/appRoleAssignments", body)

    # https://learn.microsoft.com/graph/api/rbacapplication-list-roleassignments
    def directory_roles_of(self, service_principal_id: str) -> frozenset[str]:
        """Template ids of the Entra roles assigned to a service principal."""
        path = f"/roleManagement/directory/roleAssignments?$filter=principalId eq '{service_principal_id}'"
        return frozenset(VALUES.text(assignment, "roleDefinitionId") for assignment in self._pages(path))

    # https://learn.microsoft.com/graph/api/rbacapplication-post-roleassignments
    def assign_directory_role(self, service_principal_id: str, role_template_id: str) -> None:
        """Assign one Entra role; assigned before counts as done."""
        body = {
            "@odata.type": "#microsoft.graph.unifiedRoleAssignment",
            "roleDefinitionId": role_template_id,
            "principalId": service_principal_id,
            "directoryScopeId": "/",
        }
        self._act_once("POST", "/roleManagement/directory/roleAssignments", body)

    def credentials(self, object_id: str) -> list[Credential]:
        """The application's client secrets, ours and others'. Raises NotYetError if it is not visible yet."""
        application = self.read_application(object_id)
        if application is None:
            raise NotShownError("Microsoft does not show the new application everywhere yet.")
        found = VALUES.optional_entries(application.properties, "passwordCredentials")
        return [Credential(VALUES.text(entry, "keyId"), VALUES.optional(entry, "displayName")) for entry in found]

    # https://learn.microsoft.com/graph/api/application-addpassword
    def add_secret(self, object_id: str, display_name: str, ends_at: datetime) -> NewSecret:
        """Add a client secret. Not repeatable: the caller has saved an intent with this display name before."""
        body = {"passwordCredential": {"displayName": display_name, "endDateTime": readers.instant(ends_at)}}
        return readers.new_secret(json_of(self._act("POST", f"/applications/{object_id}/addPassword", body), SERVICE))

    # https://learn.microsoft.com/graph/api/application-removepassword
    def remove_secret(self, object_id: str, key_id: str) -> None:
        """Remove a client secret; gone before counts as done."""
        self._act_once("POST", f"/applications/{object_id}/removePassword", {"keyId": key_id})

    # https://learn.microsoft.com/graph/api/oauth2permissiongrant-list
    def delegated_grants(self, service_principal_id: str) -> list[DelegatedGrant]:
        """The delegated grants given to a client application in this tenant."""
        path = f"/oauth2PermissionGrants?$filter=clientId eq '{service_principal_id}'"
        return [readers.delegated_grant(grant) for grant in self._pages(path)]

    # https://learn.microsoft.com/graph/api/oauth2permissiongrant-update
    def narrow_delegated_grant(self, grant_id: str, scopes: list[str]) -> None:
        """Leave only these scopes in a delegated grant; gone before counts as done."""
        with contextlib.suppress(NotFoundError):
            self._answer("PATCH", f"/oauth2PermissionGrants/{grant_id}", json={"scope": " ".join(scopes)})

    # https://learn.microsoft.com/graph/api/oauth2permissiongrant-delete
    def remove_delegated_grant(self, grant_id: str) -> None:
        """Remove a delegated grant; gone before counts as done."""
        self._end_deletion("DELETE", f"/oauth2PermissionGrants/{grant_id}")

    def _end_deletion(self, method: str, path: str) -> None:
        with contextlib.suppress(NotFoundError):
            self._answer(method, path)

    def _service_principal(self, app_id: str, fields: str) -> dict[str, Any] | None:
        try:
            return self._look(f"/servicePrincipals(appId='{app_id}')?$select={fields}")
        except NotFoundError:
            return None

    def _find(self, path: str) -> Application | None:
        try:
            return readers.application(self._look(f"{path}?$select={APPLICATION_FIELDS}"))
        except NotFoundError:
            return None

    def _look(self, path: str, headers: dict[str, str] | None = None) -> dict[str, Any]:
        return json_of(self._answer("GET", path, headers=headers), SERVICE)

    def _pages(self, path: str, headers: dict[str, str] | None = None) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while path:
            page = self._look(path, headers)
            found += VALUES.entries(page, "value")
            path = VALUES.optional(page, "@odata.nextLink").removeprefix(self._base)
        return found

    def _act(
        self, method: str, path: str, body: Mapping[str, Any], headers: dict[str, str] | None = None
    ) -> requests.Response:
        try:
            return self._answer(method, path, json=body, headers=headers)
        except NotFoundError as missing:
            # We act only on objects whose ids Graph has given us: it has not copied them here yet, or they were deleted.
            raise _not_copied_yet(missing) from missing

    def _act_once(self, method: str, path: str, body: Mapping[str, Any]) -> None:
        try:
            self._act(method, path, body)
        except GraphRefusedError as refusal:
            if refusal.meaning not in {Meaning.EXISTS, Meaning.GONE}:
                raise

    def _answer(self, method: str, path: str, **kwargs: Any) -> requests.Response:
        response = self._send(method, path, False, **kwargs)
        if response.status_code == requests.codes.unauthorized:
            response = self._send(method, path, True, **kwargs)
        if response.ok:
            return response
        raise refusal_of(response)

    def _send(self, method: str, path: str, renew: bool, **kwargs: Any) -> requests.Response:
        headers = {
            "Authorization": f"Bearer {self._token(renew)}",
            "client-request-id": str(uuid.uuid4()),
            "x-ms-throttle-priority": "low" if is_bulk.get() else "high",
            **(kwargs.pop("headers", None) or {}),
        }
        if self._rate_limit is None:
            return exchange(self._session, SERVICE, method, self._base + path, headers=headers, **kwargs)
        self._rate_limit.acquire(method, path)
        try:
            response = exchange(self._session, SERVICE, method, self._base + path, headers=headers, **kwargs)
        except RemoteUnavailableError as busy:
            if busy.code == str(requests.codes.too_many_requests):
                self._rate_limit.throttled(method, busy.retry_after)
            raise
        self._rate_limit.apply_usage(method, response.headers.get("x-ms-throttle-limit-percentage"))
        return response


def _not_copied_yet(missing: NotFoundError) -> NotShownError:
    return NotShownError(
        "Microsoft is still copying this to its data centres.", code=missing.code, answer=missing.answer
    )
