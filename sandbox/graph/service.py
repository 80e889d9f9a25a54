"""Handles a call to Graph: token, route, permission, response. Also $batch."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit
from uuid import uuid4

from werkzeug import Request, Response

from sandbox.entra.keys import SigningKeys
from sandbox.graph import (
    applications,
    credentials,
    deleted,
    grants,
    odata,
    owners,
    roles,
    service_principals,
    tenant,
    userinfo,
)
from sandbox.graph.access import caller_of, check
from sandbox.graph.errors import GraphError, bad_request, wrong_segment
from sandbox.graph.quota import Quotas
from sandbox.graph.routing import Answer, Caller, GraphCall, Route, canonical
from sandbox.model import JsonObject, Tenant
from sandbox.urls import Urls
from sandbox.world import World

ROUTES: list[Route] = [
    route
    for module in (applications, owners, credentials, service_principals, grants, roles, tenant, deleted)
    for route in module.router.routes
]
MOST_BATCH_PARTS = 20
USERINFO = "/oidc/userinfo"  # OpenID Connect's, on Graph's host


@dataclass
class Graph:
    """The Microsoft Graph service."""

    world: World
    keys: SigningKeys
    urls: Urls
    allow_localhost_redirects: bool
    quotas: Quotas = field(default_factory=Quotas)

    def answer(self, request: Request) -> Response:
        request_id = str(uuid4())
        client_request_id = request.headers.get("client-request-id") or request_id
        try:
            with self.world.lock:
                self.world.start_request()
                answer = self._answer(request)
        except GraphError as error:
            body = error.body(request_id, client_request_id, self.world.clock.instant())
            if error.status == 401:
                error.headers["WWW-Authenticate"] = 'Bearer realm="", error="invalid_token"'
            answer = Answer(error.status, body, error.headers)
        content = json.dumps(answer.body) if answer.body is not None else answer.text or b""
        response = Response(content, status=answer.status, mimetype="text/plain" if answer.text else None)
        if answer.body is not None:
            response.headers["Content-Type"] = (
                "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"
            )
        response.headers["request-id"] = request_id
        response.headers["client-request-id"] = client_request_id
        for name, value in answer.headers.items():
            response.headers[name] = value
        return response

    def _answer(self, request: Request) -> Answer:
        tenant, caller = caller_of(self.world, self.keys, request.headers.get("Authorization", ""))
        headers = {name.lower(): value for name, value in request.headers.items()}
        if request.path == USERINFO:
            return userinfo.answer(caller, request.method)
        path, query = request.path.removeprefix("/v1.0"), list(request.args.items(multi=True))
        body = _body(request)
        if canonical(path) == "$batch":
            if request.method != "POST":
                raise _wrong_method()
            odata.refuse_options(odata.options(query))
            return self._batch(tenant, caller, body)
        return self._counted(tenant, caller, request.method, path, query, headers, body)

    def _counted(
        self,
        tenant: Tenant,
        caller: Caller,
        method: str,
        path: str,
        pairs: list[tuple[str, str]],
        headers: dict[str, str],
        body: JsonObject,
    ) -> Answer:
        """One call, or one part of a batch: it costs the same, and is refused alone."""
        query = odata.options(pairs)
        counted = (caller.app_id, tenant.id, method, canonical(path), query)
        refused = self.quotas.take(*counted)
        if refused:
            return refused
        try:
            answer = self._call(tenant, caller, method, path, query, headers, body)
        except GraphError as error:  # a refused call costs as much
            error.headers.update(self.quotas.headers(*counted))
            raise
        answer.headers.update(self.quotas.headers(*counted))
        return answer

    def _call(
        self,
        tenant: Tenant,
        caller: Caller,
        method: str,
        path: str,
        query: dict[str, str],
        headers: dict[str, str],
        body: JsonObject,
    ) -> Answer:
        route, params = _route(method, canonical(path))
        call = GraphCall(
            world=self.world,
            tenant=tenant,
            caller=caller,
            method=method,
            path=path,
            query=query,
            headers=headers,
            body=body,
            graph_url=self.urls.entra,
            allow_localhost_redirects=self.allow_localhost_redirects,
            params=params,
        )
        if caller.user is None and canonical(path).split("/")[0] == "me":
            raise bad_request("/me request is only valid with delegated authentication flow.")
        check(call, route.needs)
        odata.refuse_for_write(call)
        answer = route.handler(call)
        if method != "GET":
            self.world.touch()
        return answer

    def _batch(self, tenant: Tenant, caller: Caller, body: JsonObject) -> Answer:
        """https://learn.microsoft.com/graph/json-batching"""
        parts = body.get("requests")
        if not isinstance(parts, list) or not 0 < len(parts) <= MOST_BATCH_PARTS:
            raise GraphError(400, "BadRequest", "Number of batch request steps must be between 1 and 20.")
        statuses: dict[str, int] = {}
        responses: list[JsonObject] = []
        for part in parts:
            _check_part(part)
            if any(statuses.get(name, 424) >= 400 for name in part.get("dependsOn") or []):
                answer = Answer(424, {"error": {"code": "FailedDependency", "message": "A dependency failed."}})
            else:
                answer = self._part(tenant, caller, part)
            statuses[str(part.get("id"))] = answer.status
            responses.append(_batched(part, answer))
        return Answer(200, {"responses": responses})

    def _part(self, tenant: Tenant, caller: Caller, part: JsonObject) -> Answer:
        url = urlsplit(str(part.get("url", "")))
        headers = {name.lower(): str(value) for name, value in (part.get("headers") or {}).items()}
        query = parse_qsl(url.query, keep_blank_values=True)
        try:
            return self._counted(
                tenant,
                caller,
                str(part.get("method", "")).upper(),
                unquote(url.path).removeprefix("/v1.0"),
                query,
                headers,
                part.get("body") or {},
            )
        except GraphError as error:
            request_id = str(uuid4())
            return Answer(error.status, error.body(request_id, request_id, self.world.clock.instant()), error.headers)


def _batched(part: JsonObject, answer: Answer) -> JsonObject:
    """The answer of one part. The body of a text is a string; all others are JSON.

    http://docs.oasis-open.org/odata/odata-json-format/v4.01/odata-json-format-v4.01.html#sec_BatchResponse
    """
    kind = "application/json" if answer.text is None else "text/plain"
    return {
        "id": part.get("id"),
        "status": answer.status,
        "headers": {"Content-Type": kind, **answer.headers},
        "body": answer.body if answer.text is None else answer.text,
    }


def _check_part(part: object) -> None:
    kinds = {"body": dict, "headers": dict, "dependsOn": list}
    if not isinstance(part, dict) or not all(isinstance(part.get(n) or kind(), kind) for n, kind in kinds.items()):
        raise GraphError(400, "BadRequest", "Invalid batch payload format.")


def _wrong_method() -> GraphError:
    return GraphError(405, "Request_BadRequest", "Specified HTTP method is not allowed for the request target.")


def _route(method: str, path: str) -> tuple[Route, dict[str, str]]:
    elsewhere = False
    for route in ROUTES:
        match = route.pattern.match(path)
        if match and route.method == method:
            return route, match.groupdict()
        elsewhere = elsewhere or match is not None
    if elsewhere:
        raise _wrong_method()
    raise wrong_segment(path.rpartition("/")[2])


def _body(request: Request) -> JsonObject:
    if not request.get_data(cache=True):
        return {}
    try:
        body = json.loads(request.get_data())
    except ValueError:
        body = None
    if not isinstance(body, dict) or not request.is_json:
        raise GraphError(
            400,
            "BadRequest",
            "Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid"
            " JSON format.",
        )
    return body
