"""The chaos suite covers every kind of operation: a new kind without a scenario fails here."""

import pytest

from registrations.engine import registry
from tests.chaos import (
    connection_methods,
    crashes,
    deletion_fixtures,
    deletions,
    fixtures,
    preconditions,
    request_operations,
)

# They make nothing in Entra or a UMP: one only reads, and a mail is never sent twice once it was started.
MAKES_NOTHING = {"check_tenant", "send_invitation"}
SCENARIOS = (*crashes.BASIC, *crashes.OTHER_METHODS, *crashes.WITH_PRECONDITIONS, *deletions.SCENARIOS)


def test_every_kind_that_makes_something_has_a_factory(monkeypatch: pytest.MonkeyPatch) -> None:
    def uncovered() -> set[str]:
        of_tests = {name for name, kind in registry.kinds.items() if kind.steps[0].run.__module__.startswith("tests.")}
        factories = fixtures.FACTORIES | connection_methods.FACTORIES
        return registry.kinds.keys() - of_tests - MAKES_NOTHING - factories.keys()

    assert not uncovered()
    monkeypatch.setitem(registry.kinds, "connect_by_magic", registry.kinds["connect"])
    assert uncovered() == {"connect_by_magic"}


def test_every_factory_can_be_requested_and_has_a_scenario() -> None:
    factories = {
        **fixtures.FACTORIES,
        **connection_methods.FACTORIES,
        **preconditions.FACTORIES,
        **deletion_fixtures.FACTORIES,
    }
    assert set(request_operations.KINDS) == factories.keys() == {scenario.kind for scenario in SCENARIOS}
