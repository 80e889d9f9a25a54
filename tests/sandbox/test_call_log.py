"""The log of received calls."""

from sandbox.app import Sandbox
from tests.sandbox.actors import Rest


def test_calls_are_recorded_with_their_bodies(sandbox: Sandbox, graph: Rest) -> None:
    graph.upsert("one")
    call = sandbox.calls[-1]
    assert (call.service, call.method, call.path) == ("graph", "PATCH", "/v1.0/applications(uniqueName='one')")
    assert call.body["displayName"] == "Sync App"
    assert call.headers["Prefer"] == "create-if-missing"
    token = next(c for c in sandbox.calls if c.service == "entra")
    assert token.body["client_secret"] == sandbox.seed.provider.client_secret
