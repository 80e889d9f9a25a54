"""What a tenant's app management policy says about client secrets."""

from collections.abc import Callable

from registrations import connections, engine
from registrations.clients.graph.client import GraphClient
from registrations.clients.graph.types import SecretPolicy
from registrations.errors import NotPermittedError
from registrations.models import EntraTenant


def of_tenant(graph: GraphClient, tenant: EntraTenant) -> SecretPolicy:
    """The policy, read once per run. In a bulk job it may be minutes old."""
    key = ("policy", tenant.tenant_id, tenant.client_id)
    return engine.cached("policy", lambda: _or_none(lambda: connections.cached_answer(key, graph.secret_policy)))


def read(graph: GraphClient) -> SecretPolicy:
    """The policy as it is now; without Policy.Read.All, which is optional, one that allows everything."""
    return _or_none(graph.secret_policy)


def _or_none(ask: Callable[[], SecretPolicy]) -> SecretPolicy:
    try:
        return ask()
    except NotPermittedError:
        return SecretPolicy(forbidden=False, longest="")
