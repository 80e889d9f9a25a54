"""The control API, for tests and demos that run in another process: `/_sandbox/...`.

A web page must not be able to use it. So a change needs a JSON content type and no Origin header; browsers send an
Origin header with such requests.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, Protocol

from werkzeug import Request, Response

from sandbox import directory
from sandbox.call_log import Call, CallLog
from sandbox.directory import LAG_KINDS
from sandbox.faults import Faults
from sandbox.graph.quota import Quotas
from sandbox.model import JsonObject
from sandbox.seed import seed_provider
from sandbox.world import World


class Controlled(Protocol):
    """The part of the sandbox that the control API uses."""

    world: World
    faults: Faults
    log: CallLog
    quotas: Quotas
    latency: dict[str, float]

    def reset(self) -> None: ...

    def rotate_signing_key(self) -> None: ...


def answer(sandbox: Controlled, request: Request) -> Response:
    """Answer one control call."""
    name = request.path.removeprefix("/_sandbox").strip("/")
    if request.method in ("GET", "HEAD"):
        return _read(sandbox, name)
    # A web page can send a plain cross-origin POST, but a DELETE needs a CORS preflight, which fails here.
    if "Origin" in request.headers or (request.method == "POST" and not request.is_json):
        return _json({"error": "Send JSON. Requests from web pages are not accepted."}, 403)
    body = request.get_json(silent=True)
    if not isinstance(body, dict) and request.get_data():
        return _json({"error": "The body must be a JSON object."}, 400)
    try:
        return _json(_change(sandbox, request.method, name, body or {}))
    except (LookupError, TypeError, ValueError) as problem:
        return _json({"error": str(problem)}, 400)


def _read(sandbox: Controlled, name: str) -> Response:
    if name == "calls":
        return _json([_call(call) for call in sandbox.log.copy()])
    if name == "counts":
        return _json(dict(sandbox.log.counts))
    if name == "faults":
        return _json(sandbox.faults.listing())
    if name == "held-back":
        with sandbox.world.lock:
            return _json(dict(+sandbox.world.held_back))
    if name == "messages":
        return _json([asdict(message) for message in sandbox.world.messages()])
    if name == "world":
        with sandbox.world.lock:
            return _json(asdict(sandbox.world.state))
    return _json({"error": "Not found."}, 404)


def _call(call: Call) -> JsonObject:
    # Tokens are not sent over the network; no demo needs them.
    headers = {name: value for name, value in call.headers.items() if name.lower() != "authorization"}
    return {**asdict(call), "headers": headers}


def _change(sandbox: Controlled, method: str, name: str, body: JsonObject) -> Any:
    if (method, name) == ("POST", "faults"):
        return asdict(sandbox.faults.add(**body))
    if (method, name) == ("DELETE", "faults"):
        sandbox.faults.clear()
        return {}
    if (method, name) == ("DELETE", "calls"):
        sandbox.log.clear()
        return {}
    if (method, name) == ("POST", "reset"):
        sandbox.reset()
        return {}
    if (method, name) == ("POST", "rotate-signing-key"):
        sandbox.rotate_signing_key()
        return {}
    if (method, name) == ("POST", "quota"):
        with sandbox.world.lock:
            return sandbox.quotas.set_left(**body)
    if (method, name) == ("POST", "latency"):
        sandbox.latency.update({service: float(seconds) for service, seconds in body.items()})
        return dict(sandbox.latency)
    if (method, name) == ("POST", "world"):
        arguments = dict(body)
        operation = OPERATIONS.get(str(arguments.pop("op", "")))
        if operation is None:
            raise LookupError(f"op must be one of {', '.join(OPERATIONS)}")
        with sandbox.world.lock:
            result = operation(sandbox.world, **arguments)
        sandbox.world.touch()
        return result
    raise LookupError("unknown control call")


def _set_secret_policy(
    world: World, tenant: str, max_lifetime_days: int | None = None, secrets_forbidden: bool = False
) -> JsonObject:
    policy = world.tenant(tenant).secret_policy
    policy.max_lifetime_days, policy.secrets_forbidden = max_lifetime_days, secrets_forbidden
    return asdict(policy)


def _set_ump(world: World, ump: str, **flags: Any) -> JsonObject:
    """Set offline ("503", "cut" or null), lacks_contract_api, polls_before_done."""
    found = world.ump(ump)
    for name, value in flags.items():
        if name not in ("offline", "lacks_contract_api", "polls_before_done"):
            raise LookupError(f"no flag {name}")
        setattr(found, name, value)
    return {"ump": ump, **flags}


def _set_ump_offline(world: World, ump: str, offline: bool | str | None = True) -> JsonObject:
    how = "503" if offline is True else (offline or None)
    return _set_ump(world, ump, offline=how)


def _set_lag(world: World, kind: str, seconds: float) -> JsonObject:
    if kind not in LAG_KINDS:
        raise LookupError(f"kind must be one of {', '.join(LAG_KINDS)}")
    world.lag[kind] = float(seconds)
    return dict(world.lag)


def _set_alternating_reads(world: World, seconds: float) -> JsonObject:
    """For that many seconds after an object was created, every second call goes to a replica without it."""
    world.alternating_seconds = float(seconds)
    return {"seconds": world.alternating_seconds}


def _set_clock_skew(world: World, seconds: float) -> JsonObject:
    world.clock.skew = float(seconds)
    return {"seconds": world.clock.skew}


USER_FLAGS = (
    "enabled",
    "mfa_setup_needed",
    "blocked_by_conditional_access",
    "user_type",
    "refused_with",
    "refused_where",
)


def _set_user(world: World, tenant: str, upn: str, **flags: Any) -> JsonObject:
    user = world.tenant(tenant).user(upn)
    for name, value in flags.items():
        if name not in USER_FLAGS:
            raise LookupError(f"no flag {name}")
        setattr(user, name, value)
    return asdict(user)


def _add_tenant(world: World, name: str, tenant_id: str | None = None) -> JsonObject:
    return asdict(world.add_tenant(name, tenant_id))


def _add_granted_application(
    world: World, tenant: str, name: str, permissions: dict[str, list[str]], roles: list[str]
) -> JsonObject:
    """Create a registration as a customer does by hand.

    It has a secret, permissions by API id, and directory roles by template id.
    """
    owner = world.tenant(tenant)
    application = world.add_application(owner, name)
    for api, values in permissions.items():
        world.grant_application_permissions(owner, application.app_id, values, api)
    principal = owner.service_principal_of(application.app_id) or world.add_service_principal(owner, application.app_id)
    for role in roles:
        directory.assign_role(owner, principal.id, role, created_at=0.0)
    return {"app_id": application.app_id, "secret": world.add_secret(application, "made by hand").secret}


def _add_user(world: World, tenant: str, **user: Any) -> JsonObject:
    return asdict(world.add_user(world.tenant(tenant), **user))


def _add_ump(world: World, name: str, tenant_id: str, api_app_id: str | None = None) -> JsonObject:
    return asdict(world.add_ump(name, tenant_id, api_app_id))


def _add_ump_customer(world: World, **customer: Any) -> JsonObject:
    return asdict(world.add_ump_customer(**customer))


def _set_application(world: World, app_id: str, **properties: Any) -> JsonObject:
    """Change an application without the product, by Graph's property names. Tests use it to create drift."""
    application = world.find_application(app_id=app_id)
    if application is None:
        raise LookupError(f"no application {app_id}")
    application.properties.update(properties)
    return application.properties


