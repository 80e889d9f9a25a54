"""Service principals for tests of Graph."""

from typing import Any

from tests.sandbox.actors import GRAPH_ID, Rest

NOBODY = "11111111-2222-3333-4444-555555555555"


def new_principal(rest: Rest) -> dict[str, Any]:
    app = rest.new_application()
    answer = rest.post("/servicePrincipals", {"appId": app["appId"]})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def graph_principal(rest: Rest) -> dict[str, Any]:
    return dict(rest.get(f"/servicePrincipals(appId='{GRAPH_ID}')").json())
