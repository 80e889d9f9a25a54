"""The table of faults: what Microsoft, the UMP and the network can do, each tried on real operations."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.chaos.checks import check
from tests.chaos.environment import Environment
from tests.chaos.results import Result

EACH = 2  # operations for each row
TIMEOUT_SECONDS = 240.0
DRIP_SECONDS = 0.2  # between two bytes: an answer of 200 takes 40 s, and the product's patience with a body is ten here
AT_ONCE = {"headers": {"Retry-After": "1"}, "times": 4}
DENIED = {"error": {"code": "Authorization_RequestDenied", "message": "Insufficient privileges."}}
NOT_FOUND = {"error": {"code": "Request_ResourceNotFound", "message": "Resource does not exist."}}
CONFLICT = {"error": {"code": "Directory_ConcurrencyViolation", "message": "Wait briefly and retry."}}
NO_BACKING = {
    "error": {"code": "NoBackingApplicationObject", "message": "Does not reference a valid application object."}
}
CREATE, PRINCIPAL, SECRET = r"/applications\(uniqueName", r"/servicePrincipals$", r"/addPassword"
SYNC_APP, GRANT, ROLE = r"/sync-app$", r"/appRoleAssignments$", r"/roleAssignments$"


@dataclass(frozen=True)
class Scripted:
    """A fault that the sandbox is scripted to cause; it must have happened by the end."""

    name: str
    scripts: tuple[dict[str, Any], ...]
    kind: str = "provision"


def graph(method: str, path: str, kind: str, **more: Any) -> dict[str, Any]:
    """One script for the sandbox's Graph."""
    return {"service": "graph", "method": method, "path": path, "kind": kind, "times": EACH, **more}


def refusing(method: str, path: str, status: int, body: Any = None, **more: Any) -> dict[str, Any]:
    """Graph answers so instead of doing it."""
    return graph(method, path, "status", status=status, body=body, **more)


SCRIPTED = (
    *(
        Scripted(f"answer lost after Graph succeeded: {what}", (graph(method, path, "lost_answer"),), kind)
        for what, method, path, kind in (
            ("create the application", "PATCH", CREATE, "provision"),
            ("create the service principal", "POST", PRINCIPAL, "provision"),
            ("add the secret", "POST", SECRET, "provision"),
            ("grant a permission", "POST", GRANT, "connect"),
            ("assign a role", "POST", ROLE, "connect"),
            ("add the customer's secret", "POST", SECRET, "connect"),
        )
    ),
    Scripted(
        "answer lost after the UMP took the values", ({**graph("PUT", SYNC_APP, "lost_answer"), "service": "ump"},)
    ),
    Scripted(
        "404 right after create",
        (refusing("POST", SECRET, 404, NOT_FOUND), refusing("POST", PRINCIPAL, 404, NOT_FOUND)),
    ),
    Scripted("409 right after create", (refusing("POST", SECRET, 409, CONFLICT),)),
    Scripted("400 right after create", (refusing("POST", PRINCIPAL, 400, NO_BACKING),)),
    Scripted(
        "403 right after create",
        (refusing("POST", PRINCIPAL, 403, DENIED), refusing("POST", GRANT, 403, DENIED)),
        "connect",
    ),
    Scripted("429 with Retry-After", (refusing("POST", SECRET, 429, headers={"Retry-After": "3"}),)),
    Scripted("429 without Retry-After", (refusing("PATCH", CREATE, 429),)),
    Scripted(
        "a storm of 429",
        (refusing("GET", "/", 429, **AT_ONCE), refusing("POST", "/", 429, **AT_ONCE)),
    ),
    *(
        Scripted(
            f"{status} on writes and reads",
            (refusing("POST", "/", status, times=3), refusing("GET", "/applications", status, times=3)),
        )
        for status in (500, 502, 503, 504)
    ),
    Scripted(
        "late answers, later than our patience",
        (graph("POST", SECRET, "slow", seconds=7), graph("PATCH", CREATE, "slow", seconds=7)),
    ),
    Scripted(
        "slow bodies, later than our patience",
        (graph("POST", SECRET, "drip", seconds=DRIP_SECONDS), graph("PATCH", CREATE, "drip", seconds=DRIP_SECONDS)),
    ),
    *(
        Scripted(
            name,
            (graph("PATCH", CREATE, kind), graph("POST", SECRET, kind), graph("GET", "/", kind, times=4)),
        )
        for name, kind in (("closed connections", "cut"), ("reset connections", "reset"))
    ),
    Scripted("truncated JSON", (graph("PATCH", CREATE, "truncated"), graph("POST", SECRET, "truncated"))),
    Scripted(
        "truncated JSON in the customer's tenant",
        (graph("POST", SECRET, "truncated"), graph("GET", "/servicePrincipals", "truncated")),
        "connect",
    ),
)


def answers(environment: Environment) -> Iterator[Result]:
    """What Microsoft, the UMP and the network answer."""
    for fault in SCRIPTED:
        yield scripted(environment, fault)


def scripted(environment: Environment, fault: Scripted) -> Result:
    """Script the fault, let operations meet it, and look at what is left."""
    environment.sandbox("faults", {}, method="DELETE")
    for script in fault.scripts:
        environment.fault(**script)
    operations = environment.request(fault.kind, EACH)
    environment.finish(operations, TIMEOUT_SECONDS)
    result = check(environment, fault.name, operations)
    result.did_not_happen(environment.sandbox("faults"))
    environment.sandbox("faults", {}, method="DELETE")
    return result