def _delete_application(world: World, app_id: str, how: str = "deleted", tenant: str = "") -> JsonObject:
    """Delete an application as an administrator does by hand: "deleted" (restorable), "purged", or its "principal" alone.

    `tenant`: of the service principal, if it is not the application's own.
    """
    application = world.find_application(app_id=app_id)
    if application is None or how not in ("deleted", "purged", "principal"):
        raise LookupError(f"no application {app_id}, or no way {how} to delete it")
    owner = world.tenant(tenant or application.tenant_id)
    principal = owner.service_principal_of(app_id)
    if principal is not None:
        principal.deleted = world.clock.instant()
        owner.deleted_service_principals[principal.id] = owner.service_principals.pop(principal.id)
    if how != "principal":
        application.deleted = world.clock.instant()
        owner.deleted_applications[application.id] = owner.applications.pop(application.id)
    if how == "purged":
        del owner.deleted_applications[application.id]
        if principal is not None:
            del owner.deleted_service_principals[principal.id]
    return {"application": application.id, "principal": principal.id if principal else None}


def _expire_secret(world: World, app_id: str, days: float = -1) -> JsonObject:
    """Make all secrets of an application expire that many days from now."""
    application = world.find_application(app_id=app_id)
    if application is None:
        raise LookupError(f"no application {app_id}")
    for password in application.passwords:
        password.end = world.clock.instant(days * 86400)
    return {"secrets": len(application.passwords)}


def _forget_messages(world: World) -> JsonObject:
    world.state.mail.clear()
    return {}


OPERATIONS: dict[str, Callable[..., JsonObject]] = {
    "set_secret_policy": _set_secret_policy,
    "set_ump": _set_ump,
    "set_ump_offline": _set_ump_offline,
    "set_lag": _set_lag,
    "set_alternating_reads": _set_alternating_reads,
    "set_clock_skew": _set_clock_skew,
    "set_user": _set_user,
    "set_application": _set_application,
    "expire_secret": _expire_secret,
    "delete_application": _delete_application,
    "add_tenant": _add_tenant,
    "add_provider": seed_provider,
    "add_granted_application": _add_granted_application,
    "add_user": _add_user,
    "add_ump": _add_ump,
    "add_ump_customer": _add_ump_customer,
    "forget_messages": _forget_messages,
}


def _json(body: Any, status: int = 200) -> Response:
    return Response(json.dumps(body), status=status, mimetype="application/json")
