"""The engine's database queries: a fixed number for each step, however many operations exist."""

from collections.abc import Callable, Iterator

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from registrations import audit
from registrations.engine import queue, registry, runner
from registrations.models import EntraTenant, Operation
from tests import factories

pytestmark = pytest.mark.django_db
EACH_STEP = 4  # its end with the next one's beginning, and the history's three; savepoints and locks are not counted
NOT_COUNTED = ("SAVEPOINT", "RELEASE", "BEGIN", "COMMIT", "SELECT pg_advisory")


@pytest.fixture
def queries_of() -> Iterator[Callable[[int], int]]:
    """How many queries the run of an operation with so many steps needs."""

    def count(steps: int) -> int:
        made = tuple(registry.Step(f"step{number}", "Step", lambda _: "") for number in range(steps))
        registry.register(registry.Kind("try", "Try", made, EntraTenant, lambda _: None, lambda _: None))
        number = EntraTenant.objects.count()
        tenant = factories.make_tenant(tenant_id=f"f1eba000-0000-4000-8000-{number:012d}")
        operation = queue.request("try", tenant, actor=audit.SYSTEM)
        with CaptureQueriesContext(
            connection,
        ) as seen:
            runner.run(operation.pk)
        assert Operation.objects.get(pk=operation.pk).status == "succeeded"
        return len([query for query in seen.captured_queries if not query["sql"].startswith(NOT_COUNTED)])

    yield count
    registry.kinds.pop("try", None)


def test_each_step_costs_at_most_four_queries(queries_of: Callable[[int], int]) -> None:
    one, two, nine = queries_of(1), queries_of(2), queries_of(9)
    assert nine - two == 7 * (two - one)
    assert two - one <= EACH_STEP


def test_a_run_costs_the_same_among_many_operations(queries_of: Callable[[int], int]) -> None:
    before = queries_of(3)
    for _ in range(5):
        queries_of(1)
    assert queries_of(3) == before
