"""Makes every call to Graph that the product makes against the sandbox.

`tests/contract` compares the answers with Microsoft's own description.
"""

from dataclasses import dataclass
from typing import Any

from sandbox.app import Sandbox
from tests.sandbox import actors
from tests.sandbox.actors import Rest
from tests.sandbox.contract_rows import CUSTOMER, PORTAL, Row

__all__ = ["DOCUMENTED_EXTRAS", "ROWS", "Exchange", "Row", "play"]

CARLAS_SCOPES = f"User.Read {actors.PROVISIONING} DelegatedPermissionGrant.ReadWrite.All Directory.Read.All"
# Calls that Graph documents but the OpenAPI description does not list.
DOCUMENTED_EXTRAS = frozenset(
    {
        "/applications(appId='{appId}')/addPassword",
        "/applications(appId='{appId}')/removePassword",
        "/me/transitiveMemberOf/microsoft.graph.directoryRole",
        "/$batch",
    }
)
ROWS = [*PORTAL, *CUSTOMER]


@dataclass(frozen=True)
class Exchange:
    """A row that was called, and its answer."""

    row: Row
    status: int
    answer: Any


def _filled(value: Any, kept: dict[str, str]) -> Any:
    """The value with `{name}` replaced by what earlier answers returned."""
    if isinstance(value, dict):
        return {name: _filled(item, kept) for name, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, kept) for item in value]
    return value.format(**kept) if isinstance(value, str) else value


def play(sandbox: Sandbox) -> list[Exchange]:
    """Make every call, in order. Statuses are not checked here."""
    provider = sandbox.seed.provider
    callers: dict[str, Rest] = {
        "portal": actors.app_only(sandbox, provider.tenant_id, provider.client_id, provider.client_secret),
        "carla": actors.delegated(sandbox, "carla@contoso.example", CARLAS_SCOPES),
    }
    kept = {"finebak": provider.tenant_id}
    exchanges: list[Exchange] = []
    for row in ROWS:
        answer = callers[row.who].call(row.method, _filled(row.path, kept), _filled(row.body, kept), **row.headers)
        body = answer.json() if answer.content else None
        kept.update({name: body[source] for name, source in row.keep.items() if body and source in body})
        exchanges.append(Exchange(row, answer.status_code, body))
    return exchanges
