"""The published quota for each application and tenant: enforced, reported in headers, refilled over time."""

import pytest

from sandbox.app import Sandbox
from sandbox.graph.quota import Quotas, units_of
from tests.sandbox.actors import Rest


def test_a_write_beyond_the_quota_gets_429_and_retry_after(sandbox: Sandbox, graph: Rest) -> None:
    provider = sandbox.seed.provider
    sandbox.quotas.clock = lambda: 0.0  # stopped, because the bucket refills between two calls
    sandbox.quotas.set_left(provider.client_id, provider.tenant_id, writes=1)
    assert graph.post("/applications", {"displayName": "first"}).status_code == 201
    refused = graph.post("/applications", {"displayName": "second"})
    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) >= 1
    assert refused.json()["error"]["code"] == "TooManyRequests"
    assert float(refused.headers["x-ms-throttle-limit-percentage"]) > 0.99


def test_reads_and_writes_have_separate_buckets(sandbox: Sandbox, graph: Rest) -> None:
    provider = sandbox.seed.provider
    sandbox.quotas.set_left(provider.client_id, provider.tenant_id, writes=0)
    answer = graph.get("/applications")
    assert answer.status_code == 200
    assert "x-ms-throttle-limit-percentage" not in answer.headers


def test_each_tenant_of_an_application_has_its_own_quota() -> None:
    quotas = Quotas()
    quotas.set_left("app", "one", writes=0)
    assert quotas.take("app", "one", "POST", "applications", {}) is not None
    assert quotas.take("app", "two", "POST", "applications", {}) is None


def test_twenty_writes_are_refilled_each_second() -> None:
    now = [0.0]
    quotas = Quotas(clock=lambda: now[0])
    quotas.set_left("app", "tenant", writes=0)
    now[0] = 1.0
    taken = [quotas.take("app", "tenant", "POST", "applications", {}) for _ in range(21)]
    assert [answer is None for answer in taken] == [True] * 20 + [False]


@pytest.mark.parametrize(
    ("path", "query", "units"),
    [
        ("applications", {}, 2),
        ("applications", {"$select": "id"}, 1),
        ("applications/1", {}, 1),
        ("applications/1", {"$expand": "owners"}, 2),
        ("servicePrincipals/1/appRoleAssignments", {}, 2),
    ],
)
def test_a_read_costs_its_published_units(path: str, query: dict[str, str], units: int) -> None:
    assert units_of(path, query) == units
