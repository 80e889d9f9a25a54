"""Objects that somebody deletes by hand before each step of each kind of operation that stands on them.

The application is restorable, purged, or only its service principal is deleted. Like the kill points, the steps are not listed:
they are those that a finished operation has after the one that makes or takes note of the object.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from tests.chaos.checks import check
from tests.chaos.environment import Environment
from tests.chaos.results import Result

TIMEOUT_SECONDS = 240.0
PRINCIPAL = "principal"
WORDS = {
    "deleted": "application deleted",
    "purged": "application purged",
    PRINCIPAL: "service principal deleted",
}


@dataclass(frozen=True)
class Scenario:
    """A kind of operation, the last step before the object exists, and how it may end."""

    kind: str
    made_by: str
    hows: tuple[str, ...] = tuple(WORDS)
    expected: Collection[str] = ("succeeded",)
    together: bool = True  # False: the operations share the object


SCENARIOS = (
    Scenario("deleted_provision", "application"),
    Scenario("deleted_connect", "application"),
    # It is the customer's own, and there before the first step: the setup ends in words, and the form opens again.
    Scenario("deleted_existing", "", expected=("failed",)),
    # The sync app, or the service principal that it has in the customer's tenant.
    Scenario("deleted_token", "", together=False),
)


def rows(environment: Environment) -> Iterator[Result]:
    """For each kind and each way to delete, a row with one operation for each step; in a sample one way of each kind."""
    for scenario in SCENARIOS:
        (first,) = environment.request(scenario.kind, 1)
        environment.finish([first], TIMEOUT_SECONDS)
        steps = _steps_after(environment, first, scenario.made_by)
        for how in environment.sample.of(scenario.kind, scenario.hows):
            yield _row(environment, scenario, how, steps)


def _steps_after(environment: Environment, operation: str, made_by: str) -> list[str]:
    ((steps,),) = environment.query("SELECT steps FROM registrations_operation WHERE id = %s::uuid", [operation])
    names = [step["name"] for step in steps]
    return names[names.index(made_by) + 1 :] if made_by else names


def _row(environment: Environment, scenario: Scenario, how: str, steps: list[str]) -> Result:
    wanted = [[step, how] for step in steps if (step, how) != ("service_principal", PRINCIPAL)]
    batches = [wanted] if scenario.together else [[each] for each in wanted]
    operations: list[str] = []
    for batch in batches:
        requested = environment.request(scenario.kind, len(batch), deletions=batch)
        environment.finish(requested, TIMEOUT_SECONDS)
        operations += requested
    result = check(environment, name_of(scenario, how), operations, scenario.expected)
    undone = [operation for operation in operations if not _happened(environment, operation)]
    result.did_not_happen([f"{each}: nothing was deleted" for each in undone])
    return result


def name_of(scenario: Scenario, how: str) -> str:
    """The name of the row of a scenario and a way to delete."""
    return f"{WORDS[how]} before each step of {scenario.kind.removeprefix('deleted_')}"


def _happened(environment: Environment, operation: str) -> bool:
    return (environment.directory / "deletions" / f"{operation}.done").exists()
