"""The API of the UMPs, below `/ump/<name>/tenantui`."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import jwt
from werkzeug import Request, Response
from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.routing import Map, Rule

from sandbox.entra.token import TokenEndpoint
from sandbox.model import JsonObject, Ump, UmpCustomer
from sandbox.ump import contract, jobs, reach
from sandbox.ump.contract import UmpError
from sandbox.world import World

PORTAL = "/api/portal/v1"
SETTINGS = f"{PORTAL}/system-settings"
CONNECTION = f"{PORTAL}/customers/<customer>/connection"
UMP_VERSION = "8.0.500"


@dataclass
class UmpCall:
    """A call to a UMP with a valid token."""

    world: World
    endpoint: TokenEndpoint
    ca_bundle: Path
    ump: Ump
    request: Request
    values: dict[str, str]

    def body(self) -> JsonObject:
        if not self.request.is_json:
            raise UmpError(400, "InvalidBody", "The body must be JSON.")
        try:
            body = json.loads(self.request.get_data())
        except ValueError:
            raise UmpError(400, "InvalidBody", "The body is not valid JSON.") from None
        return body if isinstance(body, dict) else {"": body}

    def customer(self) -> UmpCustomer:
        customer = self.ump.customers.get(self.values["customer"].lower())
        if customer is None:
            raise UmpError(404, "CustomerNotFound", "No service has this id.")
        return customer

    def validation(self, problem: str | None) -> Response:
        return _json({"valid": problem is None, "checkedAt": self.world.clock.instant(), "error": problem})

    # System settings

    def settings(self) -> Response:
        ump = self.ump
        body = {
            "clientId": ump.client_id,
            "clientSecretHint": ump.client_secret[:3] if ump.client_secret else None,
            "redirectUri": ump.redirect_uri,
            "customerAuthenticationPortalUrl": ump.portal_url,
            "umpVersion": UMP_VERSION,
            "changedAt": ump.changed,
        }
        response = _json(body)
        response.headers["ETag"] = f'"{ump.version}"'
        return response

    def read_settings(self) -> Response:
        return self.settings()

    def _check_etag(self) -> None:
        wanted = self.request.headers.get("If-Match")
        if wanted and wanted.strip() not in ("*", f'"{self.ump.version}"'):
            raise UmpError(412, "PreconditionFailed", "The settings were changed since they were read.")

    def _changed(self) -> Response:
        self.ump.version += 1
        self.ump.changed = self.world.clock.instant()
        return self.settings()

    def apply_sync_app(self) -> Response:
        values = contract.check(self.body(), contract.SYNC_APP)
        self._check_etag()
        self.ump.client_id = values["clientId"]
        self.ump.client_secret = values["clientSecret"]
        self.ump.redirect_uri = values["redirectUri"]
        return self._changed()

    def validate_sync_app(self) -> Response:
        ump = self.ump
        problem = reach.token_problem(self.endpoint, ump.tenant_id, ump.client_id, ump.client_secret)
        return self.validation(problem)

    def apply_portal(self) -> Response:
        values = contract.check(self.body(), contract.AUTHENTICATION_PORTAL)
        self._check_etag()
        self.ump.portal_url = values["customerAuthenticationPortalUrl"]
        return self._changed()

    def validate_portal(self) -> Response:
        # The world is not locked here: this is a network call, and the server it calls may call the sandbox meanwhile.
        return self.validation(reach.portal_problem(self.ump.portal_url, self.ca_bundle))

    # Services and their connections

    def _connection(self, customer: UmpCustomer) -> Response:
        connection = customer.connection
        return _json(
            {
                "method": connection.method,
                "tenantId": customer.tenant_id,
                "username": connection.username,
                "applicationClientId": connection.client_id if connection.method == "app_registration" else None,
                "clientSecretDaysUntilExpire": reach.days_until_expiry(self.endpoint, connection),
                "lastAuthenticationStatus": connection.last_status,
            }
        )

    def read_connection(self) -> Response:
        return self._connection(self.customer())

    def apply_delegated_token(self) -> Response:
        customer = self.customer()
        values = contract.check(self.body(), contract.DELEGATED_TOKEN)
        if customer.tenant_id and values["tenantId"].lower() != customer.tenant_id:
            raise UmpError(400, "WrongTenant", "tenantId: is not the tenant of this service.")
        connection = customer.connection
        connection.method, connection.username = "delegated_token", values["username"]
        connection.refresh_token = values["refreshToken"]
        connection.client_id = connection.client_secret = connection.last_status = None
        return self._connection(customer)

    def validate_connection(self) -> Response:
        customer = self.customer()
        problem = self._connection_problem(customer)
        customer.connection.last_status = "Failed" if problem else "Successful"
        return self.validation(problem)

    def _connection_problem(self, customer: UmpCustomer) -> str | None:
        connection, tenant_id = customer.connection, customer.tenant_id
        if connection.method is None or not tenant_id:
            return "The service is not connected."
        if connection.refresh_token:
            ump = self.ump
            return reach.refresh_problem(
                self.endpoint, tenant_id, ump.client_id, ump.client_secret, connection.refresh_token
            )
        return reach.token_problem(self.endpoint, tenant_id, connection.client_id, connection.client_secret)

    def list_customers(self) -> Response:
        return _json([_customer(customer) for customer in self.ump.customers.values()])

    def read_customer(self) -> Response:
        return _json(_customer(self.customer()))

    def patch_customer(self) -> Response:
        customer = self.customer()
        change = contract.check(self.body(), contract.CUSTOMER, all_required=False)
        if not change:
            raise UmpError(400, "InvalidBody", "The body changes nothing.")
        if "licenseType" in change:
            contract.check_license_change(customer.license_type, change["licenseType"])
        return _json({"jobId": jobs.start(self.endpoint, self.ump, customer, change).id})

    def read_task(self) -> Response:
        job = self.ump.jobs.get(self.values["task"])
        if job is None:
            raise UmpError(404, "TaskNotFound", "No task has this id.")
        jobs.advance(self.endpoint, self.ump, job)
        return _json(jobs.shown(job))


Handler = Callable[[UmpCall], Response]
ADDRESSES = Map(
    [
        Rule(SETTINGS, endpoint=UmpCall.read_settings, methods=["GET"]),
        Rule(f"{SETTINGS}/sync-app", endpoint=UmpCall.apply_sync_app, methods=["PUT"]),
        Rule(f"{SETTINGS}/sync-app/validate", endpoint=UmpCall.validate_sync_app, methods=["POST"]),
        Rule(f"{SETTINGS}/authentication-portal", endpoint=UmpCall.apply_portal, methods=["PUT"]),
        Rule(f"{SETTINGS}/authentication-portal/validate", endpoint=UmpCall.validate_portal, methods=["POST"]),
        Rule(CONNECTION, endpoint=UmpCall.read_connection, methods=["GET"]),
        Rule(CONNECTION, endpoint=UmpCall.apply_delegated_token, methods=["PUT"]),
        Rule(f"{CONNECTION}/validate", endpoint=UmpCall.validate_connection, methods=["POST"]),
        Rule("/api/v3/customer", endpoint=UmpCall.list_customers, methods=["GET"]),
        Rule("/api/v3/customer/<customer>", endpoint=UmpCall.read_customer, methods=["GET"]),
        Rule("/api/v3/customer/<customer>", endpoint=UmpCall.patch_customer, methods=["PATCH"]),
        Rule("/api/v2/task/<task>", endpoint=UmpCall.read_task, methods=["GET"]),
    ]
)
# Handlers that make network calls. The world must not be locked while they run.
UNLOCKED: tuple[Handler, ...] = (UmpCall.validate_portal,)


@dataclass
class Umps:
    """All UMPs of the sandbox."""

    world: World
    endpoint: TokenEndpoint
    ca_bundle: Path

    def answer(self, request: Request) -> Response:
        try:
            return self._answer(request)
        except UmpError as error:
            return _json(error.body(), error.status)

    def _answer(self, request: Request) -> Response:
        name, _, rest = request.path.removeprefix("/ump/").partition("/tenantui")
        ump = self.world.state.umps.get(name)
        if ump is None:
            raise UmpError(404, "NotFound", "No UMP has this name.")
        if ump.offline == "cut":
            raise ConnectionAbortedError("this UMP is off")
        if ump.offline:
            raise UmpError(503, "ServiceUnavailable", "The service is unavailable.")
        if ump.lacks_contract_api and rest.startswith("/api/portal/"):
            raise UmpError(404, "NotFound", "Not found.")
        self._check_token(ump, request)
        handler, values = self._route(request, rest)
        call = UmpCall(self.world, self.endpoint, self.ca_bundle, ump, request, values)
        if handler in UNLOCKED:
            return handler(call)
        with self.world.lock:
            response = handler(call)
        self.world.touch()
        return response

    def _route(self, request: Request, path: str) -> tuple[Handler, dict[str, str]]:
        try:
            handler, values = ADDRESSES.bind("localhost").match(path, method=request.method)
        except MethodNotAllowed:
            raise UmpError(405, "MethodNotAllowed", "This method is not allowed here.") from None
        except HTTPException:
            raise UmpError(404, "NotFound", "Not found.") from None
        return handler, dict(values)

    def _check_token(self, ump: Ump, request: Request) -> None:
        """Raise UmpError (401) unless the call has a token for this UMP's API, issued by the UMP's tenant."""
        _, _, token = request.headers.get("Authorization", "").partition(" ")
        audiences = [f"api://{ump.api_app_id}", ump.api_app_id]
        try:
            claims = self.endpoint.issuer.keys.verify(token.strip(), audiences, self.world.clock.now())
        except jwt.InvalidTokenError:
            raise UmpError(401, "Unauthorized", "A valid bearer token for this UMP's API is needed.") from None
        if claims["tid"] != ump.tenant_id:
            raise UmpError(401, "Unauthorized", "The token comes from another tenant.")


def _customer(customer: UmpCustomer) -> JsonObject:
    return {
        "UmpCustomerGuid": customer.id,
        "CustomerShortName": customer.short_name,
        "CustomerFullName": customer.full_name,
        "LicenseType": customer.license_type,
        "LicensedUsersCount": customer.licensed_users,
        "MsTenantId": customer.tenant_id,
        "ActiveUserCount": 0,
    }


def _json(body: object, status: int = 200) -> Response:
    return Response(json.dumps(body), status=status, mimetype="application/json")
