"""The sign-in pages: pick an account, and check that it may sign in.

The pages keep no state on the server. Each form posts to its own URL and includes the earlier answers, so that reload,
back and several tabs work.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from html import escape

from werkzeug import Request, Response

from sandbox import pages
from sandbox.catalogue import (
    APPLICATION_ADMINISTRATOR,
    CLOUD_APPLICATION_ADMINISTRATOR,
    DIRECTORY_ROLES,
    GLOBAL_ADMINISTRATOR,
    PRIVILEGED_ROLE_ADMINISTRATOR,
)
from sandbox.entra.errors import EntraError
from sandbox.model import Application, Tenant, User
from sandbox.world import World

# Roles that may consent for all users. Only the first two may grant Graph's application permissions.
# https://learn.microsoft.com/entra/identity/enterprise-apps/grant-admin-consent
FULL_CONSENT_ROLES = (GLOBAL_ADMINISTRATOR, PRIVILEGED_ROLE_ADMINISTRATOR)
SIGNED_IN_COOKIE = "ESTSAUTH"  # the ids of the accounts that this browser has signed in to
ASKS_AGAIN = ("select_account", "login")
CONSENT_ROLES = (*FULL_CONSENT_ROLES, APPLICATION_ADMINISTRATOR, CLOUD_APPLICATION_ADMINISTRATOR)


@dataclass
class SignInRequest:
    """A request to a sign-in page; `tenant` is None for `organizations`."""

    world: World
    request: Request
    tenant: Tenant | None
    application: Application

    def signed_in_user(self, refuse: Callable[[EntraError], Response]) -> tuple[Tenant, User] | Response:
        """The user who signs in, or the page to show first."""
        chosen = self._chosen()
        if chosen is None:
            return self._account_picker()
        tenant, user = chosen
        if not user.enabled:
            return self.blocked_page(EntraError(50057), "This account is disabled", user)
        if user.blocked_by_conditional_access:
            return self.blocked_page(EntraError(53003), "You cannot access this right now", user)
        if user.mfa_setup_needed:
            return self._set_up_mfa(user, refuse)
        return tenant, user

    def _accounts(self) -> list[tuple[Tenant, User]]:
        tenants = [self.tenant] if self.tenant else list(self.world.state.tenants.values())
        people = [(tenant, user) for tenant in tenants for user in tenant.users.values()]
        args = self.request.args
        hint, domain = args.get("login_hint", "").lower(), args.get("domain_hint", "").lower()
        return sorted(people, key=lambda p: (p[1].upn.lower() != hint, p[0].domain.lower() != domain))

    def _chosen(self) -> tuple[Tenant, User] | None:
        wanted = self.request.form.get("user") or self._known_by_hint()
        return next(((t, u) for t, u in self._accounts() if wanted == u.id), None)

    def _known_by_hint(self) -> str:
        """The account that the client suggests, if this browser is signed in to it and need not be asked again.

        https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow (login_hint, prompt)
        """
        args = self.request.args
        known = self.request.cookies.get(SIGNED_IN_COOKIE, "").split(".")
        hint = args.get("login_hint", "").lower()
        if not hint or args.get("prompt") in ASKS_AGAIN:
            return ""
        return next((user.id for _, user in self._accounts() if user.upn.lower() == hint and user.id in known), "")

    def _account_picker(self) -> Response:
        rows = "".join(
            f'<li><button class="row" name="user" value="{user.id}"><b>{escape(user.display_name)}</b>'
            f"<span>{escape(user.upn)}</span><span>{escape(tenant.name)} · {escape(describe(tenant, user))}</span>"
            "</button></li>"
            for tenant, user in self._accounts()
        )
        lead = pages.paragraph(f"to continue to {self.application.display_name}", "soft")
        empty = "" if rows else pages.paragraph("This organization has no users.")
        return pages.page("Pick an account", f'{lead}{empty}<form method="post"><ul class="plain">{rows}</ul></form>')

    def _set_up_mfa(self, user: User, refuse: Callable[[EntraError], Response]) -> Response:
        answer = self.request.form.get("mfa")
        error = EntraError(50079, app_id=self.application.app_id)
        if answer == "cancel":
            return refuse(error)
        if answer == "finish":
            user.mfa_setup_needed = False
            self.world.touch()
            return self._continue(user)
        lead = pages.paragraph(f"{user.upn} must set up multifactor authentication.")
        buttons = [("mfa", "cancel", "Cancel"), ("mfa", "finish", "Finish setup")]
        return self.form_page("More information required", user, lead + pages.paragraph(error.text, "soft"), buttons)

    def _continue(self, user: User) -> Response:
        body = pages.paragraph("Your account is ready to sign in.")
        return self.form_page("Setup complete", user, body, [("done", "yes", "Continue")])

    def form_page(self, title: str, user: User, body: str, buttons: list[tuple[str, str, str]]) -> Response:
        """A page with a form that keeps the chosen account. The last button is the primary one."""
        acts = ""
        for index, (name, value, words) in enumerate(buttons):
            kind = ' class="main"' if index == len(buttons) - 1 else ""
            acts += f'<button{kind} name="{name}" value="{value}">{escape(words)}</button>'
        return pages.page(
            title,
            f'{pages.paragraph(user.upn, "soft")}<form method="post">{pages.hidden("user", user.id)}{body}'
            f'<div class="acts">{acts}</div></form>',
        )

    def blocked_page(self, error: EntraError, title: str, user: User) -> Response:
        """An error that Microsoft shows on its own page, without a redirect to the client."""
        body = (
            pages.paragraph(user.upn, "soft")
            + pages.paragraph("Your sign-in was not successful.")
            + details(error, self.world)
            + f'<div class="acts"><a href="{escape(self.request.url)}">Use another account</a></div>'
        )
        return pages.page(title, body, status=403)


def describe(tenant: Tenant, user: User) -> str:
    """Roles and flags of an account, for the account picker."""
    marks = [DIRECTORY_ROLES[role] for role in tenant.roles_of(user.id)]
    marks += [f"{DIRECTORY_ROLES[role]} (eligible, not active)" for role in user.eligible_roles]
    marks = marks or ["no role"]
    if user.is_guest:
        marks.insert(0, "guest")
    if not user.enabled:
        marks.append("disabled")
    if user.mfa_setup_needed:
        marks.append("must set up MFA")
    if user.blocked_by_conditional_access:
        marks.append("blocked by Conditional Access")
    return ", ".join(marks)


def has_any_role(tenant: Tenant, user: User, roles: tuple[str, ...]) -> bool:
    return any(role in roles for role in tenant.roles_of(user.id))


def details(error: EntraError, world: World) -> str:
    """The error's text and its details for support, as HTML."""
    return (
        f"<p>{escape(error.text)}</p><h2>Troubleshooting details</h2><dl><dt>Error code</dt><dd>{error.code}</dd>"
        f"<dt>Request id</dt><dd><code>{error.trace_id}</code></dd>"
        f"<dt>Correlation id</dt><dd><code>{error.correlation_id}</code></dd>"
        f"<dt>Timestamp</dt><dd>{world.clock.instant()}</dd></dl>"
    )


def error_page(error: EntraError, world: World) -> Response:
    return pages.page("Sorry, but we’re having trouble signing you in", details(error, world), status=400)
