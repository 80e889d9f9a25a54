"""Entra's routes: the API over HTTPS and the pages over HTTP."""

from __future__ import annotations

import json
from dataclasses import dataclass

from werkzeug import Request, Response
from werkzeug.exceptions import HTTPException, NotFound
from werkzeug.routing import Map, Rule

from sandbox.entra import adminconsent, clients, discovery
from sandbox.entra.authorize import authorize
from sandbox.entra.errors import EntraError
from sandbox.entra.logout import log_out
from sandbox.entra.sign_in import SIGNED_IN_COOKIE, error_page
from sandbox.entra.token import TokenEndpoint, refuse_device_code
from sandbox.model import JsonObject
from sandbox.urls import Urls
from sandbox.world import World

API_ROUTES = Map(
    [
        Rule("/common/discovery/instance", endpoint="instances", methods=["GET"]),
        Rule("/<tenant>/v2.0/.well-known/openid-configuration", endpoint="configuration", methods=["GET"]),
        Rule("/<tenant>/discovery/v2.0/keys", endpoint="keys", methods=["GET"]),
        Rule("/<tenant>/oauth2/v2.0/token", endpoint="token", methods=["POST"]),
        Rule("/<tenant>/oauth2/v2.0/devicecode", endpoint="devicecode", methods=["POST"]),
        Rule("/<tenant>/kerberos", endpoint="kerberos", methods=["GET", "POST"]),
    ]
)
PAGE_ROUTES = Map(
    [
        Rule("/<tenant>/oauth2/v2.0/authorize", endpoint="authorize", methods=["GET", "POST"]),
        Rule("/<tenant>/oauth2/v2.0/logout", endpoint="logout", methods=["GET", "POST"]),
        Rule("/<tenant>/v2.0/adminconsent", endpoint="consent2", methods=["GET", "POST"]),
        Rule("/<tenant>/adminconsent", endpoint="consent1", methods=["GET", "POST"]),
    ]
)


@dataclass
class Entra:
    """The Entra ID service."""

    world: World
    endpoint: TokenEndpoint
    urls: Urls

    def api(self, request: Request) -> Response:
        """Discovery, keys and tokens, and the pages: at Microsoft one host has all of them."""
        if PAGE_ROUTES.bind_to_environ(request.environ).test():
            return self.pages(request)
        try:
            endpoint, values = API_ROUTES.bind_to_environ(request.environ).match()
        except HTTPException as wrong:
            return Response(status=wrong.code or 404)
        try:
            with self.world.lock:
                self.world.start_request()
                answer = self._api_response(endpoint, values.get("tenant", ""), request)
        except EntraError as error:
            return _json(error.body(self.world.clock), error.definition.status)
        return _json(answer, 200)

    def _api_response(self, endpoint: str, tenant: str, request: Request) -> JsonObject:
        if endpoint == "instances":
            return discovery.instances(self.urls)
        if endpoint == "configuration":
            return discovery.configuration(self.world, self.urls, tenant)
        if endpoint == "keys":
            return self.endpoint.issuer.keys.jwks(f"{self.urls.entra}/{{tenantid}}/v2.0")
        if endpoint == "devicecode":
            refuse_device_code(self.world, tenant, request)
        if endpoint == "kerberos":  # discovery names it, as Microsoft's does; nothing here speaks it
            raise EntraError(90023, parameter="kerberos")
        client_id, secret = clients.credentials(request)
        answer = self.endpoint.grant(tenant, client_id, secret, request.form)
        self.world.touch()
        return answer

    def pages(self, request: Request) -> Response:
        """Sign-in and consent pages."""
        try:
            endpoint, values = PAGE_ROUTES.bind_to_environ(request.environ).match()
        except HTTPException as wrong:
            raise NotFound from wrong
        try:
            with self.world.lock:
                self.world.start_request()
                if endpoint == "authorize":
                    return _signed_in(request, authorize(self.world, self.endpoint, request, values["tenant"]))
                if endpoint == "logout":
                    return log_out(self.world, request, values["tenant"])
                return adminconsent.admin_consent(
                    self.world, request, values["tenant"], 2 if endpoint == "consent2" else 1
                )
        except EntraError as error:
            return error_page(error, self.world)


def _signed_in(request: Request, response: Response) -> Response:
    """Let the browser remember the account that was just chosen, as Microsoft's session cookies do."""
    chosen = request.form.get("user", "")
    if chosen:
        known = [each for each in request.cookies.get(SIGNED_IN_COOKIE, "").split(".") if each and each != chosen]
        response.set_cookie(SIGNED_IN_COOKIE, ".".join([*known, chosen]), httponly=True, samesite="Lax")
    return response


def _json(body: JsonObject, status: int) -> Response:
    response = Response(json.dumps(body), status=status, mimetype="application/json")
    response.headers["Cache-Control"] = "no-store, no-cache"
    response.headers["Pragma"] = "no-cache"
    return response
