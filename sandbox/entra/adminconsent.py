"""The admin consent endpoints, v1 and v2.

https://learn.microsoft.com/entra/identity-platform/v2-admin-consent
"""

from __future__ import annotations

from dataclasses import dataclass

from werkzeug import Request, Response

from sandbox import directory, pages
from sandbox.catalogue import GRAPH_APP_ID
from sandbox.entra import clients, scopes
from sandbox.entra.authorize import go_to, permission_list
from sandbox.entra.errors import EntraError
from sandbox.entra.sign_in import CONSENT_ROLES, FULL_CONSENT_ROLES, SignInRequest, has_any_role
from sandbox.model import Tenant, User
from sandbox.world import World


@dataclass
class Grant:
    """The permissions to grant on one resource."""

    resource_id: str
    scopes: list[str]
    role_ids: list[str]


@dataclass
class AdminConsent(SignInRequest):
    """One request. Version 1 grants what the registration requires, version 2 what `scope` names."""

    version: int

    def answer(self) -> Response:
        try:
            grants = self._grants()
        except EntraError as error:
            return self.refuse(error)
        who = self.signed_in_user(self.refuse)
        if isinstance(who, Response):
            return who
        tenant, user = who
        if not has_any_role(tenant, user, self._who_may(grants)):
            return self._not_an_admin(user)
        answer = self.request.form.get("consent")
        if answer == "decline":
            return self._declined()
        if answer != "accept":
            return self._page(tenant, user, grants)
        self._record(tenant, grants)
        return self._accepted(tenant)

    def _who_may(self, grants: list[Grant]) -> tuple[str, ...]:
        wants_graph_roles = any(g.role_ids for g in grants if g.resource_id == GRAPH_APP_ID)
        return FULL_CONSENT_ROLES if wants_graph_roles else CONSENT_ROLES

    def _grants(self) -> list[Grant]:
        if self.version == 1:
            return self._registered()
        scope = self.request.args.get("scope", "")
        if not scope:
            raise EntraError(90014, field="scope")
        wanted = scopes.parse(self.world, self.application, scope)
        if any(asked.is_default for asked in wanted.asked):
            # `/.default` means everything that the registration requires, for any resource.
            return self._registered()
        return [Grant(asked.resource.app_id, asked.values, []) for asked in wanted.asked]

    def _registered(self) -> list[Grant]:
        grants: list[Grant] = []
        for block in self.application.properties.get("requiredResourceAccess") or []:
            api = directory.resource(self.world.state, block["resourceAppId"])
            if api is not None:
                grants.append(Grant(api.app_id, *scopes.required(self.application, api)))
        return grants

    def _page(self, tenant: Tenant, user: User, grants: list[Grant]) -> Response:
        wanted = [(grant.resource_id, grant.scopes + self._role_values(grant)) for grant in grants]
        body = (
            pages.paragraph(f"{self.application.display_name} would like to, for all of {tenant.name}:")
            + permission_list(self.world, wanted)
            + pages.paragraph("If you accept, this app gets these permissions for the whole organisation.", "soft")
        )
        buttons = [("consent", "decline", "Cancel"), ("consent", "accept", "Accept")]
        return self.form_page("Permissions requested: review for your organization", user, body, buttons)

    def _role_values(self, grant: Grant) -> list[str]:
        api = directory.resource(self.world.state, grant.resource_id)
        found = [api.by_role_id(role_id) for role_id in grant.role_ids] if api else []
        return [permission.value for permission in found if permission]

    def _record(self, tenant: Tenant, grants: list[Grant]) -> None:
        now = self.world.clock.now()
        client = directory.ensure_service_principal(tenant, self.application.app_id, now)
        for grant in grants:
            target = directory.ensure_service_principal(tenant, grant.resource_id, now)
            if grant.scopes:
                directory.consent(tenant, client, target, grant.scopes, None)
            for role_id in grant.role_ids:
                directory.grant_role(tenant, client, target, role_id, now)
        self.world.touch()

    def _not_an_admin(self, user: User) -> Response:
        error = EntraError(90094, name=self.application.display_name)
        if self.request.form.get("consent") == "decline":
            return self.refuse(error)
        body = pages.paragraph(error.text)
        return self.form_page("Need admin approval", user, body, [("consent", "decline", "Return to the application")])

    def _declined(self) -> Response:
        error = EntraError(65004)
        if self.version == 1:
            return self.refuse(error)
        text = error.description(self.world.clock)
        return self._back({"error": "consent_required", "error_description": text, "admin_consent": "True"})

    def refuse(self, error: EntraError) -> Response:
        return self._back({"error": error.definition.error, "error_description": error.description(self.world.clock)})

    def _accepted(self, tenant: Tenant) -> Response:
        values = {"admin_consent": "True", "tenant": tenant.id}
        if self.version == 2:
            values["scope"] = self.request.args.get("scope", "")
        return self._back(values)

    def _back(self, values: dict[str, str]) -> Response:
        if "state" in self.request.args:
            values["state"] = self.request.args["state"]
        return go_to(self.request.args["redirect_uri"], values)


def admin_consent(world: World, request: Request, segment: str, version: int) -> Response:
    """Answer one request. Raises EntraError if no trusted redirect URI could receive the error."""
    tenant = None if segment.lower() in clients.ANY_TENANT else clients.tenant_of(world, segment)
    client_id, redirect_uri = request.args.get("client_id", ""), request.args.get("redirect_uri", "")
    if not client_id:
        raise EntraError(90014, field="client_id")
    application = clients.application_of(world, client_id, tenant)
    if redirect_uri not in application.redirect_uris:
        raise EntraError(50011, redirect_uri=redirect_uri, app_id=client_id)
    return AdminConsent(world, request, tenant, application, version).answer()
