"""The authorization endpoint: pick an account, consent, and redirect to the client with a code.

https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from html import escape
from urllib.parse import urlencode

from werkzeug import Request, Response
from werkzeug.utils import redirect

from sandbox import directory, pages
from sandbox.catalogue import GRAPH
from sandbox.entra import clients, scopes
from sandbox.entra.errors import EntraError
from sandbox.entra.sign_in import CONSENT_ROLES, SignInRequest, has_any_role
from sandbox.entra.token import Code, TokenEndpoint, raise_simulated_error
from sandbox.model import Tenant, User
from sandbox.world import World

CODE_LIFETIME_SECONDS = 600
RESPONSE_TYPES = tuple(
    frozenset(kind.split()) for kind in ("code", "id_token", "code id_token", "id_token token", "token")
)
RESPONSE_MODES = ("query", "fragment", "form_post")


@dataclass
class Authorization(SignInRequest):
    """One authorization request with a valid client and redirect URI."""

    endpoint: TokenEndpoint

    def answer(self) -> Response:
        args = self.request.args
        try:
            self._check()
            wanted = scopes.parse(self.world, self.application, args.get("scope", ""))
        except EntraError as error:
            return self.refuse(error)
        if args.get("prompt") == "none":
            return self.refuse(EntraError(50058))
        who = self.signed_in_user(self.refuse)
        if isinstance(who, Response):
            return who
        tenant, user = who
        try:
            raise_simulated_error(user, self.application, "sign_in")
        except EntraError as error:
            return self.refuse(error)
        try:
            clients.check_enabled(self.application, tenant)
        except EntraError as error:
            return self.blocked_page(error, "This application is disabled", user)
        missing = self._missing(tenant, user, wanted)
        if missing:
            answered = self._consent(tenant, user, missing)
            if answered is not None:
                return answered
        try:
            return self._finish(tenant, user, wanted)
        except EntraError as error:  # the scopes of two APIs, of which one access token can have those of one alone
            return self.refuse(error)

    @property
    def wishes(self) -> frozenset[str]:
        """What the response type asks for: code, id_token, token."""
        return frozenset(self.request.args.get("response_type", "").split())

    @property
    def mode(self) -> str:
        """How the answer goes back. Tokens never go back in a query."""
        return self.request.args.get("response_mode") or ("query" if self.wishes == {"code"} else "fragment")

    def _check(self) -> None:
        args = self.request.args
        if self.wishes not in RESPONSE_TYPES:
            raise EntraError(90023, parameter="response_type")
        if self.mode not in RESPONSE_MODES or (self.mode == "query" and self.wishes != {"code"}):
            raise EntraError(90023, parameter="response_mode")
        if self.wishes != {"code"}:
            self._check_implicit()
        if not args.get("scope"):
            raise EntraError(90014, field="scope")
        if args.get("code_challenge_method", "S256") not in ("S256", "plain"):
            raise EntraError(90023, parameter="code_challenge_method")

    def _check_implicit(self) -> None:
        """https://learn.microsoft.com/entra/identity-platform/v2-oauth2-implicit-grant-flow"""
        switches = (self.application.properties.get("web") or {}).get("implicitGrantSettings") or {}
        if "id_token" in self.wishes and not switches.get("enableIdTokenIssuance"):
            raise EntraError(700054, app_id=self.application.app_id)
        if "token" in self.wishes and not switches.get("enableAccessTokenIssuance"):
            raise EntraError(700051, app_id=self.application.app_id)
        if "id_token" in self.wishes and not self.request.args.get("nonce"):
            raise EntraError(90014, field="nonce")

    def _missing(self, tenant: Tenant, user: User, wanted: scopes.ScopeRequest) -> list[tuple[str, list[str]]]:
        """Scopes without consent, as (resource id, scopes)."""
        needed = {asked.resource.app_id: scopes.expand(self.application, asked) for asked in wanted.asked}
        needed[GRAPH.app_id] = [*wanted.openid, *needed.get(GRAPH.app_id, [])]
        missing: list[tuple[str, list[str]]] = []
        for resource_id, values in needed.items():
            have = directory.consented_scopes(tenant, self.application.app_id, resource_id, user.id)
            if self.request.args.get("prompt") == "consent" and "consent" not in self.request.form:
                have = []
            left = [value for value in values if value not in have]
            missing += [(resource_id, left)] if left else []
        return missing

    def _consent(self, tenant: Tenant, user: User, missing: list[tuple[str, list[str]]]) -> Response | None:
        """Ask for consent, or record the answer. Returns None once consent was given."""
        is_admin = has_any_role(tenant, user, CONSENT_ROLES)
        answer = self.request.form.get("consent")
        if not is_admin and self._restricted(missing):
            error = EntraError(90094, name=self.application.display_name)
            return self.refuse(error) if answer == "decline" else self._need_admin(user, error)
        if answer == "decline":
            return self.refuse(EntraError(65004), subcode="cancel")
        if answer != "accept":
            return self._consent_page(tenant, user, missing, is_admin)
        everybody = is_admin and self.request.form.get("organisation") == "yes"
        self._record(tenant, None if everybody else user.id, missing)
        return None

    def _restricted(self, missing: list[tuple[str, list[str]]]) -> bool:
        for resource_id, values in missing:
            api = directory.resource(self.world.state, resource_id)
            found = [api.by_scope(value) for value in values] if api else []
            if any(permission and permission.admin_only for permission in found):
                return True
        return False

    def _record(self, tenant: Tenant, principal_id: str | None, missing: list[tuple[str, list[str]]]) -> None:
        now = self.world.clock.now()
        client = directory.ensure_service_principal(tenant, self.application.app_id, now)
        for resource_id, values in missing:
            target = directory.ensure_service_principal(tenant, resource_id, now)
            directory.consent(tenant, client, target, values, principal_id)
        self.world.touch()

    def _need_admin(self, user: User, error: EntraError) -> Response:
        body = pages.paragraph(error.text)
        return self.form_page(
            "Need admin approval", user, body, [("consent", "decline", "Return to the application without consent")]
        )

    def _consent_page(
        self, tenant: Tenant, user: User, missing: list[tuple[str, list[str]]], is_admin: bool
    ) -> Response:
        body = pages.paragraph(self.application.display_name) + pages.paragraph(
            f"This application is not published by {tenant.name}. It would like to:"
        )
        body += permission_list(self.world, missing)
        if is_admin:
            body += (
                '<label><input type="checkbox" name="organisation" value="yes">'
                "<span>Consent on behalf of your organization</span></label>"
            )
        buttons = [("consent", "decline", "Cancel"), ("consent", "accept", "Accept")]
        return self.form_page("Permissions requested", user, body, buttons)

    def _finish(self, tenant: Tenant, user: User, wanted: scopes.ScopeRequest) -> Response:
        args = self.request.args
        directory.ensure_service_principal(tenant, self.application.app_id, self.world.clock.now())
        answer = {"session_state": secrets.token_hex(16)}
        if "code" in self.wishes:
            answer["code"] = self._new_code(tenant, user)
        if "token" in self.wishes:
            answer |= self.endpoint.implicit(tenant, user, self.application, args["scope"])
        if "id_token" in self.wishes:
            answer["id_token"] = self.endpoint.issuer.id_token(
                tenant,
                user,
                self.application,
                args.get("nonce"),
                wanted.openid,
                code=answer.get("code"),
                access_token=answer.get("access_token"),
            )
        return self.go_back(answer)

    def _new_code(self, tenant: Tenant, user: User) -> str:
        args = self.request.args
        code = f"1.{secrets.token_urlsafe(40)}"
        self.endpoint.codes[code] = Code(
            client_id=self.application.app_id,
            tenant_id=tenant.id,
            user_id=user.id,
            redirect_uri=args["redirect_uri"],
            scope=args["scope"],
            nonce=args.get("nonce"),
            challenge=args.get("code_challenge"),
            challenge_method=args.get("code_challenge_method", "plain"),
            expires_at=self.world.clock.now() + CODE_LIFETIME_SECONDS,
        )
        return code

    def refuse(self, error: EntraError, subcode: str | None = None) -> Response:
        """Redirect to the client with an error."""
        values = {"error": error.definition.error, "error_description": error.description(self.world.clock)}
        if subcode:
            values["error_subcode"] = subcode
        return self.go_back(values)

    def go_back(self, values: dict[str, str]) -> Response:
        args = self.request.args
        if "state" in args:
            values["state"] = args["state"]
        if self.mode == "form_post":
            return post_back(args["redirect_uri"], values)
        return go_to(args["redirect_uri"], values, in_fragment=self.mode == "fragment")


