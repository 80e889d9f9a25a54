"""OpenID Connect's userinfo, which Microsoft has on Graph's host.

https://learn.microsoft.com/entra/identity-platform/userinfo
"""

from __future__ import annotations

from sandbox.entra.tokens import pairwise_subject
from sandbox.graph.errors import GraphError, denied
from sandbox.graph.routing import Answer, Caller
from sandbox.model import JsonObject


def answer(caller: Caller, method: str) -> Answer:
    """What an access token of Graph may know of its user, by its OpenID scopes. Raises GraphError without `openid`."""
    if method not in ("GET", "POST"):
        raise GraphError(405, "Request_BadRequest", "Specified HTTP method is not allowed for the request target.")
    user = caller.user
    if user is None or "openid" not in caller.permissions:
        raise denied()
    found: JsonObject = {"sub": pairwise_subject(user, caller.app_id)}
    if "profile" in caller.permissions:
        found |= {"name": user.display_name, "given_name": user.display_name}
    if "email" in caller.permissions and not user.is_guest:
        found["email"] = user.upn
    return Answer(200, found)
