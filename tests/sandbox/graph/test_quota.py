"""The published quota for each application and tenant: enforced, reported in headers, refilled over time."""

import pytest

from sandbox.app import Sandbox
from sandbox.graph.quota import Limit, Quotas, units_of
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
    assert refused.headers["x-ms-throttle-scope"].startswith("Tenant_Application/Write/")
    assert "x-ms-resource-unit" not in refused.headers


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
    ("method", "path", "query", "units"),
    [
        ("GET", "applications", {}, 2),
        ("GET", "applications", {"$select": "id"}, 1),
        ("GET", "applications", {"$top": "19"}, 1),
        ("GET", "applications", {"$top": "20"}, 2),
        ("GET", "applications", {"$top": "5", "$select": "id"}, 1),
        ("GET", "applications/1", {}, 1),
        ("GET", "applications/1", {"$expand": "owners"}, 2),
        ("GET", "servicePrincipals/1/appRoleAssignments", {}, 2),
        ("GET", "me/transitiveMemberOf/microsoft.graph.directoryRole", {}, 2),
        ("POST", "applications", {}, 1),
    ],
)
def test_a_call_costs_its_published_units(method: str, path: str, query: dict[str, str], units: int) -> None:
    assert units_of(method, path, query) == units


@pytest.mark.parametrize(
    ("limit", "other"),
    [(Limit.WRITES_OF_APPLICATION, ("app", "another tenant")), (Limit.WRITES_IN_TENANT, ("another app", "tenant"))],
)
def test_an_application_and_a_tenant_have_quotas_of_their_own(limit: Limit, other: tuple[str, str]) -> None:
    quotas = Quotas(clock=lambda: 0.0)
    quotas.bucket("app", "tenant", limit).left = 0
    refused = quotas.take(*other, "PATCH", "applications/1", {})
    assert refused is not None
    assert refused.headers["x-ms-throttle-information"] == "WriteLimitExceeded"
    assert quotas.take(*other, "GET", "applications/1", {}) is None


def test_a_refused_call_takes_nothing_from_any_bucket() -> None:
    quotas = Quotas(clock=lambda: 0.0)
    quotas.set_left("app", "tenant", writes=0)
    quotas.take("app", "tenant", "POST", "applications", {})
    assert quotas.bucket("app", "tenant", Limit.UNITS).left == Limit.UNITS.size
    assert quotas.bucket("app", "tenant", Limit.WRITES_IN_TENANT).left == Limit.WRITES_IN_TENANT.size


def test_each_part_of_a_batch_is_counted_and_refused_alone(sandbox: Sandbox, graph: Rest) -> None:
    provider = sandbox.seed.provider
    sandbox.quotas.clock = lambda: 0.0
    sandbox.quotas.set_left(provider.client_id, provider.tenant_id, writes=1)
    parts = [
        {"id": str(number), "method": "POST", "url": "/applications", "body": {"displayName": f"app {number}"}}
        for number in range(3)
    ]
    answers = graph.post("/$batch", {"requests": parts}).json()["responses"]
    assert [answer["status"] for answer in answers] == [201, 429, 429]
    assert int(answers[1]["headers"]["Retry-After"]) >= 1


def test_an_answer_says_what_it_cost(graph: Rest) -> None:
    assert graph.get("/applications").headers["x-ms-resource-unit"] == "2"
    assert graph.get("/applications?$select=id").headers["x-ms-resource-unit"] == "1"


def test_a_refused_call_says_what_it_cost_too(graph: Rest) -> None:
    wrong = "/applications/99999999-0000-4000-8000-000000000000"
    for answer, status in (
        (graph.get(wrong), 404),
        (graph.patch(wrong, {"displayName": "x"}), 404),
        (graph.get("/applications?$select=nothing"), 400),
        (graph.get("/roleManagement/directory/roleAssignments"), 403),
        (graph.get("/nothing"), 400),
    ):
        assert answer.status_code == status, answer.text
        assert answer.headers["x-ms-resource-unit"] == "1"
    (part,) = graph.post("/$batch", {"requests": [{"id": "1", "method": "GET", "url": wrong}]}).json()["responses"]
    assert (part["status"], part["headers"]["x-ms-resource-unit"]) == (404, "1")
