"""The end-session endpoint: signs the browser out, and sends it back where the application may be reached.

https://learn.microsoft.com/entra/identity-platform/v2-protocols-oidc#send-a-sign-out-request
"""

from __future__ import annotations

from werkzeug import Request, Response

from sandbox import pages
from sandbox.entra import clients
from sandbox.entra.authorize import go_to
from sandbox.entra.sign_in import SIGNED_IN_COOKIE
from sandbox.model import User
from sandbox.world import World


def log_out(world: World, request: Request, segment: str) -> Response:
    """Forget the accounts of this browser, or the one that `logout_hint` names. Raises EntraError for an unknown tenant.

    The browser is redirected to `post_logout_redirect_uri` only if it is a redirect URI of an application that the tenant can
    use; otherwise it stays on this page.
    """
    any_tenant = segment.lower() in clients.ANY_TENANT
    tenant = None if any_tenant else clients.tenant_of(world, segment)
    wishes = request.values  # both GET and POST, as the specification asks
    target = wishes.get("post_logout_redirect_uri", "")
    usable = (
        application
        for home in world.state.tenants.values()
        for application in home.applications.values()
        if application.is_multitenant or home is tenant
    )
    if target and any(target in application.redirect_uris for application in usable):
        response = go_to(target, {"state": wishes["state"]} if "state" in wishes else {})
    else:
        body = pages.paragraph("It is a good idea to close all browser windows.")
        response = pages.page("You signed out of your account", body)
    left = _left(world, request.cookies.get(SIGNED_IN_COOKIE, ""), wishes.get("logout_hint", ""))
    if left:
        response.set_cookie(SIGNED_IN_COOKIE, left, httponly=True, samesite="Lax")
    else:
        response.delete_cookie(SIGNED_IN_COOKIE, httponly=True, samesite="Lax")
    return response


def _left(world: World, cookie: str, hint: str) -> str:
    """The accounts that stay signed in: the others, if one is named, or none."""
    people: list[User] = [user for tenant in world.state.tenants.values() for user in tenant.users.values()]
    named = {user.id for user in people if hint and hint.lower() in (user.upn.lower(), f"o.{user.id}")}
    return ".".join(user_id for user_id in cookie.split(".") if user_id and named and user_id not in named)
