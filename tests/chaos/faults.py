"""Faults of Microsoft, the UMP and the network, scripted in the sandbox and tested with real operations."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.chaos.checks import check
from tests.chaos.environment import Environment
from tests.chaos.results import Result

EACH = 2  # operations for each row
TIMEOUT_SECONDS = 240.0
DRIP_SECONDS = 0.2  # between two bytes: 200 of them take 40 s, and the product allows ten for a body here
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
class ScriptedFault:
    """A fault that the sandbox is scripted to cause; it must have happened by the end."""

    name: str
    scripts: tuple[dict[str, Any], ...]
    kind: str = "provision"


def graph(method: str, path: str, kind: str, **more: Any) -> dict[str, Any]:
    """A script for the sandbox's Graph."""
    return {"service": "graph", "method": method, "path": path, "kind": kind, "times": EACH, **more}


def refusing(method: str, path: str, status: int, body: Any = None, **more: Any) -> dict[str, Any]:
    """A script by which Graph answers with this status and does nothing."""
    return graph(method, path, "status", status=status, body=body, **more)


SCRIPTED = (
    *(
        ScriptedFault(f"answer lost after Graph succeeded: {what}", (graph(method, path, "lost_answer"),), kind)
        for what, method, path, kind in (
            ("create the application", "PATCH", CREATE, "provision"),
            ("create the service principal", "POST", PRINCIPAL, "provision"),
            ("add the secret", "POST", SECRET, "provision"),
            ("grant a permission", "POST", GRANT, "connect"),
            ("assign a role", "POST", ROLE, "connect"),
            ("add the customer's secret", "POST", SECRET, "connect"),
        )
    ),
    ScriptedFault(
        "answer lost after the UMP took the values", ({**graph("PUT", SYNC_APP, "lost_answer"), "service": "ump"},)
    ),
    ScriptedFault(
        "404 right after create",
        (refusing("POST", SECRET, 404, NOT_FOUND), refusing("POST", PRINCIPAL, 404, NOT_FOUND)),
    ),
    ScriptedFault("409 right after create", (refusing("POST", SECRET, 409, CONFLICT),)),
    ScriptedFault("400 right after create", (refusing("POST", PRINCIPAL, 400, NO_BACKING),)),
    ScriptedFault(
        "403 right after create",
        (refusing("POST", PRINCIPAL, 403, DENIED), refusing("POST", GRANT, 403, DENIED)),
        "connect",
    ),
    ScriptedFault("429 with Retry-After", (refusing("POST", SECRET, 429, headers={"Retry-After": "3"}),)),
    ScriptedFault("429 without Retry-After", (refusing("PATCH", CREATE, 429),)),
    ScriptedFault(
        "a burst of 429 answers",
        (refusing("GET", "/", 429, **AT_ONCE), refusing("POST", "/", 429, **AT_ONCE)),
    ),
    *(
        ScriptedFault(
            f"{status} on writes and reads",
            (refusing("POST", "/", status, times=3), refusing("GET", "/applications", status, times=3)),
        )
        for status in (500, 502, 503, 504)
    ),
    ScriptedFault(
        "late answers, after our timeout",
        (graph("POST", SECRET, "slow", seconds=7), graph("PATCH", CREATE, "slow", seconds=7)),
    ),
    ScriptedFault(
        "slow bodies, longer than our timeout",
        (graph("POST", SECRET, "drip", seconds=DRIP_SECONDS), graph("PATCH", CREATE, "drip", seconds=DRIP_SECONDS)),
    ),
    *(
        ScriptedFault(
            name,
            (graph("PATCH", CREATE, kind), graph("POST", SECRET, kind), graph("GET", "/", kind, times=4)),
        )
        for name, kind in (("closed connections", "cut"), ("reset connections", "reset"))
    ),
    ScriptedFault("truncated JSON", (graph("PATCH", CREATE, "truncated"), graph("POST", SECRET, "truncated"))),
    ScriptedFault(
        "truncated JSON in the customer's tenant",
        (graph("POST", SECRET, "truncated"), graph("GET", "/servicePrincipals", "truncated")),
        "connect",
    ),
)


def rows(environment: Environment) -> Iterator[Result]:
    """A row for each scripted fault."""
    for fault in environment.sample.of_each(SCRIPTED, lambda fault: f"{fault.kind}: {fault.scripts[0]['kind']}"):
        yield checked(environment, fault)


def checked(environment: Environment, fault: ScriptedFault) -> Result:
    """Script the fault, run operations, and check what they left behind."""
    environment.sandbox("faults", {}, method="DELETE")
    for script in fault.scripts:
        environment.fault(**script)
    operations = environment.request(fault.kind, EACH)
    environment.finish(operations, TIMEOUT_SECONDS)
    result = check(environment, fault.name, operations)
    result.did_not_happen(environment.sandbox("faults"))
    environment.sandbox("faults", {}, method="DELETE")
    return result