def permission_list(world: World, wanted: list[tuple[str, list[str]]]) -> str:
    """An HTML list of the permissions: description and Microsoft's name."""
    rows = ""
    for resource_id, values in wanted:
        api = directory.resource(world.state, resource_id)
        for value in values:
            permission = next((p for p in api.permissions if p.value == value), None) if api else None
            words = permission.description if permission and permission.description else value
            rows += f'<li class="row"><b>{escape(words)}</b><span>{escape(value)}</span></li>'
    return f'<ul class="plain">{rows}</ul>'


def go_to(url: str, values: dict[str, str], *, in_fragment: bool = False) -> Response:
    joint = "#" if in_fragment else "&" if "?" in url else "?"
    response = redirect(f"{url}{joint}{urlencode(values)}" if values else url, 302)
    return Response(response.get_data(), response.status, response.headers)


def post_back(url: str, values: dict[str, str]) -> Response:
    """response_mode=form_post: a page that submits itself. The button works without JavaScript."""
    fields = "".join(pages.hidden(name, value) for name, value in values.items())
    words = pages.paragraph("Returning to the application.")
    body = (
        f'<form method="post" action="{escape(url)}" id="back">{fields}{words}'
        '<div class="acts"><button class="main">Continue</button></div></form>'
    )
    return pages.page("Working…", body, script="document.getElementById('back').submit()")


def authorize(world: World, endpoint: TokenEndpoint, request: Request, segment: str) -> Response:
    """Answer one request. Raises EntraError if no trusted redirect URI could receive the error."""
    tenant = None if segment.lower() in clients.ANY_TENANT else clients.tenant_of(world, segment)
    client_id, redirect_uri = request.args.get("client_id", ""), request.args.get("redirect_uri", "")
    if not client_id:
        raise EntraError(90014, field="client_id")
    application = clients.application_of(world, client_id, tenant)
    if redirect_uri not in application.redirect_uris:
        raise EntraError(50011, redirect_uri=redirect_uri, app_id=client_id)
    return Authorization(world, request, tenant, application, endpoint).answer()
