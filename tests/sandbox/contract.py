"""Makes every call of `contract_calls` against the sandbox.

`tests/contract` compares the answers with Microsoft's own description.
"""

from dataclasses import dataclass
from typing import Any

from sandbox.app import Sandbox
from tests.sandbox import actors
from tests.sandbox.actors import Rest
from tests.sandbox.contract_calls import ROWS, Row

CARLAS_SCOPES = f"User.Read {actors.PROVISIONING} DelegatedPermissionGrant.ReadWrite.All Directory.Read.All"
# Calls that Graph documents but that its OpenAPI description does not list.
DOCUMENTED_EXTRAS = frozenset(
    {
        "/applications(appId='{appId}')/addPassword",
        "/applications(appId='{appId}')/removePassword",
        "/me/transitiveMemberOf/microsoft.graph.directoryRole",
        "/$batch",
    }
)


@dataclass(frozen=True)
class Exchange:
    """A row that was played."""

    row: Row
    status: int
    answer: Any


def substitute(value: Any, kept: dict[str, str]) -> Any:
    """The value with `{name}` replaced by what earlier answers brought."""
    if isinstance(value, dict):
        return {name: substitute(item, kept) for name, item in value.items()}
    if isinstance(value, list):
        return [substitute(item, kept) for item in value]
    return value.format(**kept) if isinstance(value, str) else value


def play(sandbox: Sandbox) -> list[Exchange]:
    """Make every call of the table, in order."""
    provider = sandbox.seed.provider
    callers: dict[str, Rest] = {
        "portal": actors.app_only(sandbox, provider.tenant_id, provider.client_id, provider.client_secret),
        "carla": actors.delegated(sandbox, "carla@contoso.example", CARLAS_SCOPES),
    }
    kept = {"finebak": provider.tenant_id}
    exchanges: list[Exchange] = []
    for row in ROWS:
        answer = callers[row.who].call(
            row.method, substitute(row.path, kept), substitute(row.body, kept), **row.headers
        )
        body = answer.json() if answer.content else None
        kept.update({name: body[source] for name, source in row.keep.items() if body and source in body})
        exchanges.append(Exchange(row, answer.status_code, body))
    return exchanges
