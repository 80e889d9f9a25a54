"""Every kind of operation is killed at its points: one that is added and forgotten by the chaos suite fails here."""

import pytest

from registrations.engine import registry
from tests.chaos import kills, rows, staged, subjects, ways

# They make nothing in Entra or a UMP: one only looks, and a mail that was begun is never sent twice.
MAKE_NOTHING = {"check_tenant", "send_invitation"}
SCENES = (*kills.UNDISTURBED, *kills.OTHER_WAYS, *kills.DISTURBED)


def test_every_kind_that_makes_something_has_a_maker(monkeypatch: pytest.MonkeyPatch) -> None:
    def forgotten() -> set[str]:
        of_tests = {name for name, kind in registry.kinds.items() if kind.steps[0].run.__module__.startswith("tests.")}
        return registry.kinds.keys() - of_tests - MAKE_NOTHING - (rows.MAKERS | ways.MAKERS).keys()

    assert not forgotten()
    monkeypatch.setitem(registry.kinds, "connect_by_magic", registry.kinds["connect"])
    assert forgotten() == {"connect_by_magic"}


def test_every_maker_can_be_asked_for_and_is_killed_at_its_points() -> None:
    makers = {**rows.MAKERS, **ways.MAKERS, **staged.MAKERS}
    assert set(subjects.KINDS) == makers.keys() == {scene.kind for scene in SCENES}
